"""`papers/<name>/claims.yaml`: the sentences a paper is held to, and how each one is judged.

A claim is a leaf (one estimand, one boundary) or is made of parts. A part states what it does not
inherit from the claim around it, mapping by mapping. Where one judgement is repeated over networks,
data sets, densities or methods, a claim is written as a table would be:

`for_each`
    A list of mappings, name -> body; the parts are their product, ``vgg11_05`` of ``vgg11`` and
    ``"05"``, the bodies laid over one another. A list of such lists makes one product after the
    other. `parts` adds more.
`each`
    The kind, or a whole body, of the parts that state no kind of their own.
`estimand.within`
    Settings laid under every selector of the estimand, and of the control under those of the items
    that name no experiment of their own; what a selector says itself wins.
`control.floor`, `control.contrast`
    One item, a list, or items by name, which bodies add to, change, or leave out by ``null``.

The key `shared` at the top of the file is no claim: it holds YAML anchors alone, such as the
networks with their experiment, what is within them and what their control asks.

`monotone` and `ranking` over an ordered list of arms are short for parts too. `Claim.children`
spells all of this out, so that planning and audit deal with leaves and parts alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from common.errors import Refused
from common.suite import yaml
from common.suite.claim_blocks import (
    COMPOSITE,
    READ_BY,
    SAMPLED,
    Cell,
    Contrast,
    Control,
    Estimand,
    Floor,
    Kind,
    Power,
    Published,
    Success,
)
from common.suite.claim_checks import check_claims, check_shape, find
from common.suite.claim_parts import laid_over, settled, stated, steps
from common.suite.claim_versions import judged
from common.suite.expand import digest
from common.suite.selectors import Arms, Ref, matching
from common.suite.settings import Strict

__all__ = ["Claim", "check_claims", "find", "load_claims"]

ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]{2,}")
Reading = Literal["paper", "authors_code"]
SHARED = "shared"  # the one key of the file that is no claim
# Never inherited.
OWN = {"id", "part", "kind", "each", "for_each", "parts", "proxy_parts", "published"}


class Claim(Strict):
    """A claim, or a part of one with what it inherits filled in; see design.md section 6."""

    id: str
    part: str | None = None
    says: str
    where: str
    kind: Kind
    each: Kind | dict[str, Any] | None = None  # the kind or the body of parts that state no kind
    direction: Literal["rising", "falling", "at_least", "at_most"] | None = None
    tolerance: float | None = None  # of a step of `monotone`, against its direction
    around: float | None = None  # centre of `equivalent` and `exact`
    success: Success | None = None
    supported_beyond: float | None = None
    contradicted_beyond: float | None = None
    unit: str | None = None
    reading: Reading = "paper"
    estimand: Estimand | None = None
    other: dict[str, Any] | None = None  # what the other reading changes in the estimand
    control: Control | None = None
    power: Power | None = None
    limits: str | None = None
    published: Published | None = None
    published_value: Cell | None = None
    for_each: list[Any] | None = None  # parts as a product of mappings, name -> body
    parts: dict[str, dict[str, Any]] | None = None
    proxy_parts: list[str] | None = None  # the parts judged where the others do not run
    reason: str | None = None

    @cached_property
    def children(self) -> dict[str, Claim]:
        """The parts as claims, in order; empty for a leaf."""
        if self.kind not in COMPOSITE:
            return {}
        spelt = steps(self) if self.estimand and self.estimand.along else {}
        bodies = {**spelt, **self.stated}
        return {name: self._child(name, body) for name, body in bodies.items()}

    @cached_property
    def stated(self) -> dict[str, Mapping[str, Any]]:
        """The parts as the claim states them, name -> body, its products spelt out."""
        return stated(self.for_each, self.parts)

    def _child(self, name: str, body: Mapping[str, Any]) -> Claim:
        if isinstance(self.each, dict) and "kind" not in body:
            body = laid_over(self.each, body)
        default = self.each or ("greater" if self.kind in ("ranking", "crossover") else None)
        kind = body.get("kind", default)
        if not isinstance(kind, str):
            raise Refused(f"part {name}: the key 'kind' is missing (or `each:` beside `parts:`)")
        kept = {
            key: value
            for key, value in self._inherited.items()
            if key not in READ_BY or kind in (*READ_BY[key], "all_of", "any_of")
        }
        if "along" in kept.get("estimand", {}) and self.kind in ("monotone", "ranking"):
            kept["estimand"] = {
                k: v for k, v in kept["estimand"].items() if k not in ("along", "compare")
            }
        path = f"{self.part}/{name}" if self.part else name
        own = {"id": self.id, "part": path, "kind": kind}
        return yaml.parse(Claim, {**laid_over(kept, body), **own}, f"part {name}")

    @cached_property
    def _inherited(self) -> dict[str, Any]:
        """What every part has unless it states its own."""
        given = self.model_dump(exclude_unset=True)
        return {key: value for key, value in given.items() if key not in OWN}

    @cached_property
    def version(self) -> str:
        """A digest of what is judged, however it is written, so that the log shows a change."""
        return digest(judged(self))

    @cached_property
    def leaves(self) -> list[Claim]:
        """Every leaf below the claim, itself if it is one."""
        return [leaf for child in self.children.values() for leaf in child.leaves] or [self]

    @property
    def other_estimand(self) -> Estimand | None:
        """The estimand under the other reading, None where the readings agree."""
        if self.other is None or self.estimand is None:
            return None
        merged = laid_over(self.estimand.model_dump(exclude_unset=True), self.other)
        return yaml.parse(Estimand, merged, f"{self.id}: other")

    @property
    def is_sampled(self) -> bool:
        """Whether replicates decide: the claim, or a leaf of it, is neither `exact` nor `none`."""
        return any(leaf.kind in SAMPLED and leaf.estimand is not None for leaf in self.leaves)

    @property
    def boundaries(self) -> tuple[float, float]:
        """Beyond the first the claim is supported, beyond the second contradicted (leaves only)."""
        assert self.supported_beyond is not None
        if self.contradicted_beyond is not None:
            return self.supported_beyond, self.contradicted_beyond
        neutral = 1.0 if self.estimand and self.estimand.is_ratio else 0.0
        return self.supported_beyond, neutral if self.kind == "greater" else self.supported_beyond

    @property
    def centre(self) -> float:
        """What `equivalent` and `exact` compare with: 0, or 1 for ratios, unless `around` says."""
        ratio = self.estimand is not None and self.estimand.is_ratio
        return self.around if self.around is not None else float(ratio)

    def control_refs(self) -> list[Ref]:
        """Return the arms that the control itself names; what it leaves open is the estimand's."""
        refs = []
        for item in (*self.control.floor, *self.control.contrast) if self.control else ():
            if not isinstance(item, str):
                minus = [item.minus] if isinstance(item, Contrast) else []
                refs += [self.control_ref(item, selector) for selector in [item.of, *minus]]
        return refs

    def control_ref(self, item: Floor | Contrast, selector: dict[str, Any]) -> Ref:
        """Return the reference to the arm `selector` of a floor or a contrast."""
        first = self.estimand.refs()[0] if self.estimand else Ref("", "", "last", {})
        return Ref(
            item.experiment or first.experiment,
            item.metric or first.metric,
            item.step or first.step,
            selector,
        )

    def reads_only(self, experiments: Collection[str]) -> bool:
        """Return whether every arm that the claim is judged on is of these experiments."""
        refs = [ref for leaf in self.leaves if leaf.estimand for ref in leaf.estimand.refs()]
        return bool(refs) and all(ref.experiment in experiments for ref in refs)

    def needs(self, arms: Mapping[str, Arms], claims: Mapping[str, Claim]) -> set[tuple[str, str]]:
        """Return the (experiment, arm) pairs that judging the claim and its controls reads.

        Parameters
        ----------
        arms : mapping
            Experiment -> arm -> flat settings, at the scale asked for.
        claims : mapping
            The paper's claims, for controls that name another one.
        """
        needed = set()
        for leaf in self.leaves:
            refs = (leaf.estimand.refs() if leaf.estimand else []) + leaf.control_refs()
            other = leaf.other_estimand
            for ref in refs + (other.refs() if other else []):
                found = matching(ref.selector, arms.get(ref.experiment, {}))
                needed |= {(ref.experiment, run) for run in found}
            for name in leaf.named_contrasts():
                needed |= find(name, claims, self.id).needs(arms, claims)
        return needed

    def named_contrasts(self) -> list[str]:
        """Return the claims, as ``ID`` or ``ID/part``, that serve as contrasts."""
        items = self.control.contrast if self.control else []
        return [item for item in items if isinstance(item, str)]

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, content: object) -> object:
        return settled(content)

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        check_shape(self)
        return self


