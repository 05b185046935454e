"""The pictures of GraSP that a generic chart would not show, a function an experiment.

Shares of layers, overlaps of masks, and gradient norm and loss over the first steps. Each function
draws into the figure it is given and returns the data behind.

What they are given, and what they return, says `common.report.figures.own_functions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.report.curves import (
    DASHED,
    SOLID,
    grouped,
    key,
    legend,
    panels,
    rows_behind,
    setting_of,
    traces,
)
from common.report.estimates import estimate
from common.report.looks import criterion, data_set, look, network
from common.report.plots import WIDTH, cloud, mean_and_interval

__all__ = [
    "fig_gradient_norm",
    "layer_shares",
    "layer_shares_narrow",
    "mask_choices",
    "mask_choices_narrow",
    "mlp_early",
]

CHOICES = {
    "temperature_2000": "T = 2000",
    "temperature_1": "T = 1",
    "chunks": "two halves sorted by class",
    "eval_mode": "batch norm in evaluation mode",
    "redrawn": "linear layers drawn anew",
    "absolute": "ranked by |S|",
    "inverted": "highest S kept",
}
EMPTY = 1e-5  # where an empty layer is drawn


def layer_shares(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the share of its weights that each layer keeps, a panel a network.

    Returns
    -------
    DataFrame
        Columns ``kind, run, series, network, layer, replicate, value, low, high, n``, shares in
        [0, 1]; layers are numbered from the input.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376), the figure of the layers' shares.
    """
    kept = runs[runs["metric"].str.startswith("density:")]
    networks = _by_network(entry, kept)
    figure.set_size_inches(WIDTH, 1.0 + 2.1 * ((len(networks) + 1) // 2))
    behind: list[dict[str, Any]] = []
    grid = panels(figure, [*networks], columns=2, sharey=True)
    for panel, (name, arms) in zip(grid, networks.items(), strict=True):
        for run in arms:
            way = _way(entry["arms"][run]["settings"])
            behind += _layers(panel, kept, {"run": run, "network": name}, way)
        panel.set_yscale("log")
        panel.set_ylabel("share kept")
        panel.set_xlabel("layer from the input (empty: 1e-5)")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, entry, kept)
    return _table(behind, "network", "layer")


layer_shares_narrow = layer_shares


def _layers(
    axes: Axes, kept: pd.DataFrame, base: Mapping[str, Any], way: Way
) -> list[dict[str, Any]]:
    """Draw the layers of one arm and return the rows behind."""
    own = kept[kept["run"] == base["run"]]
    colour, marker = way.look
    behind: list[dict[str, Any]] = []
    means = []
    for place, (metric, rows) in enumerate(own.groupby("metric", sort=False), 1):
        values = rows.set_index("replicate")["value"].astype(float)
        found = estimate(values)
        cloud(axes, [place] * len(values), [max(value, EMPTY) for value in values], colour)
        means.append(max(found.mean, EMPTY))
        layer = str(metric).removeprefix("density:")
        behind += rows_behind({**base, "series": way.name, "layer": layer}, values, found)
    axes.plot(
        range(1, len(means) + 1), means, color=colour, marker=marker, markersize=4,
        linestyle=way.style, linewidth=1.2, zorder=3,
    )  # fmt: skip
    return behind


def mask_choices(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw how far masks overlap between ways of scoring: a row a choice, a panel a density.

    Returns
    -------
    DataFrame
        Columns ``kind, run, series, choice, density, replicate, value, low, high, n``: Jaccard
        indices, a series a network.
    """
    rows = runs[runs["split"] == "overlap"]
    named = rows["metric"].str.split(":", expand=True)
    rows = rows.assign(choice=named[0], density=named[1])
    densities = sorted(rows["density"].unique(), key=float, reverse=True)
    figure.set_size_inches(WIDTH, 3.9)
    grid = panels(figure, [f"density {density}" for density in densities], sharey=True)
    networks = _by_network(entry, rows)
    behind: list[dict[str, Any]] = []
    for panel, density in zip(grid, densities, strict=True):
        for place, choice in enumerate(CHOICES):
            one = rows[(rows["choice"] == choice) & (rows["density"] == density)]
            for index, (name, arms) in enumerate(networks.items()):
                at = place + 0.7 * ((index + 0.5) / len(networks) - 0.5)
                own = one[one["run"] == arms[0]]
                values = own.set_index("replicate")["value"].astype(float)
                found = estimate(values)
                colour, marker = look(index)
                cloud(panel, values, [at] * len(values), colour)
                mean_and_interval(panel, at, found, colour, marker, flat=True)
                base = {"run": arms[0], "series": name, "choice": choice, "density": density}
                behind += rows_behind(base, values, found)
        panel.set_xlim(-0.03, 1.03)
        panel.set_xlabel("kept in both / kept in either")
        panel.grid(axis="y", visible=False)
        for line in range(1, len(CHOICES)):
            panel.axhline(line - 0.5, color="#e4e4e4", linewidth=0.7, zorder=0)
    grid[0].set_yticks(range(len(CHOICES)), list(CHOICES.values()))
    grid[0].set_ylim(len(CHOICES) - 0.5, -0.5)
    legend(figure, [key(name, look(index)) for index, name in enumerate(networks)])
    return _table(behind, "choice", "density")


mask_choices_narrow = mask_choices


def fig_gradient_norm(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw gradient norm (above) and loss (below) against the step, a column a network or data set.

    Thin lines are replicates, the thick one their mean, the band its 90 % interval.

    Returns
    -------
    DataFrame
        Columns ``kind, run, series, place, metric, step, replicate, value, low, high, n``: squared
        norms over kept weights as log10, losses in nats.

    References
    ----------
    Wang, Zhang, Grosse 2020 (arXiv 2002.07376), the figure of gradient norm and loss.
    """
    rows = runs[(runs["split"] == "batch") & runs["metric"].isin(("log_gradient", "loss"))]
    models = {arm["settings"]["model"] for arm in entry["arms"].values()}
    if len(models) > 1:
        columns = _by_network(entry, rows)
    else:
        columns = grouped(_ran(entry, rows), lambda run: data_set(setting_of(entry, run, "data")))
    figure.set_size_inches(WIDTH, 4.6)
    grid = figure.subplots(2, len(columns), sharex=True, squeeze=False)
    behind: list[dict[str, Any]] = []
    for column, (place, arms) in enumerate(columns.items()):
        for axes, metric in zip(grid[:, column], ("log_gradient", "loss"), strict=True):
            for run in arms:
                way = _way(entry["arms"][run]["settings"])
                one = rows[(rows["run"] == run) & (rows["metric"] == metric)]
                table = one.pivot(index="step", columns="replicate", values="value").astype(float)
                base = {"run": run, "series": way.name, "place": place, "metric": metric}
                means = traces(axes, table, way.look, way.style)
                for step, mean in zip(table.index, means, strict=True):
                    behind += rows_behind({**base, "step": step}, table.loc[step], mean)
        grid[0, column].set_title(place, loc="right", size=10)
        grid[1, column].set_xlabel("step")
    grid[0, 0].set_ylabel("log10 of the squared\ngradient norm")
    grid[1, 0].set_ylabel("loss of the batch (nats)")
    _legend(figure, entry, rows)
    return _table(behind, "place", "metric", "step")


mlp_early = fig_gradient_norm


class Way(NamedTuple):
    """How an arm prunes: name, colour and marker, and style of the line (dashed: a variant)."""

    name: str
    look: tuple[str, str]
    style: Any


def _way(settings: Mapping[str, Any]) -> Way:
    one = criterion(settings["criterion"])
    if settings["criterion"] == "snip" and settings.get("scoring.norm_mode") == "train":
        return Way(f"{one.name}, batch norm in training mode", (one.colour, "s"), DASHED)
    if settings["criterion"] == "grasp" and settings.get("scoring.reading") == "authors_code":
        return Way(f"{one.name} as released", (one.colour, "D"), DASHED)
    return Way(one.name, one.drawn, SOLID)


def _ran(entry: Mapping, rows: pd.DataFrame) -> list[str]:
    """Return the arms that have rows, in the order of the plan."""
    here = set(rows["run"])
    return [run for run in entry["arms"] if run in here]


def _by_network(entry: Mapping, rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return the arms that have rows, by network and width."""

    def name(run: str) -> str:
        width = float(setting_of(entry, run, "width"))
        own = network(setting_of(entry, run, "model"))
        return own if width == 1 else f"{own}, width {width:g}"

    return grouped(_ran(entry, rows), name)


def _legend(figure: Figure, entry: Mapping, rows: pd.DataFrame) -> None:
    ways = [_way(entry["arms"][run]["settings"]) for run in _ran(entry, rows)]
    legend(figure, [key(way.name, way.look, way.style) for way in ways])


def _table(behind: list[dict[str, Any]], *of: str) -> pd.DataFrame:
    columns = ["kind", "run", "series", *of, "replicate", "value", "low", "high", "n"]
    return pd.DataFrame(behind, columns=columns, dtype=object)
