"""The way an iterated method takes to its masks: counts, returns, batches, and how firm it is."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from common.procedures.measures.saliency import options_of
from common.procedures.stage import Batch, Found, Stage
from common.pruning import Masks

SHARED = ("loss", "norm_mode", "rounding", "ties", "biases")  # what methods compared must share


def pruning_steps(stage: Stage) -> Found:
    """Return what the masks do from step to step.

    Returns
    -------
    rows
        ``steps count`` T; ``steps kept:<t>``, the weights kept after step t; ``steps kept_error``,
        the largest distance of a kept count from its schedule, m (k/m)^(t/T) or
        m (1 - t (1 - k/m) / T); ``steps removed_rise``, by how much the count removed a step ever
        rises from one step to the next (0: never); ``steps removed_spread``, the largest minus
        the smallest of these counts; ``steps returned``, weights that were pruned and are kept a
        step later, over the run, and ``steps returned_any``, 1 if there are any; ``steps
        new_share``, the share of the final mask outside the one-shot mask of the same density
        and batches, and ``steps new_any``, 1 if it is above 0.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), section 5; naver/force, pruning_algos.py.
    """
    path, options, density = stage.path, options_of(stage), stage.settings.density
    kept = [masks.kept for masks in path]
    shares = _shares(options.schedule, density, len(path))
    total = path[0].total
    removed = [before - after for before, after in pairwise([total, *kept])]
    returned = sum(_more(after, before) for before, after in pairwise(path))
    once = stage.masks(stage.model(), steps=1)
    new = _more(path[-1], once)
    return [
        ("steps", "count", float(len(path))),
        *(("steps", f"kept:{step}", float(count)) for step, count in enumerate(kept, 1)),
        (
            "steps",
            "kept_error",
            max(abs(k - total * share) for k, share in zip(kept, shares, strict=True)),
        ),
        ("steps", "removed_rise", float(max([0, *(b - a for a, b in pairwise(removed))]))),
        ("steps", "removed_spread", float(max(removed) - min(removed))),
        ("steps", "returned", float(returned)),
        ("steps", "returned_any", float(returned > 0)),
        ("steps", "new_share", new / path[-1].kept),
        ("steps", "new_any", float(new > 0)),
    ]


def _shares(schedule: str, density: float, steps: int) -> list[float]:
    """Return the kept share after each step as the paper prints it, apart from `densities`."""
    points = range(1, steps + 1)
    if schedule == "linear":
        return [1 - step * (1 - density) / steps for step in points]
    # The authors' form: the logarithm of the count falls evenly.
    return [math.exp(step / steps * math.log(density)) for step in points]


def _more(masks: Masks, than: Masks) -> int:
    """Return how many weights `masks` keeps that `than` does not."""
    return sum(int((mask & ~than[name]).sum()) for name, mask in masks.items())


def one_step(stage: Stage) -> Found:
    """Return in how many weights FORCE, Iterative SNIP and SNIP differ where T = 1.

    ``steps one_step_differences``: the largest number over the three pairs, under the arm's loss,
    rounding, ties and batch-norm mode.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081): with one step both methods are SNIP.
    """
    shared = _shared(stage)
    found = [
        stage.masks(stage.model(), criterion=criterion, steps=1, **shared)
        for criterion in ("force", "iter_snip", "snip")
    ]
    pairs = ((0, 1), (0, 2), (1, 2))
    apart = max(_more(found[a], found[b]) + _more(found[b], found[a]) for a, b in pairs)
    return [("steps", "one_step_differences", float(apart))]


def _shared(stage: Stage) -> dict[str, Any]:
    """Return the arm's options written out: then no method falls back on a reading of its own."""
    options = options_of(stage)
    return {"reading": "paper", **{key: getattr(options, key) for key in SHARED}}


@dataclass
class Counted:
    """Batches that remember how many different ones were looked at."""

    batches: Iterable[Batch]
    seen: set[bytes] = field(default_factory=set)

    def __iter__(self) -> Iterator[Batch]:
        for images, labels in self.batches:
            content = images.cpu().contiguous().numpy().tobytes()
            self.seen.add(hashlib.sha256(content).digest())
            yield images, labels


def batches_scored(stage: Stage) -> Found:
    """Return ``steps batches``: how many different batches the arm's masks were scored on.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), the baselines SNIP-MB and GRASP-MB.
    """
    counted = Counted(stage.criterion_batches())
    stage.masks(stage.model(), batches=counted)
    return [("steps", "batches", float(len(counted.seen)))]


def snip_it_likeness(stage: Stage) -> Found:
    """Return how far the masks along SNIP-it's schedule lie from the arm's.

    Both prune in the arm's number of steps, with its loss, batch-norm mode and batches.

    Returns
    -------
    rows
        ``steps layer_log_ratio``: the median over layers of |ln| of the ratio of the weights kept,
        a layer without any counting as half a weight; ``steps jaccard``, the share of the weights
        kept by either that both keep.

    References
    ----------
    Verdenius, Stol, Forré 2020 (arXiv 2006.00896); StijnVerdenius/SNIP-it.
    """
    own, steps = stage.path[-1], len(stage.path)
    other = stage.masks(
        stage.model(), criterion="snip_it", steps=steps, schedule="halving", **_shared(stage)
    )
    ratios = [
        abs(math.log(max(kept, 0.5) / max(other.counts()[name][0], 0.5)))
        for name, (kept, _) in own.counts().items()
    ]
    return [
        ("steps", "layer_log_ratio", _median(ratios)),
        ("steps", "jaccard", own.jaccard(other)),
    ]


def mask_stability(stage: Stage) -> Found:
    """Return ``steps jaccard_dtypes``, the agreement of the masks scored in float32 and float64.

    1 where the arithmetic changes no weight; see `Masks.jaccard`.
    """
    single, double = (stage.masks(stage.model(), dtype=dtype) for dtype in ("float32", "float64"))
    return [("steps", "jaccard_dtypes", single.jaccard(double))]


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
