"""The training loop: one for every method, with a mask or without."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from common.training.recipe import Recipe

LOSS_WINDOW = 100  # steps over which the logged training loss is averaged
CHECKPOINT_SECONDS = float(os.environ.get("SUITE_CHECKPOINT_SECONDS", 30))

Batches = Callable[[int], tuple[Tensor, Tensor]]
Evaluation = Callable[[nn.Module], Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class History:
    """What was measured while training.

    Attributes
    ----------
    rows : list of [step, split, metric, value]
        At every evaluation point: ``train loss``, the mean over the last 100 steps, and whatever
        the evaluation returned.
    diverged : bool
        The training loss was not finite at an evaluation point; training ended there.
    """

    rows: list[list]
    diverged: bool

    def last(self, split: str, metric: str) -> float:
        """Return the last value of a metric."""
        return next(row[3] for row in reversed(self.rows) if row[1:3] == [split, metric])


def train(
    model: nn.Module,
    batches: Batches,
    recipe: Recipe,
    *,
    masks: Mapping[str, Tensor] | None = None,
    evaluation: Evaluation | None = None,
    checkpoint: Path | None = None,
) -> History:
    """Train `model` in place by `recipe`; pruned weights are exactly zero after every step.

    Parameters
    ----------
    model : nn.Module
        Trained where it lies (CPU or GPU).
    batches : callable
        Finished steps -> (images float32 (N, C, H, W), labels int64 (N,)), a pure function, so
        that a resumed run sees the batches an undisturbed one sees.
    recipe : Recipe
    masks : mapping of parameter name to bool Tensor, optional
        False: pruned. The weights are zeroed first and their gradients before every update, so
        momentum and weight decay leave them at zero.
    evaluation : callable, optional
        Called with the model at each evaluation point; returns ``{split: {metric: value}}``.
    checkpoint : Path, optional
        Written every half minute; if one that fits exists, training goes on from there.

    Returns
    -------
    History

    Examples
    --------
    >>> net = nn.Linear(4, 2)
    >>> batch = (torch.randn(8, 4), torch.zeros(8, dtype=torch.long))
    >>> train(net, lambda step: batch, Recipe(steps=20, batch=8)).last("train", "loss") < 1
    True
    """
    parameters = dict(model.named_parameters())
    device = next(iter(parameters.values())).device
    optimizer = recipe.build_optimizer(model)
    masks = dict(masks or {})
    masked = [parameters[name] for name in masks]
    keep = [mask.to(device, parameters[name].dtype) for name, mask in masks.items()]
    with torch.no_grad():
        for weight, mask in zip(masked, keep, strict=True):
            weight.masked_fill_(mask == 0, 0.0)
    # Kept on the device and read only at evaluation points: reading makes a GPU wait.
    losses = torch.full((LOSS_WINDOW,), math.nan, device=device)
    rows: list[list] = []
    begin = 0
    saved = load_checkpoint(checkpoint)
    if saved and saved.fits(model.state_dict(), optimizer.tensors()):
        model.load_state_dict(saved.model)
        optimizer.load(saved.optimizer)
        begin, rows = saved.step, saved.rows
        losses.copy_(saved.losses)
    stops = recipe.evaluation_steps()
    autocast = torch.autocast(
        device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16", cache_enabled=True
    )
    model.train()
    due = time.monotonic() + CHECKPOINT_SECONDS
    for step in range(begin, recipe.steps):
        images, labels = batches(step)
        with autocast:
            loss = F.cross_entropy(model(images).float(), labels)
        loss.backward()
        # A parameter that the loss does not reach has no gradient, and its zeros stay.
        pairs = [(w.grad, k) for w, k in zip(masked, keep, strict=True) if w.grad is not None]
        if pairs:
            torch._foreach_mul_([grad for grad, _ in pairs], [mask for _, mask in pairs])
        optimizer.step(recipe.rate(step))
        losses[step % LOSS_WINDOW] = loss.detach()
        if step + 1 in stops:
            mean = float(losses.nanmean()) if losses.isfinite().any() else math.nan
            finite = math.isfinite(mean) and bool(loss.isfinite())
            rows.append([step + 1, "train", "loss", mean])
            if not finite:
                return History(rows, diverged=True)
            for split, values in (evaluation(model) if evaluation else {}).items():
                rows += [[step + 1, split, metric, value] for metric, value in values.items()]
        if checkpoint and time.monotonic() > due and step + 1 < recipe.steps:
            state = (model.state_dict(), optimizer.tensors())
            save_checkpoint(checkpoint, Checkpoint(step + 1, *state, masks, losses, rows))
            due = time.monotonic() + CHECKPOINT_SECONDS
    return History(rows, diverged=False)
