"""What makes a claim impossible to judge, refused before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common import names
from common.errors import Refused, unknown
from common.suite.claim_blocks import COMPOSITE, READ_BY, SAMPLED
from common.suite.selectors import Arms, Ref, plain

if TYPE_CHECKING:
    from common.suite.claims import Claim


def check_shape(claim: Claim) -> None:
    """Refuse a claim whose keys do not make sense together.

    Raises
    ------
    Refused
        At the first fault; parts are checked as they are spelled out.
    """
    for key, kinds in READ_BY.items():
        if getattr(claim, key) is not None and claim.kind not in (*kinds, "all_of", "any_of"):
            raise Refused(f"{key}: goes with {' or '.join(kinds)}, not with kind {claim.kind!r}")
    if (claim.reason is None) == (claim.kind == "none"):
        raise Refused("reason: kind 'none' says why nothing is tested, and no other kind does")
    if claim.kind in COMPOSITE:
        _check_composite(claim)
    elif claim.for_each is not None:
        raise Refused(f"for_each: kind {claim.kind!r} has no parts")
    elif claim.parts or claim.proxy_parts or claim.each:
        raise Refused(f"parts: kind {claim.kind!r} has none")
    elif claim.estimand is not None and claim.kind != "none":
        _check_estimand(claim)
        _check_boundaries(claim)
    elif claim.published is None and claim.kind != "none":
        raise Refused("estimand: is missing (or `published:`, to judge printed numbers)")
    if claim.other is not None and claim.kind != "none":
        _ = claim.other_estimand  # parsed here, so that a wrong key is refused at once


def _check_composite(claim: Claim) -> None:
    points = len(claim.estimand.along or []) if claim.estimand else 0
    parts = claim.stated
    if claim.kind == "monotone":
        ratio = claim.estimand is not None and claim.estimand.compare == "ratio"
        if points < 2 or parts or claim.direction not in ("rising", "falling"):
            raise Refused("monotone needs estimand.along (two points or more) and a direction")
        if ratio and claim.tolerance is not None and claim.tolerance <= 0:
            raise Refused(f"tolerance {claim.tolerance}: of ratios it is a factor above 0")
    elif claim.kind == "ranking" and not (points >= 2) ^ bool(parts):
        raise Refused("ranking needs either estimand.along, highest first, or parts")
    elif claim.kind == "crossover" and len(parts) != 2:
        raise Refused("crossover needs exactly two parts, one on each side")
    elif claim.kind in ("all_of", "any_of") and not parts:
        raise Refused(f"parts: kind {claim.kind!r} needs at least one")
    effect = claim.power.effect if claim.power else None
    if isinstance(effect, list) and len(effect) != points - 1:
        raise Refused(f"power.effect: {len(effect)} values, but the claim has {points - 1} steps")
    for name in claim.proxy_parts or ():
        if name not in claim.children:
            raise unknown("part", name, claim.children, "proxy_parts")
    if any(child.kind == "none" for child in claim.children.values()) and claim.kind != "all_of":
        raise Refused(f"parts: a part of kind 'none' decides nothing in kind {claim.kind!r}")


def _check_estimand(claim: Claim) -> None:
    estimand = claim.estimand
    assert estimand is not None
    for key in ("experiment", "metric"):
        if getattr(estimand, key) is None:
            raise Refused(f"estimand.{key}: is missing")
    if estimand.along:
        raise Refused(f"estimand.along: goes with monotone or ranking, not with {claim.kind!r}")
    given = [
        key for key in ("of", "every", "terms", "choose") if getattr(estimand, key) is not None
    ]
    if given not in (["of"], ["every"], ["terms"], ["choose"], ["of", "choose"]):
        raise Refused(f"estimand: needs one of `of`, `every`, `terms`, not {given}")
    if estimand.minus is not None and estimand.over is not None:
        raise Refused("estimand: either `minus` or `over`")
    if "terms" in given and (estimand.minus is not None or estimand.over is not None):
        raise Refused("estimand: with `terms`, a negative `times` subtracts")
    if "every" in given and claim.kind != "exact":
        raise Refused("estimand.every: goes with kind 'exact'")
    if estimand.per is not None and "terms" not in given:
        raise Refused("estimand.per: divides `terms`")
    spread, sided = estimand.statistic == "spread", claim.kind in ("greater", "at_least", "at_most")
    if spread and (estimand.over is None or not sided or estimand.choose):
        raise Refused(
            "estimand.statistic: a spread is `of` over `over`, greater, at_least or at_most"
        )
    if estimand.statistic == "median" and not (sided or claim.kind == "equivalent"):
        raise Refused(f"estimand.statistic: a median does not go with kind {claim.kind!r}")
    if claim.power and isinstance(claim.power.effect, list):
        raise Refused("power.effect: one number, the parts may give their own")


def _check_boundaries(claim: Claim) -> None:
    if claim.supported_beyond is None:
        raise Refused("supported_beyond: is missing")
    supported, contradicted = claim.boundaries
    ratio = claim.estimand is not None and claim.estimand.is_ratio
    kind = claim.direction or "at_least" if claim.kind == "proportion" else claim.kind
    if kind in ("rising", "falling"):
        raise Refused(f"direction {kind!r}: of a proportion it is at_least or at_most")
    least = {"exact": 0.0, "equivalent": 1.0 if ratio else 0.0}.get(kind)
    if least is not None and supported < least:
        raise Refused(f"supported_beyond {supported}: of {kind!r} it is at least {least:g}")
    if ratio and min(supported, contradicted) <= 0:
        raise Refused(
            f"supported_beyond {supported}, contradicted_beyond {contradicted}: of ratios above 0"
        )
    if claim.kind == "proportion" and not (0 <= supported <= 1 and 0 <= contradicted <= 1):
        raise Refused(f"supported_beyond {supported}: a share, from 0 to 1")
    overlap = (
        contradicted > supported if kind in ("greater", "at_least") else contradicted < supported
    )
    if overlap:
        given = f"supported_beyond {supported:g}, contradicted_beyond {contradicted:g}"
        raise Refused(f"{given}: the two overlap, so that a value could be both")


def find(name: str, claims: Mapping[str, Claim], where: str) -> Claim:
    """Return the claim, or with ``ID/part`` the part, called `name`.

    Raises
    ------
    Refused
        If there is none.
    """
    key, *path = name.split("/")
    if key not in claims:
        raise unknown("claim", key, claims, where)
    claim = claims[key]
    for part in path:
        if part not in claim.children:
            raise unknown("part", name, [f"{key}/{child}" for child in claim.children], where)
        claim = claim.children[part]
    return claim


def check_claims(
    claims: Mapping[str, Claim], arms_by_experiment: Mapping[str, Mapping[str, Arms]]
) -> None:
    """Refuse claims that point at no arm, at several, or at trained arms without a control.

    Parameters
    ----------
    claims : mapping
        By id, as `load_claims` returns them.
    arms_by_experiment : mapping
        Experiment -> scale -> arm -> flat settings (with ``procedure``).

    Raises
    ------
    Refused
        At the first fault.
    """
    check_contrasts(claims)
    known = {name: _Known(scales) for name, scales in arms_by_experiment.items()}
    seen: set[tuple] = set()  # the parts of a claim share most of the arms that they point at
    for claim in claims.values():
        for leaf in claim.leaves:
            where = f"{leaf.id}/{leaf.part}" if leaf.part else leaf.id
            read = [leaf.estimand, leaf.other_estimand]
            for ref in [ref for estimand in read if estimand for ref in estimand.refs()]:
                _check_once(ref, known, where, seen)
            for ref in leaf.control_refs():
                _check_once(ref, known, f"{where}: control", seen)
            controlled = leaf.control and (leaf.control.floor or leaf.control.contrast)
            if leaf.kind in SAMPLED and not controlled and _trains(leaf, known):
                message = "a claim judged on trained networks needs a control"
                raise Refused(f"{where}: {message} (floor, contrast or both), fixed beforehand")


@dataclass(frozen=True)
class _Known:
    """An experiment's arms at every scale, and what they have between them."""

    scales: Mapping[str, Arms]
    _columns: dict[tuple[str, str], dict[object, set[str]]] = field(default_factory=dict)

    def matching(self, selector: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return at every scale the arms that `selector` means, as `selectors.matching` does.

        The arms are sorted by the values of a setting once, when it is first asked for.
        """
        found = {}
        for scale, arms in self.scales.items():
            left: set[str] | None = None
            for key, value in selector.items():
                alike = self._column(scale, key).get(plain(value), set())
                left = alike if left is None else left & alike
            found[scale] = [arm for arm in arms if arm in left] if left is not None else list(arms)
        return found

    def _column(self, scale: str, key: str) -> dict[object, set[str]]:
        if (scale, key) not in self._columns:
            column: dict[object, set[str]] = {}
            for arm, settings in self.scales[scale].items():
                value = arm if key == "run" else settings.get(key)
                column.setdefault(plain(value), set()).add(arm)
            self._columns[scale, key] = column
        return self._columns[scale, key]

    @cached_property
    def keys(self) -> set[str]:
        """The settings that a selector may name."""
        arms = (settings for arms in self.scales.values() for settings in arms.values())
        return {"run"}.union(*arms)

    @cached_property
    def metrics(self) -> set[str] | None:
        """What the arms record; None if one's procedure is unknown here and records anything."""
        recorded: set[str] = set()
        for arm in (settings for arms in self.scales.values() for settings in arms.values()):
            procedure = str(arm.get("procedure"))
            if procedure not in names.PROCEDURES:
                return None
            own = procedure if procedure in names.METRICS else "training"
            measures = arm.get("measures")
            kinds = measures if isinstance(measures, list) and measures else [own]
            recorded |= {pattern for kind in kinds for pattern in names.METRICS[kind]}
        return recorded


def _check_once(ref: Ref, known: Mapping[str, _Known], where: str, seen: set[tuple]) -> None:
    key = (ref.experiment, ref.metric, ref.several, repr(sorted(ref.selector.items())))
    if key not in seen:
        _check_ref(ref, known, where)
        seen.add(key)


def _check_ref(ref: Ref, known: Mapping[str, _Known], where: str) -> None:
    if ref.experiment not in known:
        raise unknown("experiment", ref.experiment, known, where)
    experiment = known[ref.experiment]
    for key in ref.selector:
        if key not in experiment.keys:
            raise unknown("setting", key, experiment.keys, where)
    recorded = experiment.metrics
    if recorded is not None and not any(fnmatchcase(ref.metric, one) for one in recorded):
        raise unknown("metric", ref.metric, recorded, where)
    counts = experiment.matching(ref.selector)
    shown = f"{ref.selector} of {ref.experiment}"
    if not any(counts.values()):
        raise Refused(f"{where}: points at no run: {shown} matches no arm at any scale")
    for scale, found in counts.items():
        if len(found) > 1 and not ref.several:
            named = ", ".join(found)
            raise Refused(
                f"{where}: {shown} must match one arm, but at scale {scale} it is {named}"
            )


def _trains(leaf: Claim, known: Mapping[str, _Known]) -> bool:
    """Return whether an arm that the leaf's estimand reads comes from a procedure that trains."""
    for ref in leaf.estimand.refs() if leaf.estimand else []:
        experiment = known[ref.experiment]
        for scale, found in experiment.matching(ref.selector).items():
            for run in found:
                procedure = str(experiment.scales[scale][run].get("procedure"))
                if procedure not in names.PROCEDURES or names.PROCEDURES[procedure][2]:
                    return True
    return False


def check_contrasts(claims: Mapping[str, Claim]) -> None:
    """Refuse controls that name a claim which does not exist, or that lead back to themselves."""
    for claim in claims.values():
        _check_contrasts(claim, claims, (claim.id,))


def _check_contrasts(claim: Claim, claims: Mapping[str, Claim], path: tuple[str, ...]) -> None:
    """Refuse contrasts that name no claim or lead back to where they started."""
    for name in dict.fromkeys(_contrasts(claim)):
        named = find(name, claims, f"{path[0]}: control.contrast")
        if named.id in path:
            raise Refused(
                f"{path[0]}: control.contrast: {' -> '.join((*path, named.id))} is a circle"
            )
        _check_contrasts(named, claims, (*path, named.id))


def _contrasts(claim: Claim) -> Iterator[str]:
    for leaf in claim.leaves:
        yield from leaf.named_contrasts()
