"""From a network to masks: prunable parameters, criteria, allocation, schedules, ablations."""

from common.pruning.ablate import invert, shuffle
from common.pruning.allocate import (
    Degenerate,
    allocate,
    floor,
    floor_removed,
    half_even,
    layer_densities,
    of_sparsity,
    one_more,
)
from common.pruning.criterion import Criterion, Options, criterion
from common.pruning.effective import effective, effective_density
from common.pruning.masks import Masks
from common.pruning.network import Network
from common.pruning.prunable import prunable
from common.pruning.prune import prune
from common.pruning.schedule import densities
from common.pruning.score import score, sensitivity
from common.pruning.user import load_criterion

__all__ = [
    "Criterion",
    "Degenerate",
    "Masks",
    "Network",
    "Options",
    "allocate",
    "criterion",
    "densities",
    "effective",
    "effective_density",
    "floor",
    "floor_removed",
    "half_even",
    "invert",
    "layer_densities",
    "load_criterion",
    "of_sparsity",
    "one_more",
    "prunable",
    "prune",
    "score",
    "sensitivity",
    "shuffle",
]
