"""The page of a battery: pictures and tables, the other criteria beside."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from common.audit.statistics import Mean
from common.battery.subject import BUILT_IN, CONVOLUTIONAL, DEEP_MLP, MLP, Finding, Subject
from common.battery.trials import ABLATIONS, DENSITIES
from common.errors import Refused
from common.report.looks import DARK, RECALLED, ablation, criterion, looks_of, network
from common.report.page import content_policy, data_uri
from common.report.plots import STYLE, WIDTH, save

HERE = Path(__file__).parent
REPORT = HERE.parent / "report"
NETWORKS = {MLP: network(MLP), DEEP_MLP: network(DEEP_MLP), CONVOLUTIONAL: "narrow ResNet-20"}
KINDS = {kind: ablation(kind).name for kind in ("none", "shuffle", "redraw", "invert")}
KINDS["random"] = "random"
LARGEST = 5  # log10 compression, on the axis
CHANGES = {
    "again": "same again", "threads": "two threads", "float64": "float64", "batch": "other batch",
    "seed": "other seed",
}  # fmt: skip


def read_findings(folder: Path, without: str = "") -> list[Finding]:
    """Return the findings in the ``.csv`` files of `folder`; none where there is no such folder.

    Raises
    ------
    Refused
        If a file is no table of findings.
    """
    found = []
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != Finding._fields:
            raise Refused(f"{path}: its columns must be {', '.join(Finding._fields)}")
        for row in rows[1:]:
            criterion, test, network, setting, replicate, metric, value = row
            one = Finding(criterion, test, network, setting, int(replicate), metric, float(value))
            if one.criterion != without:
                found.append(one)
    return found


def page(subject: Subject, own: Sequence[Finding], beside: Sequence[Finding]) -> str:
    """Return the HTML page of the findings about `subject`; it loads nothing."""
    findings = [*own, *beside]
    others = list(dict.fromkeys(f.criterion for f in beside))
    order = [subject.name, *sorted(others, key=lambda name: (name not in BUILT_IN, name))]
    style = (REPORT / "style.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        name=subject.name,
        images=subject.images,
        colour_images=subject.colour_images,
        replicates=subject.replicates,
        others=others,
        accuracy=_picture(lambda figure: _draw_accuracy(figure, order, findings), 3.4),
        collapse=_picture(lambda figure: _draw_collapse(figure, order, findings), 3.4),
        errors=_table(order, findings, "accuracy", "test_error"),
        lost=_means(order, findings, _pairs("collapse", "end", "layer_lost", "path_lost")),
        conserved=_means(
            order, findings, _pairs("conservation", "scores", "layer_ratio", "unit_gap")
        ),
        stable={
            NETWORKS[net]: _means(
                order, findings, [("stability", net, change, "jaccard") for change in CHANGES]
            )
            for net in (MLP, CONVOLUTIONAL)
        },
        changes=CHANGES,
        passes=[(name, _mean(findings, name, "cost", CONVOLUTIONAL, "pruning", "passes"))
                for name in order],
        kinds=KINDS,
        style=Markup(style),
        policy=content_policy(style, ""),
    )  # fmt: skip


def _values(
    findings: Sequence[Finding], name: str, test: str, network: str, setting: str, metric: str
) -> list[float]:
    wanted = (name, test, network, setting, metric)
    return [f.value for f in findings if (*f[:4], f.metric) == wanted]


def _mean(findings: Sequence[Finding], *wanted: str) -> str:
    values = _values(findings, *wanted)
    return f"{np.mean(values):.3g}" if values else ""


def _estimate(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = (float(end) for end in Mean(np.array(values)).interval())
    return f"{np.mean(values):.1f} [{low:.1f}, {high:.1f}]"


def _table(
    order: Sequence[str], findings: Sequence[Finding], test: str, metric: str
) -> dict[str, list[tuple[str, list[str]]]]:
    """Return by density the test errors of each criterion, a column a kind."""
    return {
        f"{density:g}": [
            (
                name,
                [
                    _estimate(_values(findings, name, test, MLP, f"{kind} at {density:g}", metric))
                    for kind in KINDS
                ],
            )
            for name in order
        ]
        for density in DENSITIES
    }


def _means(
    order: Sequence[str], findings: Sequence[Finding], cells: Sequence[tuple[str, ...]]
) -> list[tuple[str, list[str]]]:
    """Return for each criterion the means of its findings, `cells` as `_mean` wants them."""
    return [(name, [_mean(findings, name, *cell) for cell in cells]) for name in order]


def _pairs(test: str, setting: str, *metrics: str) -> list[tuple[str, ...]]:
    return [(test, net, setting, metric) for net in (MLP, DEEP_MLP) for metric in metrics]


def _picture(draw: Callable[[Figure], None], height: float) -> str:
    """Return a picture as an address: inside the page its styles would be refused."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        svg, _ = save(figure, "battery")
    return data_uri(svg, "image/svg+xml")


