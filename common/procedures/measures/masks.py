"""What masks look like: counts and densities."""

from __future__ import annotations

import torch

from common.procedures.prune_then_train import mask_rows
from common.procedures.stage import Found, Stage
from common.pruning import effective


def counts(stage: Stage) -> Found:
    """Return how many weights are kept, and by how many that misses kappa.

    Returns
    -------
    rows
        ``mask kept`` (count), ``mask prunable`` (m) and ``mask excess`` = kept - round(m d), the
        product formed as the authors do where biases count.

    References
    ----------
    Lee, Ajanthan, Torr (2019), eq. 7; m counts biases where the reading does.
    """
    masks = stage.path[-1]
    density = stage.settings.density
    # Written out, so that it bears witness to the rounding of allocation.
    counted = stage.settings.scoring.biases == "counted"
    share = 1.0 - (1.0 - density) if counted else density
    excess = masks.kept - round(masks.total * share)
    return [
        ("mask", "kept", float(masks.kept)),
        ("mask", "prunable", float(masks.total)),
        ("mask", "excess", float(excess)),
    ]


def layer_density(stage: Stage) -> Found:
    """Return the densities of the mask: in all, effective, and per parameter, in (0, 1]."""
    rows = mask_rows(stage.path[-1], stage.model(), stage.data.in_shape)
    return [(row.split, row.metric, row.value) for row in rows]


def connectivity(stage: Stage) -> Found:
    """Return what a mask has cut: layers, the way through, and units.

    Returns
    -------
    rows
        ``mask empty_layers``: parameters without a kept weight; ``mask path``: 1 if a kept weight
        lies on a path from the input to the output, left out where paths are not known;
        ``mask dead_units``: units (channels) without a kept incoming weight, those of the last
        layer left out; ``mask units``: how many there are.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), layer collapse; Frankle et al. 2021 (arXiv 2009.08576),
    neuron collapse.
    """
    masks = stage.path[-1]
    alive = [mask.flatten(1).any(1) for mask in masks.values() if mask.dim() > 1]
    units = torch.cat(alive[:-1]) if len(alive) > 1 else torch.empty(0, dtype=torch.bool)
    found: Found = [
        ("mask", "empty_layers", float(sum(kept == 0 for kept, _ in masks.counts().values()))),
        ("mask", "dead_units", float((~units).sum())),
        ("mask", "units", float(len(units))),
    ]
    on_path = effective(stage.model(), masks, stage.data.in_shape)
    if on_path is not None:
        found.append(("mask", "path", float(on_path.kept > 0)))
    return found
