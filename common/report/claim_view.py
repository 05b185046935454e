"""From the rows of an audit to claims as the page shows them: every cell as text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from common.errors import Refused, unknown
from common.report.cells import natural_key, number, typeset
from common.report.interval_svg import Stretches, interval_svg, regions, said_regions
from common.verdicts import VERDICTS, verdict_label

SYMBOLS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "not_tested": "–"}
PLUMBING = "plumbing run"  # the audit's reason for not judging sampled claims


@dataclass(frozen=True)
class Record:
    """The verdict of record on a claim that was not tested in these results."""

    verdict: str
    condition: str
    label: str
    scale: str
    date: str

    @property
    def symbol(self) -> str:
        """One character for the verdict."""
        return SYMBOLS[self.verdict]


@dataclass(frozen=True)
class Row:
    """A claim, or a part of one, with every cell as text."""

    title: str
    says: str
    kind: str
    verdict: str
    condition: str
    label: str
    reason: str
    estimate: str
    unit: str
    drawing: Markup
    boundaries: str
    n: int | None
    power: str
    control: str
    holm: str
    other: str
    other_detail: str
    published: str
    limits: str

    @property
    def own_limits(self) -> str:
        """The limits that the claim states, without the settings that make it a proxy."""
        return self.limits.partition("Proxy: ")[0].strip()

    @property
    def symbol(self) -> str:
        """One character for the verdict."""
        return SYMBOLS[self.verdict]


@dataclass(frozen=True)
class Claim:
    """A claim as the page shows it."""

    paper: str
    id: str
    where: str
    group: str
    condition: str
    evidence: str
    scale: str
    reading: str
    row: Row
    needed_n: str
    numbers: dict[str, float | int | None]  # what number columns are sorted by
    parts: list[Row] = field(default_factory=list)
    record: Record | None = None

    @property
    def part_counts(self) -> str:
        """What became of the parts, such as ``8 supported, 1 inconclusive``."""
        counts = Counter(part.label for part in self.parts)
        return ", ".join(f"{count} {label}" for label, count in counts.items())


def claims_of(
    paper: str, audit: Mapping, judge: str = "all", record: Mapping[str, Record] | None = None
) -> list[Claim]:
    """Return the claims of an audit in natural order of their ids.

    Parameters
    ----------
    paper : str
    audit : mapping
        ``audit.json``: `claims` is a list of rows; parts have the id of their claim.
    judge : str
        The scale's; at ``exact`` a claim not tested for that reason reads so in its verdict.
    record : mapping, optional
        Claim id -> verdict of record.

    Raises
    ------
    Refused
        If a row has an unknown verdict, or a part has no claim.
    """
    whole: dict[str, Mapping] = {}
    parts: dict[str, list[Mapping]] = {}
    published: dict[str, Mapping] = {}
    for raw in audit.get("claims", []):
        if raw["verdict"] not in VERDICTS:
            raise unknown("verdict", raw["verdict"], VERDICTS, f"audit of {paper}: {raw['id']}")
        if raw.get("part") is None and raw["id"] in whole:
            published[raw["id"]] = raw
        elif raw.get("part") is None:
            whole[raw["id"]] = raw
        else:
            parts.setdefault(raw["id"], []).append(raw)
    for orphan in parts.keys() - whole.keys():
        raise Refused(f"audit of {paper}: the claim {orphan} has parts but no row of its own")
    for id_, raw in published.items():
        # Printed numbers stand beside what was measured and never in its place.
        parts.setdefault(id_, []).insert(0, {**raw, "part": raw["evidence"]})
    return [
        _claim(paper, whole[id_], parts.get(id_, []), judge, (record or {}).get(id_))
        for id_ in sorted(whole, key=natural_key)
    ]


def _claim(
    paper: str, raw: Mapping, parts: Sequence[Mapping], judge: str, record: Record | None
) -> Claim:
    evidence = str(raw.get("evidence") or "")
    condition = str(raw.get("condition") or "")
    measured = "proxy" if condition == "proxy" else "paper"
    group = evidence if evidence in ("published", "submitted") else measured
    row = _row(raw, condition, judge)
    return Claim(
        paper=paper, id=raw["id"], where=str(raw.get("where") or ""), group=group,
        condition=condition, evidence=evidence, scale=str(raw.get("scale") or ""),
        reading=str(raw.get("reading") or "").replace("_", " "), row=row,
        needed_n=number(raw.get("needed_n")),
        numbers={key: raw.get(key) for key in ("estimate", "n", "power")},
        parts=[_row(part, str(part.get("condition") or condition), judge) for part in parts],
        record=record if raw["verdict"] == "not_tested" else None,
    )  # fmt: skip


def _row(raw: Mapping, condition: str, judge: str) -> Row:
    other = raw.get("other_reading") or {}
    evidence = str(raw.get("evidence") or "")
    other_label = verdict_label(other["verdict"], condition, evidence) if other else ""
    stretches = _stretches(raw)
    # What a failed control leaves untested has an estimate, but no place beside a boundary.
    drawing = ""
    if stretches and raw["verdict"] != "not_tested":
        drawing = interval_svg(raw.get("estimate"), raw.get("interval"), *stretches)
    return Row(
        title=str(raw.get("part") or raw["id"]),
        says=str(raw.get("says") or ""),
        kind=str(raw.get("kind") or "").replace("_", " "),
        verdict=raw["verdict"],
        condition=condition,
        label=_label(raw, condition, judge),
        reason=str(raw.get("reason") or ""),
        estimate=_estimate(raw.get("estimate"), raw.get("interval")),
        unit=str(raw.get("unit") or ""),
        drawing=Markup(drawing),
        boundaries=_boundaries(raw, stretches),
        n=raw.get("n"),
        power="" if raw.get("power") is None else f"{100 * raw['power']:.0f} %",
        control=said(raw.get("control")),
        holm=number(raw.get("holm")),
        other=other_label,
        other_detail=_other(other),
        published=_published(raw.get("published") or {}),
        limits=str(raw.get("limits") or ""),
    )


def _stretches(raw: Mapping) -> tuple[Stretches, Stretches] | None:
    """Return where the claim is supported and contradicted; None where the row does not say.

    A row has the boundaries but not what they are measured from. Where the interval does not lie
    as the verdict says it must, they are measured from something else: then nothing is shown.
    """
    supported, contradicted = raw.get("supported_beyond"), raw.get("contradicted_beyond")
    if supported is None or raw.get("kind") == "exact":
        return None
    contradicted = supported if contradicted is None else contradicted
    stretches = regions(str(raw["kind"]), supported, contradicted, raw.get("unit") == "ratio")
    interval = raw.get("interval")
    if interval is None or raw["verdict"] == "not_tested":
        return stretches
    expected = (raw["verdict"] == "supported", raw["verdict"] == "contradicted")
    return stretches if tuple(_inside(interval, part) for part in stretches) == expected else None


def _inside(interval: Sequence[float | None], stretches: Stretches) -> bool:
    low = -math.inf if interval[0] is None else interval[0]
    high = math.inf if interval[1] is None else interval[1]
    return any(a <= low and high <= b for a, b in stretches)


def _label(raw: Mapping, condition: str, judge: str) -> str:
    label = verdict_label(raw["verdict"], condition, str(raw.get("evidence") or ""))
    plumbing = judge == "exact" and PLUMBING in str(raw.get("reason") or "").lower()
    return f"{label} ({PLUMBING})" if plumbing and raw["verdict"] == "not_tested" else label


def _estimate(value: float | None, interval: Sequence[float | None] | None) -> str:
    if value is None:
        return ""
    if interval is None:
        return typeset(number(value))
    largest = max(abs(end) for end in (value, *interval) if end is not None)
    low, high = (number(end, beside=largest) or "open" for end in interval)
    return typeset(f"{number(value, beside=largest)} [{low}, {high}]")


def _boundaries(raw: Mapping, stretches: tuple[Stretches, Stretches] | None) -> str:
    if stretches is not None:
        return typeset(f"{said_regions(*stretches)} {raw.get('unit') or ''}".strip())
    if raw.get("kind") == "exact" and raw.get("supported_beyond") is not None:
        return f"tolerance {raw['supported_beyond']:g} {raw.get('unit') or ''}".strip()
    return ""


def _other(other: Mapping) -> str:
    if not other:
        return ""
    reading = str(other.get("reading") or "").replace("_", " ")
    shown = _estimate(other.get("estimate"), other.get("interval"))
    return f"reading of the {reading}: {shown}" if shown else f"reading of the {reading}"


def _published(number_of: Mapping) -> str:
    if not number_of:
        return ""
    origin = str(number_of.get("origin") or "")
    return typeset(number(number_of.get("value"))) + (f" ({origin})" if origin else "")


def said(value: object) -> str:
    """Return a control's outcome in words: text as it is, a mapping as ``key: value; ...``."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "passed" if value else "failed"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {said(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return "; ".join(said(item) for item in value)
    return number(value)
