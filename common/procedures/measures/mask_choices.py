"""How far GraSP's mask hangs on the choices of scoring, and where a mask keeps least."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from common.models import initialise_linear_
from common.procedures.stage import Batch, Found, Stage
from common.pruning import allocate, score

DENSITIES = (0.1, 0.02)


def mask_choices(stage: Stage) -> Found:
    """Return the overlap of GraSP's masks with those scored in other ways, all else equal.

    The masks keep round(n x density) weights, of density 0.1 and 0.02, from the first scoring
    batch; the arm's own criterion and density are not used.

    Returns
    -------
    rows
        Jaccard indices, weights kept in both over weights kept in either, from 0 to 1, each
        followed by ``:<density>``. ``overlap temperature_2000`` and ``temperature_1``; ``chunks``,
        the same images in two halves sorted by class, with batch norm normalising each by itself;
        ``eval_mode``, running statistics in batch norm; ``redrawn``, a Xavier-normal draw of all
        linear layers scored instead; ``absolute``, ranked by |S|; ``inverted``, the highest S kept.

    References
    ----------
    alecwangcq/GraSP, pruner/GraSP.py, for temperature, halves and the drawn head.
    """
    model = stage.model()
    batch = stage.scoring_batches()[0]
    redraw = partial(initialise_linear_, name="xavier_normal", generator=stage.stream("scored"))
    ways: dict[str, dict[str, Any]] = {
        "temperature_2000": {"temperature": 2000.0},
        "temperature_1": {"temperature": 1.0},
        "chunks": {"batches": _halves(batch)},
        "eval_mode": {"norm_mode": "eval"},
        "redrawn": {"redraw": redraw},
    }
    base = score(model, "grasp", [batch])
    others = {
        name: score(model, "grasp", **{"batches": [batch], **changed})
        for name, changed in ways.items()
    }
    others["absolute"] = {name: value.abs() for name, value in base.items()}
    others["inverted"] = {name: -value for name, value in base.items()}
    return [
        (
            "overlap",
            f"{way}:{density:g}",
            allocate(base, density).jaccard(allocate(scores, density)),
        )
        for density in DENSITIES
        for way, scores in others.items()
    ]


def _halves(batch: Batch) -> list[Batch]:
    """Return the two halves of a batch sorted by class; an odd image out goes to the second."""
    images, labels = batch
    order = labels.argsort(stable=True)
    middle = len(labels) // 2
    parts = [part for part in (order[:middle], order[middle:]) if len(part)]
    return [(images[part], labels[part]) for part in parts]


def smallest_share(stage: Stage) -> Found:
    """Return the share that each layer keeps of its weights, and log10 of the smallest.

    Returns
    -------
    rows
        ``mask density:<parameter>``, in [0, 1]; ``mask log_smallest_share``, in which an empty
        layer counts as if half a weight were left, so that the logarithm exists.
    """
    counts = stage.masks(stage.model()).counts()
    smallest = min(max(kept, 0.5) / total for kept, total in counts.values())
    shares: Found = [
        ("mask", f"density:{name}", kept / total) for name, (kept, total) in counts.items()
    ]
    return [*shares, ("mask", "log_smallest_share", math.log10(smallest))]
