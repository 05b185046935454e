"""The page of `make plan`: what would run, for how long, and what it can decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common import store
from common.audit import planned_power
from common.files import ROOT
from common.suite.calibrate import speed_factor
from common.suite.claims import Claim
from common.suite.cost import duration, seconds
from common.suite.expand import Run
from common.suite.plan import PaperPlan, Plan
from common.suite.selectors import Arms, Ref, matching


def planned_page(plan: Plan, cores: int) -> str:
    """Return the plan as text: experiments with runs and time, claims with n and power.

    Parameters
    ----------
    plan : Plan
    cores : int
        Jobs that run at a time, one core each.
    """
    factor = speed_factor()
    lines = [f"scale {plan.request.scale}: {len(plan.papers)} paper(s), results in {plan.out}"]
    places = [ROOT / place for place in plan.stores]
    for paper in plan.papers.values():
        lines += ["", f"{paper.paper.name}: {paper.paper.citation.title}", ""]
        lines += _experiments(paper, places, factor)
        lines += ["", *_claims(paper)]
    every = {run.digest: run for block in plan.blocks.values() for run in block.runs}
    left = sum(_cost(run) for run in _waiting(every, places)) * factor
    longest = max((block.seconds for block in plan.blocks.values()), default=0.0) * factor
    wall = max(left / cores, min(longest, left))
    lines += ["", f"to do: {len(_waiting(every, places))} of {len(every)} runs, about"]
    lines[-1] += f" {duration(wall)} on {cores} core(s) like this one (one core: {duration(left)})"
    return "\n".join(lines)


def _cost(run: Run) -> float:
    return seconds(run.settings)


def _waiting(runs: Mapping[str, Run], places: list) -> list[Run]:
    return [run for digest, run in runs.items() if not store.find(digest, places)]


def _experiments(paper: PaperPlan, places: list, factor: float) -> list[str]:
    rows = [("experiment", "shows", "arms", "n", "stored", "runs", "time", "condition")]
    for name, item in paper.expanded.items():
        if item.skipped:
            rows.append((name, item.experiment.shows, "-", "-", "-", "-", "-", item.skipped))
            continue
        runs = {run.digest: run for arm in item.arms.values() for run in arm.runs}
        stored = len(runs) - len(_waiting(runs, places))
        conditions = "+".join(sorted({arm.condition for arm in item.arms.values()}))
        time = duration(sum(map(_cost, runs.values())) * factor)
        rows.append(
            (name, item.experiment.shows, str(len(item.arms)), str(item.replicates), str(stored),
             str(len(runs)), time, conditions)
        )  # fmt: skip
    return _columns(rows)


def _claims(paper: PaperPlan) -> list[str]:
    rows = [("claim", "kind", "n", "power", "says")]
    for name, claim in paper.claims.items():
        n = _replicates(claim, paper)
        if n is None:
            rows.append((name, claim.kind, "-", "-", f"not at this scale: {claim.says}"))
            continue
        power = planned_power(claim, n) if claim.is_sampled and paper.scale.judge == "all" else None
        shown = "-" if power is None else f"{power:.2f}"
        if claim.is_sampled and paper.scale.judge == "exact":
            shown = "not judged"
        rows.append((name, claim.kind, str(n), shown, claim.says))
    return _columns(rows)


def _replicates(claim: Claim, paper: PaperPlan) -> int | None:
    """Return the fewest replicates of the arms that judge `claim`; None if one does not run."""
    arms = paper.flat_arms
    proxies = {name for name, item in paper.expanded.items() if item.experiment.stands_for}
    leaves = _judged(claim, arms, proxies)
    if not all(_runs(leaf, arms) for leaf in leaves):
        return None
    experiments = {ref.experiment for leaf in leaves for ref in _refs(leaf)}
    return min((paper.expanded[name].replicates for name in experiments), default=None)


def _judged(claim: Claim, arms: Mapping[str, Arms], proxies: set[str]) -> list[Claim]:
    """Return the leaves that count here, as `common.audit.verdicts` chooses them part by part."""
    parts = [child for child in claim.children.values() if child.kind != "none"]
    stand_ins = [child for child in parts if child.reads_only(proxies)]
    own = [child for child in parts if child not in stand_ins]
    if stand_ins and own:
        here = any(_runs(leaf, arms) for child in own for leaf in child.leaves)
        parts = own if here else stand_ins
    elif claim.proxy_parts and not all(_runs(leaf, arms) for p in parts for leaf in p.leaves):
        parts = [claim.children[name] for name in claim.proxy_parts]
    return [leaf for part in parts for leaf in _judged(part, arms, proxies)] or [claim]


def _refs(leaf: Claim) -> list[Ref]:
    return leaf.estimand.refs() if leaf.estimand else []


def _runs(leaf: Claim, arms: Mapping[str, Arms]) -> bool:
    return all(matching(ref.selector, arms.get(ref.experiment, {})) for ref in _refs(leaf))


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
