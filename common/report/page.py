"""The report: one HTML page that holds everything and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from common import files
from common.errors import Refused
from common.products import PUBLISHED_COLUMNS, read_object, read_plan, read_published
from common.report import claim_view, summary
from common.report.cells import typeset
from common.report.estimates import DATA_COLUMNS
from common.report.settings_view import Configuration, configuration, deviations
from common.report.tables import NOT_YET, Shown, read_table, reading, shown
from common.suite.across import load_across
from common.verdicts import VERDICTS

HERE = Path(__file__).parent
PLAIN = " =:/;,?!*$@|"  # what an address in an attribute may hold as it is


@dataclass(frozen=True)
class Experiment:
    """One experiment as the page shows it."""

    name: str
    heading: str
    planned: str
    table: Shown
    reading: str
    empty: bool
    figure: str  # data: URI
    data: str  # data: URI of the CSV behind the figure
    caption: str
    configuration: Configuration


@dataclass(frozen=True)
class Question:
    """A question on which several papers make claims, with those that are on the page."""

    name: str
    asks: str
    note: str
    claims: list[claim_view.Claim]
    elsewhere: list[str]


@dataclass(frozen=True)
class Paper:
    """One paper as the page shows it."""

    name: str
    citation: Mapping[str, object]
    links: list[tuple[str, str]]
    claims: list[claim_view.Claim]
    counts: dict[str, dict[str, int]]
    experiments: list[Experiment]
    not_run: Mapping[str, str]
    claims_log: str
    from_record: bool
    plumbing: bool
    elsewhere: list[dict[str, str]]


def report_page(
    scale: str,
    papers: Sequence[str],
    results: str | Path,
    record: str | Path = files.RESULTS / "record",
    published: str | Path = files.PAPERS,
) -> str:
    """Return the page.

    Parameters
    ----------
    scale : str
        Its name is shown, nothing depends on it.
    papers : sequence of str
        In the order of the page.
    results : path
        Holds a folder for each paper with ``plan.json``, ``audit.json``, ``tables/`` and
        ``figures/``, and ``machine.json`` with the date of the results, if known.
    record : path
        Holds ``<scale>/<paper>/audit.json`` and ``<scale>/machine.json`` of the results of record.
    published : path
        Holds ``<paper>/published.csv``, and ``across.yaml`` where papers are compared.

    Raises
    ------
    Refused
        If a file is missing or not as it should be.

    Notes
    -----
    The page depends on these files alone: equal files give equal bytes.
    """
    results = Path(results)
    views = [_paper(name, results / name, Path(record), Path(published)) for name in papers]
    claims = [claim for view in views for claim in view.claims]
    style = (HERE / "style.css").read_text(encoding="utf-8")
    script = (HERE / "page.js").read_text(encoding="utf-8")
    used = {claim.group for claim in claims if claim.row.verdict != "not_tested"}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    return environment.get_template("page.html.j2").render(
        scale=scale,
        date=summary.date_of(results / "machine.json"),
        papers=views,
        claims=claims,
        questions=_questions(Path(published), claims),
        headline=summary.headline(claims),
        groups={key: text for key, text in summary.GROUPS.items() if key in used | {"paper"}},
        verdicts=VERDICTS[:3],
        labels=sorted({claim.row.label for claim in claims}),
        evidence=sorted({claim.evidence for claim in claims} - {""}),
        plumbing=any(view.plumbing for view in views),
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
    )


def _questions(folder: Path, claims: Sequence[claim_view.Claim]) -> list[Question]:
    """Return the questions that two papers of the page or more speak to."""
    by_id = {claim.id: claim for claim in claims}
    found = []
    for name, question in load_across(folder).items():
        here = [by_id[id_] for id_ in question.claims if id_ in by_id]
        if len({claim.paper for claim in here}) > 1:
            missing = [id_ for id_ in question.claims if id_ not in by_id]
            found.append(Question(name, question.asks, question.note, here, missing))
    return found


def content_policy(style: str, script: str) -> str:
    """Return a content security policy under which this style and script run and nothing loads."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; "
        f"script-src 'sha256-{digest(script)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _paper(name: str, folder: Path, record: Path, published: Path) -> Paper:
    plan, audit = read_plan(folder / "plan.json"), read_object(folder / "audit.json")
    judge = str(plan.get("judge", "all"))
    claims = claim_view.claims_of(name, audit, judge, summary.records(record, name))
    unknown = dict.fromkeys(("title", "authors", "venue", "year"), "")
    citation = unknown | (plan.get("citation") or {})
    return Paper(
        name=name,
        citation=citation,
        links=_links(citation),
        claims=claims,
        counts=summary.counts(claims),
        experiments=[_experiment(plan, experiment, folder) for experiment in plan["experiments"]],
        not_run=plan.get("not_run") or {},
        claims_log=str(audit.get("claims_log") or ""),
        from_record=bool(plan.get("from_record")),
        plumbing=judge == "exact",
        elsewhere=_elsewhere(plan, published / name / "published.csv"),
    )