def versions(claims: Mapping[str, Claim], plan: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return, by id, a digest of the claim as it is judged and one of the runs it is judged on.

    Parameters
    ----------
    claims : mapping
        All claims of a paper.
    plan : mapping
        The paper's plan: settings and the runs' digests of every arm at a scale. Where it was made
        for one claim alone, only that one is returned.
    """
    experiments = plan["experiments"]
    arms = {
        name: {run: arm["settings"] for run, arm in entry["arms"].items()}
        for name, entry in experiments.items()
    }
    found = {}
    for name, claim in claims.items():
        if plan.get("claim") not in (None, name):
            continue
        runs = [
            experiments[experiment]["arms"][run]["digests"]
            for experiment, run in sorted(claim.needs(arms, claims))
        ]
        found[name] = (claim.version, digest(runs))
    return found


def load_claims(path: str | Path) -> dict[str, Claim]:
    """Return the claims in the file at `path`, by id.

    Raises
    ------
    Refused
        If the file is missing or holds an id, key or value that is not allowed.
    """
    path = Path(path)
    shown = f"papers/{path.parent.name}/{path.name}" if path.parent.name else path.name
    claims = {}
    for key, body in yaml.read(path, shown).items():
        if key == SHARED:
            if not isinstance(body, dict):
                raise Refused(f"{shown}: {SHARED}: must be a mapping, of names to what is shared")
            continue
        if not isinstance(key, str) or not ID.fullmatch(key):
            raise Refused(
                f"{shown}: the id {key!r} must be like SNIP-05: capitals, a hyphen, digits"
            )
        if not isinstance(body, dict):
            raise Refused(f"{shown}: {key}: must be a mapping of keys to values")
        yaml.check_keys(body, set(Claim.model_fields) - {"id", "part"}, f"{shown}: {key}")
        claims[key] = yaml.parse(Claim, {**body, "id": key}, f"{shown}: {key}")
    return claims
