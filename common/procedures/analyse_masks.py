"""Find masks on the initialised network and measure them, without training."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from types import SimpleNamespace

import torch

from common import names
from common.procedures.stage import Stage
from common.store import Row


def run(
    settings: SimpleNamespace, replicate: int, checkpoint: Path | None, device: torch.device
) -> list[Row]:
    """Return what each of the arm's `measures` finds, at step 0.

    Parameters
    ----------
    settings : namespace
        ``measures`` names functions of names.MEASURES: stage -> rows of (split, metric, value).
    replicate : int
    checkpoint : Path or None
        Not used: a run takes seconds.
    device : torch.device
    """
    stage = Stage(settings, replicate, device)
    rows = []
    for name in settings.measures:
        measure = pkgutil.resolve_name(names.MEASURES[name])
        rows += [Row(0, *found) for found in measure(stage)]
    return rows
