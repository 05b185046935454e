"""What each kind of claim asks of its evidence, as two p-values: one toward each verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.audit.statistics import ALPHA, Array, Evidence
from common.suite.claims import Claim

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"
NOT_TESTED = "not_tested"
UPWARD = ("greater", "at_least")  # supported above the boundary


def sense(claim: Claim) -> str:
    """Return the kind of test behind a sampled leaf: `proportion` is at_least unless it says."""
    return (claim.direction or "at_least") if claim.kind == "proportion" else claim.kind


def region(claim: Claim, bound: float) -> tuple[float, float]:
    """Return the two ends of what `equivalent` with this boundary calls the same.

    For ratios the boundary is a factor: from centre / bound to centre x bound.
    """
    if claim.estimand is not None and claim.estimand.is_ratio:
        return claim.centre / bound, claim.centre * bound
    return claim.centre - bound, claim.centre + bound


def p_values(claim: Claim, evidence: Evidence) -> tuple[Array, Array]:
    """Return the p-values toward "supported" and toward "contradicted" of a sampled leaf.

    Each is the p-value of the one-sided test (for `equivalent` the larger of two, TOST) whose
    alternative is that verdict's region, so p <= 0.05 exactly where the 90 % interval lies wholly
    in the region. The claim's own region includes its boundary except for `greater`.

    References
    ----------
    Schuirmann (1987) for two one-sided tests; design.md section 6 for the regions.
    """
    supported, contradicted = claim.boundaries
    kind = sense(claim)
    if kind in UPWARD:
        return evidence.above(supported, closed=kind == "at_least"), evidence.below(contradicted)
    if kind == "at_most":
        return evidence.below(supported, closed=True), evidence.above(contradicted)
    low, high = region(claim, supported)
    inside = np.maximum(evidence.above(low, closed=True), evidence.below(high, closed=True))
    low, high = region(claim, contradicted)
    return inside, np.minimum(evidence.above(high), evidence.below(low))


def compose(
    kind: str, supported: Sequence[Array], contradicted: Sequence[Array], sampled: int
) -> tuple[Array, Array]:
    """Return the p-values of a claim made of parts from those of its parts.

    Intersection-union: every part must be supported, each at the full level; one contradicted
    part contradicts the whole, at the level divided by the number of sampled parts. `any_of` is
    the mirror image.

    Parameters
    ----------
    kind : str
        ``any_of``, or any other kind made of parts.
    supported, contradicted : sequence of array
        The parts' p-values; arrays are taken element by element.
    sampled : int
        How many parts are sampled (exact ones are never wrong by chance).

    References
    ----------
    Berger (1982), Technometrics 24, for intersection-union; Bonferroni for the other direction.
    """
    every, any_one = (contradicted, supported) if kind == "any_of" else (supported, contradicted)
    whole = np.max(np.stack([np.asarray(p, dtype=float) for p in every]), axis=0)
    one = np.min(np.stack([np.asarray(p, dtype=float) for p in any_one]), axis=0)
    one = np.minimum(1.0, one * max(1, sampled))
    return (one, whole) if kind == "any_of" else (whole, one)


def decide(supported: float, contradicted: float) -> str:
    """Return the verdict of two p-values; the regions do not overlap, so never both hold."""
    if supported <= ALPHA:
        return SUPPORTED
    return CONTRADICTED if contradicted <= ALPHA else INCONCLUSIVE
