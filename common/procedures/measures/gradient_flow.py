"""What pruning does to the gradient's norm, and what GraSP's first-order score says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common import data as datasets
from common.procedures.stage import Batch, Found, Stage, channels_last
from common.pruning import Masks, prunable, score
from common.pruning.criteria import mean_gradients
from common.pruning.criterion import Loss
from common.pruning.network import Network

FLOOR = 1e-12  # of the dense network's squared norm: where no path is left the gradient is zero
HELD_OUT = 512  # images that no criterion has seen
PROBED = 20  # weights a layer of which the removal is tried
STEP = 1e-4  # of a weight; the truncation error of the central difference is its square
TEMPERATURE = 200.0  # of GraSP's loss


def removal_change(stage: Stage) -> Found:
    """Return the largest relative error of 2 S against a central difference of the squared norm.

    S = -w (H g) is the change of g'g, halved, by removing w, to first order. In float64 at T = 1,
    w is made 1e-4 of itself smaller and larger; twenty weights a layer are tried, drawn from those
    of which |S| lies above the layer's median. In evaluation mode.

    Returns
    -------
    rows
        ``score removal_error_tanh``, every ReLU replaced by tanh, and ``score
        removal_error_relu``, the network itself, where a kink may lie inside the step.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376), equations 7 and 8.
    """
    images, labels = stage.scoring_batches()[0]
    batch = images.double(), labels
    found: Found = []
    for name in ("tanh", "relu"):
        model = stage.model().double().eval()
        if name == "tanh":
            _replace_relu(model)
        found.append(("score", f"removal_error_{name}", _worst_removal(stage, model, batch)))
    return found


def _replace_relu(model: nn.Module) -> None:
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.Tanh())


def _worst_removal(stage: Stage, model: nn.Module, batch: Batch) -> float:
    scores = score(model, "grasp", [batch], temperature=1.0, norm_mode="eval")
    draw = stage.stream("probed")
    worst = 0.0
    for name, weight in prunable(model).items():
        values = scores[name].flatten()
        large = (values.abs() > values.abs().median()).nonzero().flatten()
        chosen = large[torch.randperm(len(large), generator=draw)[:PROBED].to(large.device)]
        flat = weight.data.view(-1)
        for index in chosen.tolist():
            kept = float(flat[index])
            norms = []
            for factor in (1 - STEP, 1 + STEP):
                flat[index] = kept * factor
                norms.append(_total(_gradients(model, batch, "eval")))
            flat[index] = kept
            expected = -2 * float(values[index])
            quotient = (norms[0] - norms[1]) / (2 * STEP)
            worst = max(worst, abs(quotient - expected) / abs(expected))
    return worst


def gradient_after_pruning(stage: Stage) -> Found:
    """Return the squared norm of the pruned network's gradient on images that nothing has scored.

    On 512 images of the test set, at T = 1, batch norm in training mode.

    Returns
    -------
    rows
        log10 of sums of squares: ``gradient log_kept`` over the kept weights, at least 1e-12 of
        the dense network's; ``gradient log_all`` over all prunable ones, with the same floor;
        ``gradient log_dense`` of the network before pruning.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376), section 4. Its equation sums over all prunable
    weights, but only kept ones can move in training.
    """
    model = stage.model()
    masks = stage.masks(model)
    batch = _held_out(stage, model)
    dense = _total(_gradients(model, batch, "train"))
    pruned = _gradients(model, batch, "train", masks)
    sums = {"kept": _total(pruned, masks), "all": _total(pruned)}
    return [
        *(("gradient", f"log_{name}", _log(value, dense)) for name, value in sums.items()),
        ("gradient", "log_dense", math.log10(dense)),
    ]


def norm_change(stage: Stage) -> Found:
    """Return how far the first-order change of the squared gradient norm is from the true one.

    On the scoring batch, with the loss that is scored (T = 200 unless the arm says otherwise,
    batch norm in training mode). Predicted: 2 delta'(H g), delta being minus the
    weights that the arm's mask removes. Over the kept weights alone: 2 delta'(H m g), against the
    change of the sum over these.

    Returns
    -------
    rows
        ``gradient change_error`` and ``gradient change_error_kept``: |predicted - true| /
        (|predicted| + |true|), from 0 to 1, 0 where both are zero; ``gradient
        change_predicted`` and ``gradient change_true``, over all prunable weights, over the dense
        network's squared norm.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376), equation 7; de Jorge et al. 2021 (arXiv
    2006.09081) for the doubt.
    """
    model = stage.model()
    masks = stage.masks(model)
    batch = stage.scoring_batches()[0]
    temperature = stage.settings.scoring.temperature or TEMPERATURE
    loss = _tempered(temperature)
    dtype = stage.settings.scoring.dtype
    before = _gradients(model, batch, "train", loss=loss, dtype=dtype)
    after = _gradients(model, batch, "train", masks, loss=loss, dtype=dtype)
    rows: Found = []
    for suffix, within in (("", None), ("_kept", masks)):
        true = _total(after, within) - _total(before, within)
        predicted = _predicted(model, batch, masks, before, within, loss, dtype)
        size = abs(predicted) + abs(true)
        error = abs(predicted - true) / size if size else 0.0
        rows.append(("gradient", f"change_error{suffix}", error))
        if within is None:
            dense = _total(before)
            rows.append(("gradient", "change_predicted", predicted / dense))
            rows.append(("gradient", "change_true", true / dense))
    return rows


def _predicted(
    model: nn.Module,
    batch: Batch,
    masks: Masks,
    direction: Mapping[str, Tensor],
    within: Masks | None,
    loss: Loss,
    dtype: str | None,
) -> float:
    """Return 2 delta'(H v), v being `direction` (within masks if given), delta the removal."""
    network = Network(model, norm_mode="train", dtype=dtype)
    images, labels = batch
    leaves = list(network.weights.values())
    with network.scoring():
        value = loss(network(images), labels.to(network.device))
        gradients = torch.autograd.grad(value, leaves, create_graph=True, materialize_grads=True)
        inner = torch.stack(
            [
                (g * (direction[name] * within[name] if within else direction[name])).sum()
                for name, g in zip(network.weights, gradients, strict=True)
            ]
        ).sum()
        products = torch.autograd.grad(inner, leaves, materialize_grads=True)
    removed = (
        (network.dense[name] * product)[~masks[name]].double().sum()
        for name, product in zip(network.weights, products, strict=True)
    )
    return -2 * float(sum(removed))


