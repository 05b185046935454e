"""Train, prune and train again, once or in rounds: tickets, pruning during or after training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from common.procedures.prune_then_train import saved_masks, train_under
from common.procedures.stage import Stage
from common.pruning import Masks
from common.store import Row
from common.training import Recipe, train


def run(
    settings: SimpleNamespace, replicate: int, checkpoint: Path | None, device: torch.device
) -> list[Row]:
    """Return the run table of one replicate of an arm.

    Each of ``rounds.count`` rounds trains for the first ``rounds.after`` of the recipe's steps,
    from the second on under the masks so far, and prunes the network as it then is to
    ``density ** (round / count)``, so that every round keeps the same share of what is left. Then
    the weights return to where they were after ``rounds.rewind`` of the steps (0: at
    initialisation); if that is None they stay as trained. After the last round the whole recipe
    is run under the masks, and that training is what the table shows.

    Parameters
    ----------
    settings : namespace
        The settings of the arm, every default filled in.
    replicate : int
    checkpoint : Path or None
        Where training goes on from if it was interrupted; earlier trainings have files beside it.
    device : torch.device

    Returns
    -------
    list of Row
        As of ``prune_then_train``, and at step 0 ``run trainings``: what came before the last
        training, in trainings of the recipe's length.

    References
    ----------
    Frankle, Carbin 2019 (arXiv 1803.03635) for rounds from initialisation; Renda, Frankle, Carbin
    2020 (arXiv 2003.02389) for training again from the trained weights; Frankle et al. 2021
    (arXiv 2009.08576) for pruning at step k.
    """
    stage = Stage(settings, replicate, device)
    rounds = settings.rounds
    model = stage.model()
    masks = saved_masks(checkpoint, model)
    if masks is None:
        model, masks = _pruned(stage, checkpoint)
    rows = train_under(stage, model, masks, checkpoint)
    return [Row(0, "run", "trainings", float(rounds.count * rounds.after)), *rows]


def _pruned(stage: Stage, checkpoint: Path | None) -> tuple[nn.Module, Masks]:
    """Return the network as the last training finds it, and the masks of the last round."""
    rounds, density = stage.settings.rounds, stage.settings.density
    start: dict[str, Tensor] | None = None
    if rounds.rewind is not None:
        rewound = stage.model()
        _train_share(stage, rewound, rounds.rewind, None, _beside(checkpoint, "rewind"))
        start = {name: tensor.clone() for name, tensor in rewound.state_dict().items()}
    model = stage.model()
    masks: Masks | None = None
    for number in range(1, rounds.count + 1):
        _train_share(stage, model, rounds.after, masks, _beside(checkpoint, f"round_{number}"))
        masks = stage.masks(
            model,
            density=density ** (number / rounds.count),
            within=masks,
            ablation=stage.settings.ablation if number == rounds.count else "none",
        )
        if start is not None:
            model.load_state_dict(start)
    assert masks is not None  # there is at least one round
    return model, masks


def _train_share(
    stage: Stage, model: nn.Module, share: float, masks: Masks | None, checkpoint: Path | None
) -> None:
    """Train `model` in place for the first `share` of the recipe's steps."""
    recipe = Recipe(**vars(stage.settings.recipe))
    steps = round(recipe.steps * share)
    if not steps:
        return
    first = dataclasses.replace(
        recipe, steps=steps, evaluations=1, milestones=[m for m in recipe.milestones if m < steps]
    )
    train(model, stage.training_batches(model), first, masks=masks, checkpoint=checkpoint)


def _beside(checkpoint: Path | None, name: str) -> Path | None:
    return checkpoint and checkpoint.with_name(f"{checkpoint.name}.{name}")
