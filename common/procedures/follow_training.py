"""Train under masks and follow gradients and weights on the way, at the evaluation points."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

from common.procedures.prune_then_train import saved_masks
from common.procedures.stage import Batch, Stage
from common.pruning import Masks, prunable
from common.store import Row
from common.training import Recipe, train

FLOOR = 1e-12  # of the dense network's squared gradient norm: where no path is left it is zero


def run(
    settings: SimpleNamespace, replicate: int, checkpoint: Path | None, device: torch.device
) -> list[Row]:
    """Return what training looks like from inside, before it begins and at every evaluation point.

    Returns
    -------
    list of Row
        ``batch loss``: on the batch that is trained on next, in training mode; ``batch
        log_gradient``: log10 of the squared norm of its gradient over the kept weights, at least
        1e-12 of the dense network's at initialisation; ``weights slope``: over layers, of log10 of
        the mean square of kept weights on log10 of 1 / their number. At the last step ``batch
        mean_loss`` and ``batch mean_log_gradient``, the means over all points, and ``weights
        slope_change``, last minus first; ``run diverged`` 1 where the loss is no number.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376) for gradient norms over training; Tanaka et al.
    2020 (arXiv 2006.05467), Fig. 5b, for the slopes.
    """
    stage = Stage(settings, replicate, device)
    model = stage.model()
    batches = stage.training_batches(model)
    recipe = Recipe(**vars(settings.recipe))
    _, dense = _loss_and_gradient(model, batches(0), None)
    masks = None
    if settings.criterion != "dense":
        masks = saved_masks(checkpoint, model) or stage.masks(model)
        masks.apply_to(model)
    trained = [-1]  # the number of the batch trained on last

    def drawn(step: int) -> Batch:
        trained[0] = step
        return batches(step)

    def look(net: nn.Module) -> dict[str, dict[str, float]]:
        loss, squared = _loss_and_gradient(net, batches(trained[0] + 1), masks)
        log = math.nan if math.isnan(squared) else math.log10(max(squared, FLOOR * dense))
        return {
            "batch": {"loss": loss, "log_gradient": log},
            "weights": {"slope": _size_slope(net, masks)},
        }

    rows = [
        Row(0, split, metric, value)
        for split, found in look(model).items()
        for metric, value in found.items()
    ]
    history = train(model, drawn, recipe, masks=masks, evaluation=look, checkpoint=checkpoint)
    rows += [Row(*row) for row in history.rows if row[1] != "train"]
    end = history.rows[-1][0]
    if history.diverged:
        return [*rows, Row(end, "run", "diverged", 1.0)]
    values = {
        name: [row.value for row in rows if (row.split, row.metric) == name]
        for name in (("batch", "loss"), ("batch", "log_gradient"), ("weights", "slope"))
    }
    losses, logs, slopes = values.values()
    return [
        *rows,
        Row(end, "batch", "mean_loss", sum(losses) / len(losses)),
        Row(end, "batch", "mean_log_gradient", sum(logs) / len(logs)),
        Row(end, "weights", "slope_change", slopes[-1] - slopes[0]),
    ]


def _loss_and_gradient(model: nn.Module, batch: Batch, masks: Masks | None) -> tuple[float, float]:
    """Return the mean loss of `batch`, in training mode, and its squared gradient norm.

    The norm is over the prunable weights, of these the kept ones.
    """
    model.train()
    images, labels = batch
    loss = F.cross_entropy(model(images).float(), labels)
    weights = prunable(model)
    gradients = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
    squared = sum(
        float((g * masks[name] if masks else g).double().square().sum())
        for name, g in zip(weights, gradients, strict=True)
    )
    return float(loss.detach()), squared


def _size_slope(model: nn.Module, masks: Masks | None) -> float:
    """Return the slope over layers of log10 mean w^2 on log10 (1 / size).

    Layers without a kept weight are left out; the slope of equal sizes is 0.
    """
    sizes, squares = [], []
    for name, weight in prunable(model).items():
        kept = weight.detach().double()[masks[name]] if masks else weight.detach().double()
        if kept.numel() and (square := float(kept.square().mean())) > 0:
            sizes.append(-math.log10(kept.numel()))
            squares.append(math.log10(square))
    x, y = torch.tensor([sizes, squares], dtype=torch.float64)
    x = x - x.mean()
    return float((x * y).sum() / x.square().sum()) if x.any() else 0.0