def _tempered(temperature: float) -> Loss:
    return lambda logits, labels: F.cross_entropy(logits / temperature, labels)


def _held_out(stage: Stage, model: nn.Module) -> Batch:
    """Return images of the test set, drawn from the stream ``held_out``."""
    test = stage.data.test
    order = torch.randperm(len(test), generator=stage.stream("held_out"))[:HELD_OUT]
    chosen = test.take(order.to(test.labels.device))
    batches = datasets.evaluation_batches(
        chosen, len(chosen), mean=stage.data.mean, sd=stage.data.sd,
        pixels=stage.settings.pixels, channels_last=channels_last(model), device=stage.device,
    )  # fmt: skip
    return next(iter(batches))


def _gradients(
    model: nn.Module,
    batch: Batch,
    mode: str,
    masks: Masks | None = None,
    loss: Loss = F.cross_entropy,
    dtype: str | None = None,
) -> dict[str, Tensor]:
    """Return dL/dw of every prunable weight at the masked weights; the model is not changed."""
    network = Network(model, norm_mode=mode, dtype=dtype, masks=masks)  # type: ignore[arg-type]
    with network.scoring():
        return mean_gradients(network, [batch], loss)


def _total(gradients: Mapping[str, Tensor], masks: Masks | None = None) -> float:
    """Return the sum of squares, in float64, of all gradients or of those inside the masks."""
    return sum(
        float((g * masks[name] if masks else g).double().square().sum())
        for name, g in gradients.items()
    )


def _log(value: float, dense: float) -> float:
    return math.log10(max(value, FLOOR * dense))