def _draw_accuracy(figure: Figure, order: Sequence[str], findings: Sequence[Finding]) -> None:
    """Draw test errors by kind of mask; the criterion under test in colour, the others grey."""
    panels = figure.subplots(1, len(DENSITIES), squeeze=False, sharey=True)[0]
    kinds = [*ABLATIONS, "random"]
    own, _ = looks_of(criterion(name).name for name in order)[criterion(order[0]).name]
    for axes, density in zip(panels, DENSITIES, strict=True):
        for name in reversed(order):
            first = name == order[0]
            for at, kind in enumerate(kinds):
                wanted = ("accuracy", MLP, f"{kind} at {density:g}", "test_error")
                values = _values(findings, name, *wanted)
                if not values:
                    continue
                colour = own if first else RECALLED
                if first:
                    low, high = (float(end) for end in Mean(np.array(values)).interval())
                    axes.plot([at, at], [low, high], color=colour, linewidth=1.6, zorder=4)
                axes.plot(
                    at, np.mean(values), "o" if first else "_", color=colour,
                    markersize=7 if first else 9, zorder=5 if first else 2,
                )  # fmt: skip
        dense = _values(findings, order[0], "accuracy", MLP, "dense", "test_error")
        if dense:
            axes.axhline(float(np.mean(dense)), color=DARK, linewidth=1, linestyle="--")
        axes.set_yscale("log")
        axes.set_yticks([15, 20, 30, 50, 90], ["15", "20", "30", "50", "90"])
        axes.minorticks_off()
        axes.set_xticks(range(len(kinds)), [KINDS[k].replace(" ", "\n") for k in kinds], size=8)
        axes.set_title(f"density {density:g}", loc="right", size=10)
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("test error (points)")


def _draw_collapse(figure: Figure, order: Sequence[str], findings: Sequence[Finding]) -> None:
    """Draw effective against nominal density; on the diagonal every kept weight lies on a path."""
    panels = figure.subplots(1, 2, sharey=True)
    looks = looks_of(criterion(name).name for name in order)
    for axes, net in zip(panels, (MLP, DEEP_MLP), strict=True):
        for index, name in enumerate(order):
            points: dict[str, dict[str, list[float]]] = {}
            for f in findings:
                if (f.criterion, f.test, f.network) == (name, "collapse", net):
                    points.setdefault(f.setting, {}).setdefault(f.metric, []).append(f.value)
            points.pop("end", None)
            along = sorted((float(a), np.mean(p["effective_density"])) for a, p in points.items())
            shown = [(alpha, value) for alpha, value in along if value > 0]
            if not shown:
                continue
            label = criterion(name).name
            colour, marker = looks[label]
            axes.plot(
                *zip(*shown, strict=True), color=colour, marker=marker, markersize=3.5,
                linewidth=2.2 if index == 0 else 1, label=label, zorder=5 if index == 0 else 2,
            )  # fmt: skip
        line = np.array([0.0, LARGEST])
        axes.plot(line, 10.0**-line, color="#999999", linewidth=0.8, linestyle=":", label="all")
        axes.set_yscale("log")
        axes.set_xlabel("log10 compression")
        axes.set_title(NETWORKS[net], loc="right", size=10)
    panels[0].set_ylabel("effective density")
    panels[0].legend(loc="lower left", fontsize=8)
