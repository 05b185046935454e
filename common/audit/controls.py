"""Positive controls: what the same runs must show before they may decide a claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from common.audit.kinds import SUPPORTED
from common.audit.runs import NotTested, Runs
from common.audit.statistics import ALPHA, Mean
from common.suite.claim_blocks import Contrast, Floor
from common.suite.claims import Claim, find


class Checked(NamedTuple):
    """What a control, or all those of a leaf, showed."""

    passed: bool
    shown: str | None = None  # None where it has none
    left_out: bool = False  # nothing failed but levels that say where the claim speaks at all


def check_control(
    claim: Claim, runs: Runs, claims: Mapping[str, Claim], verdict_of: Callable[[Claim], str]
) -> Checked:
    """Return whether the controls of a leaf hold, and what they showed.

    A floor compares the arm's mean; a contrast needs its 90 % interval wholly above the number
    stated; a contrast that names a claim needs that claim supported. Controls whose runs are
    missing do not hold.

    Parameters
    ----------
    verdict_of : callable
        The verdict of another claim on the same runs.
    """
    if claim.control is None:
        return Checked(True)
    found = [_floor(claim, floor, runs) for floor in claim.control.floor]
    for contrast in claim.control.contrast:
        if isinstance(contrast, str):
            verdict = verdict_of(find(contrast, claims, claim.id))
            passed = verdict == SUPPORTED
            shown = f"{contrast} {verdict.replace('_', ' ')}"
            found.append(Checked(passed, shown if passed else f"{shown}, supported wanted"))
        else:
            found.append(_contrast(claim, contrast, runs))
    if not found:
        return Checked(True)
    failed = [one for one in found if not one.passed]
    text = "; ".join(str(one.shown) for one in failed or found)
    if failed:
        return Checked(False, f"failed: {text}", all(one.left_out for one in failed))
    return Checked(True, f"passed: {text}")


def _floor(claim: Claim, floor: Floor, runs: Runs) -> Checked:
    ref = claim.control_ref(floor, floor.of)
    try:
        (values,), _ = runs.collect([ref])
    except NotTested as missing:
        return Checked(False, f"floor: {missing}")
    mean = float(values.mean())
    run = runs.resolve(ref)[0]
    if floor.at_most is not None:
        passed, wanted = mean <= floor.at_most, f"at most {floor.at_most:g}"
    else:
        assert floor.at_least is not None
        passed, wanted = mean >= floor.at_least, f"at least {floor.at_least:g}"
    shown = f"{run} {ref.metric} {mean:.3g}, {wanted} wanted"
    return Checked(passed, shown, left_out=floor.only_where and not passed)


def _contrast(claim: Claim, contrast: Contrast, runs: Runs) -> Checked:
    refs = [claim.control_ref(contrast, selector) for selector in (contrast.of, contrast.minus)]
    try:
        (of, minus), _ = runs.collect(refs)
    except NotTested as missing:
        return Checked(False, f"contrast: {missing}")
    evidence = Mean(of - minus)
    shown = " minus ".join(runs.resolve(ref)[0] for ref in refs)
    text = f"{shown} {float(evidence.estimate):.3g}, surely more than {contrast.greater:g} wanted"
    return Checked(bool(evidence.above(contrast.greater) <= ALPHA), text)
