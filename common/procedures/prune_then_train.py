"""Find masks on the initialised network, then train under them; dense arms train without masks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from common.models import initialise_
from common.procedures.stage import Stage, channels_last
from common.pruning import Masks, effective_density, prunable
from common.store import Row
from common.training import Recipe, evaluate, load_checkpoint, train


def run(
    settings: SimpleNamespace, replicate: int, checkpoint: Path | None, device: torch.device
) -> list[Row]:
    """Return the run table of one replicate of an arm.

    Parameters
    ----------
    settings : namespace
        The settings of the arm, every default filled in.
    replicate : int
    checkpoint : Path or None
        Where training goes on from if it was interrupted; None: it is not saved on the way.
    device : torch.device

    Returns
    -------
    list of Row
        At step 0 the densities of the mask; at every evaluation point ``train loss`` and the
        ``error`` (points) and ``loss`` of test and validation images; at the last, ``test
        best_error``, the lowest test error of all evaluation points, as the SNIP authors' code
        reports it; ``run diverged`` 1 where the loss stopped being a number.
    """
    stage = Stage(settings, replicate, device)
    model = stage.model()
    masks = None
    if settings.criterion != "dense":
        masks = saved_masks(checkpoint, model) or stage.masks(model)
    return train_under(stage, model, masks, checkpoint)


def train_under(
    stage: Stage, model: nn.Module, masks: Masks | None, checkpoint: Path | None
) -> list[Row]:
    """Train `model` in place by the arm's recipe under `masks`; rows as of `run`.

    With the ablation ``redraw`` the weights are drawn anew first.
    """
    settings = stage.settings
    rows: list[Row] = []
    if masks is not None:
        if settings.ablation == "redraw":
            initialise_(model, settings.init, stage.stream("redraw"), sd=settings.init_sd)
        rows += mask_rows(masks, model, stage.data.in_shape)
    shown = {"test": stage.data.test}
    if stage.splits[1] is not None:
        shown["validation"] = stage.splits[1]
    last = channels_last(model)
    history = train(
        model,
        stage.training_batches(model),
        Recipe(**vars(settings.recipe)),
        masks=masks,
        evaluation=lambda net: {
            name: evaluate(net, stage.evaluation_batches(split, last))
            for name, split in shown.items()
        },
        checkpoint=checkpoint,
    )
    rows += [Row(*row) for row in history.rows]
    end = history.rows[-1][0]
    if history.diverged:
        return [*rows, Row(end, "run", "diverged", 1.0)]
    errors = [row.value for row in rows if (row.split, row.metric) == ("test", "error")]
    return [*rows, Row(end, "test", "best_error", min(errors))]


def saved_masks(checkpoint: Path | None, model: nn.Module) -> Masks | None:
    """Return the masks of an interrupted training, in the order of the parameters, if there is one.

    The checkpoint itself keeps no order.
    """
    saved = load_checkpoint(checkpoint)
    if saved is None:
        return None
    names = prunable(model, biases="counted")
    return Masks({name: saved.masks[name] for name in names if name in saved.masks})


def mask_rows(masks: Masks, model: nn.Module, in_shape: tuple[int, int, int]) -> list[Row]:
    """Return the densities of `masks`: in all, per parameter, and of weights on a path."""
    rows = [Row(0, "mask", "density", masks.density)]
    effective = effective_density(model, masks, in_shape)
    if effective is not None:
        rows.append(Row(0, "mask", "effective_density", effective))
    return rows + [
        Row(0, "mask", f"density:{name}", kept / total)
        for name, (kept, total) in masks.counts().items()
    ]
