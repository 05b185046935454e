"""How the layers of a mask differ from one another."""

from __future__ import annotations

import math
from collections.abc import Mapping

from common.procedures.stage import Found, Stage


def largest_deviation(counts: Mapping[str, tuple[int, int]]) -> float:
    """Return the layer's kept count that is furthest from chance, in standard deviations.

    By chance a layer of N weights keeps Binomial(N, d), d being the density of all layers; the
    sign is that of the layer's excess.

    Parameters
    ----------
    counts : mapping of name to (kept, total)

    Examples
    --------
    >>> round(largest_deviation({"a": (30, 100), "b": (10, 300)}), 3)
    6.667
    """
    density = sum(kept for kept, _ in counts.values()) / sum(total for _, total in counts.values())
    spread = {n: math.sqrt(total * density * (1 - density)) for n, (_, total) in counts.items()}
    found = [
        (kept - density * total) / spread[name] if spread[name] else 0.0
        for name, (kept, total) in counts.items()
    ]
    return max(found, key=abs)


def density_deviation(stage: Stage) -> Found:
    """Return ``mask deviation``: of all layers the density furthest from the network's.

    In standard deviations of random pruning, with its sign. Where every weight has the same
    distribution, magnitude pruning is random pruning.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), on initialisation of equal variance in all layers.
    """
    return [("mask", "deviation", largest_deviation(stage.masks(stage.model()).counts()))]
