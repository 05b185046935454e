"""What a claim is judged by, however it is written: the same judgement gives the same digest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.suite.claim_blocks import Estimand, Floor
from common.suite.selectors import Ref, plain

if TYPE_CHECKING:
    from common.suite.claims import Claim


def judged(claim: Claim) -> dict[str, Any]:
    """Return what decides the claim's verdict and its planned power, every part spelt out.

    Its sentences, kinds, boundaries, readings, arms, controls, planned effects and published
    evidence; not its units, limits and reasons, which explain a verdict and decide none.
    """
    found: dict[str, Any] = {
        "says": claim.says,
        "where": claim.where,
        "kind": claim.kind,
        "reading": claim.reading,
        "published": claim.published and claim.published.model_dump(mode="json"),
        "proxy_parts": sorted(claim.proxy_parts or ()),
    }
    if claim.children:
        return found | {"parts": {name: judged(part) for name, part in claim.children.items()}}
    if claim.kind == "none" or claim.estimand is None:
        return found
    return found | {
        "boundaries": claim.boundaries,
        "centre": claim.centre,
        "direction": claim.direction,
        "success": claim.success and claim.success.model_dump(),
        "estimand": _estimand(claim.estimand),
        "other": claim.other_estimand and _estimand(claim.other_estimand),
        "control": _control(claim),
        "power": claim.power and claim.power.model_dump(),
    }


def _estimand(estimand: Estimand) -> dict[str, Any]:
    keys = ("of", "minus", "over", "every", "terms", "per", "choose")
    choose = estimand.choose
    return {
        "reads": _refs(estimand.refs()),
        "as": [key for key in keys if getattr(estimand, key) is not None],
        "times": [[term.times for term in sums or ()] for sums in (estimand.terms, estimand.per)],
        "choose": choose and [len(choose.grid), choose.best, choose.metric or estimand.metric],
        "statistic": estimand.statistic,
    }


def _refs(refs: Iterable[Ref]) -> list[list]:
    return [
        [
            ref.experiment,
            ref.metric,
            plain(ref.step),
            {k: plain(v) for k, v in ref.selector.items()},
        ]
        for ref in refs
    ]


def _control(claim: Claim) -> list:
    """Return what the control asks, in an order that does not hang on how it is written."""
    items: list[Any] = []
    for item in (*claim.control.floor, *claim.control.contrast) if claim.control else ():
        if isinstance(item, str):
            items.append(item)
        elif isinstance(item, Floor):
            of = _refs([claim.control_ref(item, item.of)])
            items.append([*of, item.at_most, item.at_least])
        else:
            sides = [claim.control_ref(item, selector) for selector in (item.of, item.minus)]
            items.append([*_refs(sides), item.greater])
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
