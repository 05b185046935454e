"""The verdict on one claim: controls, evidence, parts, and the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from common.audit import kinds
from common.audit.controls import check_control
from common.audit.estimands import sample, worst
from common.audit.kinds import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED
from common.audit.power import MOST, Truth, needed_replicates
from common.audit.runs import NotTested, Read, Runs
from common.audit.statistics import Evidence, Mean, Median, Ratio, spread_bound
from common.suite.claims import Claim


@dataclass
class Judged:
    """What the audit found about a claim or a part of one; None where there is no such thing."""

    claim: Claim
    verdict: str = NOT_TESTED
    reason: str = ""
    p_supported: float | None = None
    p_contradicted: float | None = None
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    needed_n: int | None = None
    control: str | None = None
    condition: str | None = None
    left_out: bool = False  # its claim does not speak of what these runs show
    diverged: list[str] = field(default_factory=list)
    arms: set[tuple[str, str]] = field(default_factory=set)
    children: dict[str, Judged] = field(default_factory=dict)


class Judge:
    """Judges the claims of one paper on one run table.

    Parameters
    ----------
    runs : Runs
    claims : mapping
        The paper's claims, for controls that name another one.
    plumbing : bool
        Whether the runs only show that everything runs: then only exact claims are judged.
    """

    def __init__(self, runs: Runs, claims: Mapping[str, Claim], plumbing: bool = False) -> None:
        self.runs = runs
        self.claims = claims
        self.plumbing = plumbing
        self._named: dict[tuple[str, str | None], str] = {}

    def judge(self, claim: Claim, other: bool = False) -> Judged:
        """Return what the runs say about `claim`, under its other reading if `other`."""
        if claim.children:
            return self._composite(claim, other)
        return self._leaf(claim, other)

    def _leaf(self, claim: Claim, other: bool) -> Judged:
        found = Judged(claim)
        try:
            if claim.kind == "none":
                raise NotTested(claim.reason or "")
            estimand = (claim.other_estimand if other else None) or claim.estimand
            if estimand is None:
                raise NotTested("judged on published numbers alone")
            if self.plumbing and claim.kind != "exact":
                raise NotTested("plumbing run")
            found.arms = {
                (ref.experiment, run) for ref in estimand.refs() for run in self.runs.resolve(ref)
            }
            found.condition = self.runs.conditions(found.arms)
            if claim.kind == "exact":
                value, found.n, read = worst(claim, estimand, self.runs)
                _exact(claim, value, found)
            else:
                evidence, found.n, read = sample(claim, estimand, self.runs)
                _sampled(claim, evidence, found)
            _name_diverged(found, read)
            checked = check_control(claim, self.runs, self.claims, self._verdict)
            found.control, found.left_out = checked.shown, checked.left_out
            if not checked.passed:
                what = "these runs" if found.condition == "paper" else "the proxy"
                raise NotTested(f"{what} cannot tell: control {found.control}")
        except NotTested as why:
            found.verdict, found.reason = NOT_TESTED, f"{why}{_at_chance(found.diverged)}"
            found.p_supported = found.p_contradicted = found.needed_n = None
        return found

    def _verdict(self, claim: Claim) -> str:
        key = (claim.id, claim.part)
        if key not in self._named:
            self._named[key] = self.judge(claim).verdict
        return self._named[key]

    def _composite(self, claim: Claim, other: bool) -> Judged:
        children = {name: self.judge(child, other) for name, child in claim.children.items()}
        judged, left_out = self._counted(claim, children)
        found = Judged(claim, children=children)
        silent = [name for name, child in judged.items() if child.left_out]
        found.left_out = len(silent) == len(judged)
        if not found.left_out:
            judged = {name: child for name, child in judged.items() if name not in silent}
        found.arms = set().union(*(child.arms for child in judged.values()))
        found.condition = _condition(judged.values(), left_out)
        found.diverged = list(dict.fromkeys(d for c in judged.values() for d in c.diverged))
        ns = [child.n for child in judged.values() if child.n is not None]
        found.n = min(ns) if ns else None
        controls = list(dict.fromkeys(c.control for c in judged.values() if c.control))
        found.control = "; ".join(controls) or None
        tested = [child for child in judged.values() if child.p_supported is not None]
        missing = {name: c for name, c in judged.items() if c.p_supported is None}
        if tested:
            sampled = sum(child.claim.is_sampled for child in judged.values())
            supported = [np.asarray(child.p_supported) for child in tested]
            contradicted = [np.asarray(child.p_contradicted) for child in tested]
            both = kinds.compose(claim.kind, supported, contradicted, sampled)
            p_supported, p_contradicted = (float(p) for p in both)
            # One part can settle the whole; a verdict that needs all of them cannot lack one.
            settled = {"any_of": p_supported}.get(claim.kind, p_contradicted) <= kinds.ALPHA
            if settled or not missing:
                found.p_supported, found.p_contradicted = p_supported, p_contradicted
                found.verdict = kinds.decide(p_supported, p_contradicted)
        found.reason = _of_parts(judged, left_out, found)
        if silent and not found.left_out:
            found.reason += f"; left out, where the claim says nothing: {', '.join(silent)}"
        if found.verdict == INCONCLUSIVE:
            needs = [c.needed_n for c in tested if c.verdict == INCONCLUSIVE]
            known = [need for need in needs if need is not None]
            found.needed_n = max(known) if known and len(known) == len(needs) else None
        return found

    def _counted(self, claim: Claim, children: dict[str, Judged]) -> tuple[dict, list[str]]:
        """Return the parts that count here, and the names of those that others stand for.

        Where no part has the paper's own arms, `proxy_parts` count, or the parts whose experiments
        stand for the paper's; where one has, the latter do not.
        """
        counted = {name: c for name, c in children.items() if c.claim.kind != "none"} or children
        stand_ins = [n for n in counted if counted[n].claim.reads_only(self.runs.stand_ins)]
        own = [name for name in counted if name not in stand_ins]
        if stand_ins and own:
            if any(counted[name].arms for name in own):
                return {name: counted[name] for name in own}, []
            return {name: counted[name] for name in stand_ins}, own
        if not claim.proxy_parts:
            return counted, []
        others = [name for name in children if name not in claim.proxy_parts]
        here = [name for name in claim.proxy_parts if children[name].arms]
        if len(here) < len(claim.proxy_parts) or any(children[name].arms for name in others):
            return counted, []
        return {name: children[name] for name in here}, others


def _sampled(claim: Claim, evidence: Evidence, found: Judged) -> None:
    low, high = (float(end) for end in evidence.interval())
    found.estimate, found.interval = float(evidence.estimate), (low, high)
    p_values = kinds.p_values(claim, evidence)
    found.p_supported, found.p_contradicted = (float(p) for p in p_values)
    found.verdict = kinds.decide(found.p_supported, found.p_contradicted)
    if found.verdict == INCONCLUSIVE and found.n is not None:
        found.needed_n = _needed(claim, evidence, found.n)
    found.reason = _of_interval(claim, found)


def _exact(claim: Claim, value: float, found: Judged) -> None:
    supported, contradicted = claim.boundaries
    miss = abs(value - claim.centre)
    found.estimate = value
    found.p_supported, found.p_contradicted = float(miss > supported), float(miss <= contradicted)
    found.verdict = kinds.decide(found.p_supported, found.p_contradicted)
    of = f"the value furthest from {claim.centre:g} of {found.n} misses it by {miss:.3g}"
    found.reason = f"{of}; {supported:g} is allowed"


def _needed(claim: Claim, evidence: Evidence, n: int) -> int | None:
    """Return the replicates for 80 % power at the planned effect, or else at the estimate.

    The spread is its upper 80 % bound; without any spread more replicates would show nothing new.
    """
    planned = claim.power.effect if claim.power else None
    estimate = claim.centre if claim.kind == "equivalent" else float(evidence.estimate)
    effect = planned if isinstance(planned, float | int) else estimate
    sd = None
    if isinstance(evidence, Mean | Median | Ratio):
        values = evidence.logs.values if isinstance(evidence, Ratio) else evidence.values
        sd = spread_bound(float(values.std(ddof=1)), n)
        if np.ptp(values) == 0:
            return None
    needed = needed_replicates(claim, Truth(effect, sd))
    chosen = claim.estimand is not None and claim.estimand.choose is not None
    return None if needed is None else max(needed, (2 * n if chosen else n) + 1)


def _of_interval(claim: Claim, found: Judged) -> str:
    assert found.interval is not None
    low, high = found.interval
    supported, contradicted = claim.boundaries
    kind, shown = kinds.sense(claim), f"the 90 % interval [{low:.3g}, {high:.3g}]"
    upward = kind in kinds.UPWARD
    if low == high:
        shown = "every replicate gives the same number, which"
    if kind == "equivalent":
        ends = kinds.region(claim, supported), kinds.region(claim, contradicted)
        inner, outer = (f"[{a:g}, {b:g}]" for a, b in ends)
        words = {SUPPORTED: f"lies within {inner}", CONTRADICTED: f"lies wholly outside {outer}"}
        text = words.get(found.verdict, f"straddles the border of {inner}")
    else:
        sides = ("above", "below") if upward else ("below", "above")
        words = {
            SUPPORTED: f"lies {sides[0]} {supported:g}",
            CONTRADICTED: f"lies {sides[1]} {contradicted:g}",
        }
        between = (
            contradicted < low and high <= supported
            if upward
            else supported <= low and high < contradicted
        )
        smaller = "lies in the claimed direction, smaller than the margin"
        passes = supported != contradicted and between
        straddled = [b for b in dict.fromkeys((contradicted, supported)) if low <= b <= high]
        ends_shown = " and ".join(f"{b:g}" for b in straddled) or f"{supported:g}"
        straddles = f"lies on {low:.3g}" if low == high else f"straddles {ends_shown}"
        text = words.get(found.verdict, smaller if passes else straddles)
    if found.verdict == INCONCLUSIVE and low < high:
        need = f"about {found.needed_n}" if found.needed_n else f"more than {MOST}"
        effect = "the planned effect" if claim.power else "an effect as estimated"
        text += f"; {need} replicates would give 80 % power at {effect}"
    return f"{shown} {text}"


def _of_parts(judged: dict[str, Judged], left_out: list[str], found: Judged) -> str:
    groups = {
        verdict: [name for name, child in judged.items() if child.verdict == verdict]
        for verdict in (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTED)
    }
    if len(groups[NOT_TESTED]) == len(judged):
        reasons = list(dict.fromkeys(child.reason for child in judged.values()))
        return (
            reasons[0]
            if len(reasons) == 1
            else "; ".join(f"{n}: {c.reason}" for n, c in judged.items())
        )
    total = f"of {len(judged)} parts"
    said = [
        f"{len(names)} {verdict.replace('_', ' ')}"
        + ("" if verdict == SUPPORTED else f" ({', '.join(names)})")
        for verdict, names in groups.items()
        if names
    ]
    text = f"{total} {', '.join(said)}"
    if found.verdict == NOT_TESTED:
        first = judged[groups[NOT_TESTED][0]]
        text += f": {first.reason}"
    if found.verdict == INCONCLUSIVE and not groups[INCONCLUSIVE]:
        text += ", which settles nothing once corrected for the number of parts"
    return text + (f"; left out at this scale: {', '.join(left_out)}" if left_out else "")


def _condition(judged, left_out: list[str]) -> str | None:
    conditions = {child.condition for child in judged if child.claim.kind != "none"}
    if conditions == {"paper"}:
        return "proxy" if left_out else "paper"
    return "proxy" if "proxy" in conditions else None


def _name_diverged(found: Judged, read: Read) -> None:
    found.diverged = list(dict.fromkeys(read.diverged))
    found.reason += _at_chance(found.diverged)


def _at_chance(diverged: list[str]) -> str:
    return f"; diverged, counted at chance level: {', '.join(diverged)}" if diverged else ""
