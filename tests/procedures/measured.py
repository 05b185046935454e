"""Stages and measured values of small arms on digits, for the tests of measures."""

import torch
from small_runs import settings, spec

from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.pruning import Masks, prunable

CPU = torch.device("cpu")


def measured(*measures, **changes):
    """Return (split, metric) -> value of a run of an arm with these measures."""
    arm = settings(procedure="analyse_masks", measures=list(measures), **changes)
    rows, _ = execute(spec(arm), None, CPU)
    return {(row.split, row.metric): row.value for row in rows}


def stage(replicate=0, **changes):
    arm = settings(procedure="analyse_masks", **changes)
    return Stage(namespace(spec(arm, replicate)["settings"]), replicate, CPU)


def nothing_kept(model):
    return Masks({n: torch.zeros_like(w, dtype=torch.bool) for n, w in prunable(model).items()})
