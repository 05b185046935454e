"""The densities that an iterated method passes through on its way down."""

from __future__ import annotations

from common.errors import Refused, unknown

SCHEDULES = {
    "exponential": lambda density, share: density**share,
    "linear": lambda density, share: 1 - share * (1 - density),
}


def densities(density: float, steps: int = 1, schedule: str = "exponential") -> list[float]:
    """Return the density after each of `steps` steps; the last is `density` itself.

    ``"exponential"``: density^(t/T), the same share of what is left goes at every step.
    ``"linear"``: 1 - (1 - density) t/T, the same number of weights goes at every step.

    Raises
    ------
    Refused
        If the schedule is unknown or `steps` is not at least 1.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), algorithm 1 and figure 7; de Jorge et al. 2021 (arXiv
    2006.09081).

    Examples
    --------
    >>> [round(d, 4) for d in densities(0.01, steps=5)]
    [0.3981, 0.1585, 0.0631, 0.0251, 0.01]
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    if steps < 1:
        raise Refused(f"steps is {steps}, it must be at least 1")
    path = [SCHEDULES[schedule](density, step / steps) for step in range(1, steps)]
    return [*path, density]
