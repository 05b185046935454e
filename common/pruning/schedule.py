"""The densities that an iterated method passes through on its way down."""

from __future__ import annotations

from common.errors import Refused, unknown


def exponential(density: float, steps: int) -> list[float]:
    """Return density^(t/T): the same share of what is left goes at every step."""
    return [density ** (step / steps) for step in range(1, steps + 1)]


def linear(density: float, steps: int) -> list[float]:
    """Return 1 - (1 - density) t/T: the same number of weights goes at every step."""
    return [1 - (1 - density) * step / steps for step in range(1, steps + 1)]


def halving(density: float, steps: int) -> list[float]:
    """Return the steps of SNIP-it: half of all weights, then half of the way left, then the rest.

    Raises
    ------
    Refused
        If more than half of the weights are to stay.
    """
    if steps > 1 and density > 0.5:
        raise Refused(f"schedule 'halving' starts at density 0.5, but density is {density}")
    return [density + (0.5 - density) * 0.5**step for step in range(steps - 1)] + [density]


SCHEDULES = {"exponential": exponential, "linear": linear, "halving": halving}


def densities(density: float, steps: int = 1, schedule: str = "exponential") -> list[float]:
    """Return the density after each of `steps` steps; the last is `density` itself.

    `schedule` is "exponential", "linear" or "halving", see the functions of these names.

    Raises
    ------
    Refused
        If the schedule is unknown or does not fit the density, or `steps` is not at least 1.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), algorithm 1 and figure 7; de Jorge et al. 2021 (arXiv
    2006.09081); Verdenius et al. 2020 (arXiv 2006.00896).

    Examples
    --------
    >>> [round(d, 4) for d in densities(0.01, steps=5)]
    [0.3981, 0.1585, 0.0631, 0.0251, 0.01]
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    if steps < 1:
        raise Refused(f"steps is {steps}, it must be at least 1")
    return [*SCHEDULES[schedule](density, steps)[:-1], density]
