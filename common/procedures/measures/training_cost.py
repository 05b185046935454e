"""What a pruned network costs to train and a mask to find, counted and not timed."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from common.procedures.measures.costs import positions
from common.procedures.stage import Batch, Found, Stage
from common.pruning import prunable, score
from common.pruning.criterion import find

# Of the arm's scoring, what `score` takes.
OPTIONS = ("reading", "loss", "temperature", "norm_mode", "reduction", "biases", "dtype")


def training_cost(stage: Stage) -> Found:
    """Return what the arm's mask saves in a training step, and what finding it costs.

    Returns
    -------
    rows
        ``cost weights_excess``: kept weights minus round(density x prunable), 0 where the count is
        exact; ``cost weights_share``: kept weights over prunable ones; ``cost step_share``:
        multiply-adds of the kept weights over those of all, in a step (forward, gradient of the
        weights, and gradient of the inputs of every layer but the first); ``cost
        scoring_passes``: operations of scoring an image over those of a dense gradient pass;
        ``cost scoring_share``: these passes over all scored images, over the images of an epoch.

    Notes
    -----
    Multiply-adds count products of convolutions and linear layers. Storing and addressing a
    sparse weight costs more than a dense one on most hardware, which no count shows.
    """
    model = stage.model()
    masks = stage.masks(model)
    size = stage.settings.scoring.batch
    count = stage.settings.scoring.batches
    places = positions(model, stage.data.in_shape)
    uses = {name: weight.numel() * places[name] for name, weight in prunable(model).items()}
    steps = {name: n * (2 if name == next(iter(uses)) else 3) for name, n in uses.items()}
    shares = {name: kept / total for name, (kept, total) in masks.counts().items()}
    passes = _scoring_passes(stage, model)
    density = stage.settings.density
    return [
        ("cost", "weights_excess", float(masks.kept - round(masks.total * density))),
        ("cost", "weights_share", masks.density),
        ("cost", "step_share", sum(shares[n] * k for n, k in steps.items()) / sum(steps.values())),
        ("cost", "scoring_passes", passes),
        ("cost", "scoring_share", passes * size * count / len(stage.training)),
    ]


def _blank(model: nn.Module, images: int, in_shape: tuple[int, int, int]) -> Batch:
    device = next(model.parameters()).device
    labels = torch.zeros(images, dtype=torch.long, device=device)
    return torch.zeros(images, *in_shape, device=device), labels


def _scoring_passes(stage: Stage, model: nn.Module) -> float:
    """Return the operations of scoring an image over those of a gradient pass.

    What is counted grows with the number of images and with nothing else of them, so that batches
    of two blank ones do (batch norm in training mode needs two).
    """
    scoring = stage.settings.scoring
    batch = _blank(model, 2, stage.data.in_shape)
    dense = copy.deepcopy(model).eval()
    with FlopCounterMode(display=False) as once:
        loss = F.cross_entropy(dense(batch[0]), batch[1])
        torch.autograd.grad(loss, list(prunable(dense).values()))
    options = {name: getattr(scoring, name) for name in OPTIONS}
    with FlopCounterMode(display=False) as scored:
        score(model, stage.settings.criterion, [batch] * scoring.batches, **options)
    criterion = find(stage.settings.criterion)
    rounds = criterion.options(scoring.reading, {"steps": scoring.steps}).steps
    return rounds * scored.get_total_flops() / (once.get_total_flops() * scoring.batches)