def _links(citation: Mapping) -> list[tuple[str, str]]:
    """Return (text, address) of the links that lead to the web and nowhere else."""
    arxiv = str(citation.get("arxiv") or "")
    links = []
    if re.fullmatch(r"[\w.\-]+(/\d+)?(v\d+)?", arxiv):
        links.append((f"arXiv {arxiv}", f"https://arxiv.org/abs/{arxiv}"))
    for key, text in (("url", "paper"), ("code", "authors' code")):
        address = str(citation.get(key) or "")
        if re.fullmatch(r"[\w.\-]+\.[a-z]+/\S*", address):
            address = f"https://{address}"
        if re.match(r"https?://", address):
            links.append((text, address))
    return links


def _experiment(plan: Mapping, name: str, folder: Path) -> Experiment:
    entry = plan["experiments"][name]
    table = read_table(folder / "tables" / f"{name}.csv")
    figure = folder / "figures" / f"{name}.svg"
    behind = folder / "figures" / f"{name}.csv"
    ran = table["n_run"].astype(int)
    return Experiment(
        name=name,
        heading=": ".join(str(part) for part in (entry.get("shows"), entry.get("title")) if part),
        planned=_planned(entry),
        table=shown(table, entry["metric"]),
        reading=reading(entry["metric"]),
        empty=not ran.any(),
        figure=data_uri(_bytes(figure), "image/svg+xml"),
        data=data_uri(_bytes(behind), "text/csv"),
        caption=_caption(plan, entry, ran, _is_generic(behind)),
        configuration=configuration(entry),
    )


def _planned(entry: Mapping) -> str:
    runs = sum(len(arm["digests"]) for arm in entry["arms"].values())
    text = f"{len(entry['arms'])} arms, {runs} runs planned"
    seconds = entry.get("seconds")
    if not seconds:
        return text
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{text}, about {seconds / size:.3g} {unit} on one reference core"
    return f"{text}, under a second on one reference core"


def _caption(plan: Mapping, entry: Mapping, ran: pd.Series, generic: bool) -> str:
    if not ran.any():
        return f"{NOT_YET} Scale {plan['scale']}. {deviations(entry)}"
    low, high = ran.min(), ran.max()
    n = f"n = {low}" if low == high else f"n = {low} to {high}"
    what = (
        f"Mean with its 90 % interval (Student's t, {n} an arm); pale dots are the replicates, "
        "open markers published values, grey ones recalled from memory."
        if generic
        else f"{n.capitalize()} an arm; intervals, where drawn, are 90 %."
    )
    return f"{what} Scale {plan['scale']}. {deviations(entry)}"


def _is_generic(behind: Path) -> bool:
    return _bytes(behind).decode().splitlines()[:1] == [",".join(DATA_COLUMNS)]


def data_uri(content: bytes, kind: str) -> str:
    """Return text in UTF-8 as an address that holds it: a quarter shorter so than in base 64."""
    text = content.decode()
    if kind == "image/svg+xml":
        text = text.replace("\n", " ")
    return f"data:{kind};charset=utf-8,{quote(text, safe=PLAIN)}"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file; make the figures first") from None


def _elsewhere(plan: Mapping, path: Path) -> list[dict[str, str]]:
    """Return the published numbers that stand beside no measured one in a table."""
    if not path.exists():
        return []
    table = read_published(path)[list(PUBLISHED_COLUMNS)]
    return [
        row
        for row in table.to_dict("records")
        if not (
            (entry := plan["experiments"].get(row["experiment"]))
            and row["run"] in entry["arms"]
            and row["metric"] == entry["metric"]
        )
    ]
