"""How the parts of a claim are written: bodies over bodies, their products, settings under all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from common.errors import Refused
from common.suite import yaml
from common.suite.claim_blocks import COMPOSITE, listed
from common.suite.settings import flatten

if TYPE_CHECKING:
    from common.suite.claims import Claim

Body = Mapping[str, Any]  # what a part states, as written


def laid_over(base: Body, top: Body) -> dict[str, Any]:
    """Return `base` with `top` laid over it, mapping by mapping; lists are replaced."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = laid_over(below or {}, value) if both else value
    return merged


def stated(for_each: list | None, parts: Mapping[str, Body] | None) -> dict[str, Body]:
    """Return the parts that a claim states, in order: the products of `for_each`, then `parts`.

    Parameters
    ----------
    for_each : list
        Mappings, name -> body, whose product the parts are: names joined by ``_``, bodies laid
        over one another. Or a list of such lists, one product after the other.
    parts : mapping
        Name -> body, as they are.

    Raises
    ------
    Refused
        If a mapping is empty, a body is none, a name is not allowed or two parts bear one.

    Examples
    --------
    >>> axes = [{"vgg11": {"unit": "a"}, "mlp": {}}, {"05": {"around": 5}}]
    >>> stated(axes, {"rest": {}})
    {'vgg11_05': {'unit': 'a', 'around': 5}, 'mlp_05': {'around': 5}, 'rest': {}}
    """
    found: dict[str, Body] = {}
    products = for_each if for_each and isinstance(for_each[0], list) else [for_each or []]
    for axes in products:
        if for_each is not None and not (isinstance(axes, list) and axes):
            raise Refused("for_each: must be a list of mappings, or of lists of them, none empty")
        for chosen in itertools.product(*map(_axis, axes)) if axes else ():
            name = "_".join(name for name, _ in chosen)
            _add(found, name, reduce(laid_over, (body for _, body in chosen)))
    for name, body in (parts or {}).items():
        _add(found, yaml.check_name(name, "part", "parts"), body)
    return found


def _axis(axis: object) -> Iterable[tuple[str, Body]]:
    if not isinstance(axis, Mapping) or not axis:
        raise Refused(f"for_each: {axis!r} must be a mapping of names to bodies, and not empty")
    for name, body in axis.items():
        if not isinstance(name, str):
            raise Refused(f"for_each: the name {name!r} must be text: put it in quotes")
        yaml.check_name(name, "name", "for_each")
        if not isinstance(body, Mapping):
            raise Refused(f"for_each: {name}: must be a mapping of keys to values, not {body!r}")
    return axis.items()


def _add(found: dict[str, Body], name: str, body: Body) -> None:
    if name in found:
        raise Refused(f"parts: two of them are called {name!r}")
    found[name] = body


def settled(claim: object) -> object:
    """Return the keys of a leaf with `estimand.within` laid under its selectors; others as given.

    Of the control, under the selectors of what names no experiment: what that leaves open is the
    estimand's.
    """
    if not isinstance(claim, Mapping) or claim.get("kind") in COMPOSITE:
        return claim
    estimand, other, control = (claim.get(key) for key in ("estimand", "other", "control"))
    if not isinstance(estimand, Mapping) or not isinstance(estimand.get("within"), Mapping):
        return claim
    found = {**claim, "estimand": _settled(estimand)}
    if isinstance(other, Mapping):
        # Before what is within is laid under, or it would lie over the estimand's own selectors.
        found["other"] = _settled(laid_over(estimand, other))
    if isinstance(control, Mapping):
        within = flatten(dict(estimand["within"]))
        found["control"] = {
            key: [_above(within, item) if _is_open(item) else item for item in listed(items)]
            for key, items in control.items()
        }
    return found


def _settled(estimand: Body) -> dict[str, Any]:
    within = flatten(dict(estimand["within"]))
    found = {key: value for key, value in estimand.items() if key != "within"}
    found = _above(within, found)
    for key in ("terms", "per"):
        if isinstance(found.get(key), list):
            found[key] = [_above(within, term) for term in found[key]]
    choose = found.get("choose")
    if isinstance(choose, Mapping) and found.get("of") is None:
        grid = [{"of": cell} for cell in choose.get("grid", ())]
        found["choose"] = {**choose, "grid": [_above(within, cell)["of"] for cell in grid]}
    return found


def _above(within: dict[str, object], item: Any) -> Any:
    """Return `item` with `within` under each of its selectors."""
    keys = [key for key in ("of", "minus", "over", "every") if isinstance(item.get(key), Mapping)]
    return {**item, **{key: within | flatten(dict(item[key])) for key in keys}}


def _is_open(item: object) -> bool:
    return isinstance(item, Mapping) and item.get("experiment") is None


def steps(claim: Claim) -> dict[str, dict[str, Any]]:
    """Return the parts that `along` stands for: each point compared with the one before it."""
    estimand = claim.estimand
    assert estimand is not None and estimand.along is not None
    of, gap, along = estimand.of or {}, estimand.minus, estimand.along
    versus = "over" if estimand.compare == "ratio" else "minus"
    parts = {}
    for index, (before, after) in enumerate(itertools.pairwise(along), 1):
        high, low = (before, after) if claim.kind == "ranking" else (after, before)
        if gap is None:
            body: dict[str, Any] = {"estimand": {"of": {**of, **high}, versus: {**of, **low}}}
        else:
            signed = [(of, high, 1), (gap, high, -1), (of, low, -1), (gap, low, 1)]
            terms = [{"of": {**arm, **point}, "times": sign} for arm, point, sign in signed]
            body = {"estimand": {"of": None, "minus": None, "terms": terms}}
        if claim.kind == "monotone":
            body |= _step_boundary(claim, versus == "over")
        effect = claim.power.effect if claim.power else None
        if isinstance(effect, list):
            body["power"] = {"effect": effect[index - 1]}
        parts[f"step_{index}"] = body
    return parts


def _step_boundary(claim: Claim, ratio: bool) -> dict[str, Any]:
    tolerance = claim.tolerance if claim.tolerance is not None else float(ratio)
    if claim.direction == "falling":
        return {"kind": "at_most", "supported_beyond": tolerance}
    return {"kind": "at_least", "supported_beyond": 1 / tolerance if ratio else -tolerance}
