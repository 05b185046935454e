"""The pictures of GraSP that a generic chart would not show, a function an experiment.

Shares of layers, overlaps of masks, and gradient norm and loss over the first steps. Each function
draws into the figure it is given and returns the data behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.report.estimates import Estimate, estimate
from common.report.plots import MARKERS, PALETTE, WIDTH, cloud, mean_and_interval

__all__ = [
    "fig_gradient_norm",
    "layer_shares",
    "layer_shares_narrow",
    "mask_choices",
    "mask_choices_narrow",
    "mlp_early",
]

NETS = {
    "vgg11": "VGG-11", "vgg19": "VGG-19", "resnet20": "ResNet-20", "resnet32": "ResNet-32",
    "cifar_resnet18": "ResNet-18", "lenet_300_100": "LeNet-300-100",
}  # fmt: skip
DATA = {
    "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100", "cifar10_batch1": "CIFAR-10", "digits": "digits",
}  # fmt: skip
# Colour and marker of a way to prune, the same in every picture.
LOOKS = {
    "GraSP": (PALETTE[0], "o"),
    "GraSP as released": (PALETTE[4], "v"),
    "SNIP": (PALETTE[1], "s"),
    "SNIP, batch norm in training mode": (PALETTE[5], "^"),
}
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

    Parameters
    ----------
    runs : DataFrame
        The experiment's rows of the run table.
    entry : mapping
        The experiment's part of the plan.
    published : DataFrame
        The experiment's published numbers; there are none.
    figure : Figure
        Drawn into.

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
    networks = _grouped(entry, kept, lambda s: _network(s))
    figure.set_size_inches(WIDTH, 1.0 + 2.1 * ((len(networks) + 1) // 2))
    panels = _panels(figure, len(networks), columns=2)
    behind: list[dict[str, Any]] = []
    for panel, (network, arms) in zip(panels, networks.items(), strict=True):
        for run in arms:
            way = _way(entry["arms"][run]["settings"])
            behind += [row | {"network": network} for row in _layers(panel, kept, run, way)]
        panel.set_yscale("log")
        panel.set_title(network, loc="right", size=10)
        panel.set_ylabel("share kept")
        panel.set_xlabel("layer from the input (empty: 1e-5)")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn = dict.fromkeys(str(row["series"]) for row in behind)
    _legend(figure, [(*LOOKS[way], way) for way in drawn])
    columns = [
        "kind",
        "run",
        "series",
        "network",
        "layer",
        "replicate",
        "value",
        "low",
        "high",
        "n",
    ]
    return pd.DataFrame(behind, columns=columns, dtype=object)


def layer_shares_narrow(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the shares of layers of narrow networks; as `layer_shares`."""
    return layer_shares(runs, entry, published, figure)


def _layers(axes: Axes, kept: pd.DataFrame, run: str, way: str) -> list[dict[str, Any]]:
    """Draw the layers of one arm and return the rows behind."""
    own = kept[kept["run"] == run]
    layers = list(dict.fromkeys(own["metric"]))
    colour, marker = LOOKS[way]
    behind: list[dict[str, Any]] = []
    places, means = [], []
    for place, metric in enumerate(layers, 1):
        base = {"run": run, "series": way, "layer": metric.removeprefix("density:")}
        values = own[own["metric"] == metric].set_index("replicate")["value"].astype(float)
        found = estimate(values)
        cloud(axes, [place] * len(values), [max(value, EMPTY) for value in values], colour)
        places.append(place)
        means.append(max(found.mean, EMPTY))
        for replicate, value in values.items():
            behind.append(base | {"kind": "replicate", "replicate": replicate, "value": value})
        behind.append(base | _mean_row(found))
    axes.plot(places, means, color=colour, marker=marker, markersize=4, linewidth=1.2, zorder=3)
    return behind


def mask_choices(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw how far masks overlap between ways of scoring: a row a choice, a panel a density.

    Parameters as in `layer_shares`.

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
    panels = figure.subplots(1, len(densities), sharey=True, squeeze=False)[0]
    networks = _grouped(entry, rows, lambda s: _network(s))
    looks = {
        name: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(networks)
    }
    behind: list[dict[str, Any]] = []
    for panel, density in zip(panels, densities, strict=True):
        for place, choice in enumerate(CHOICES):
            for index, (network, arms) in enumerate(networks.items()):
                at = place + 0.7 * ((index + 0.5) / len(networks) - 0.5)
                one = rows[
                    (rows["run"] == arms[0])
                    & (rows["choice"] == choice)
                    & (rows["density"] == density)
                ]
                values = one.set_index("replicate")["value"].astype(float)
                found = estimate(values)
                colour, marker = looks[network]
                cloud(panel, values, [at] * len(values), colour)
                mean_and_interval(panel, at, found, colour, marker, flat=True)
                base = {"run": arms[0], "series": network, "choice": choice, "density": density}
                for replicate, value in values.items():
                    behind.append(
                        base | {"kind": "replicate", "replicate": replicate, "value": value}
                    )
                behind.append(base | _mean_row(found))
        panel.set_xlim(-0.03, 1.03)
        panel.set_xlabel("kept in both / kept in either")
        panel.set_title(f"density {density}", loc="right", size=10)
        panel.grid(axis="y", visible=False)
        for line in range(1, len(CHOICES)):
            panel.axhline(line - 0.5, color="#e4e4e4", linewidth=0.7, zorder=0)
    panels[0].set_yticks(range(len(CHOICES)), list(CHOICES.values()))
    panels[0].set_ylim(len(CHOICES) - 0.5, -0.5)
    _legend(figure, [(*look, name) for name, look in looks.items()])
    columns = [
        "kind",
        "run",
        "series",
        "choice",
        "density",
        "replicate",
        "value",
        "low",
        "high",
        "n",
    ]
    return pd.DataFrame(behind, columns=columns, dtype=object)


def mask_choices_narrow(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the overlaps of narrow networks; as `mask_choices`."""
    return mask_choices(runs, entry, published, figure)


def fig_gradient_norm(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw gradient norm (above) and loss (below) against the step, a column a network or data set.

    Thin lines are replicates, the thick one their mean, the band its 90 % interval. Parameters as
    in `layer_shares`.

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
    several = len({arm["settings"]["model"] for arm in entry["arms"].values()}) > 1
    columns = _grouped(
        entry, rows, lambda s: _network(s) if several else DATA.get(s["data"], s["data"])
    )
    figure.set_size_inches(WIDTH, 4.6)
    grid = figure.subplots(2, len(columns), sharex=True, squeeze=False)
    behind: list[dict[str, Any]] = []
    for column, (place, arms) in enumerate(columns.items()):
        for axes, metric in zip(grid[:, column], ("log_gradient", "loss"), strict=True):
            for run in arms:
                way = _way(entry["arms"][run]["settings"])
                one = rows[(rows["run"] == run) & (rows["metric"] == metric)]
                behind += [
                    row | {"place": place, "metric": metric} for row in _curve(axes, one, run, way)
                ]
        grid[0, column].set_title(place, loc="right", size=10)
        grid[1, column].set_xlabel("step")
    grid[0, 0].set_ylabel("log10 of the squared\ngradient norm")
    grid[1, 0].set_ylabel("loss of the batch (nats)")
    drawn = dict.fromkeys(str(row["series"]) for row in behind)
    _legend(figure, [(*LOOKS[way], way) for way in drawn])
    kept = ["kind", "run", "series", "place", "metric", "step", "replicate", "value", "low"]
    return pd.DataFrame(behind, columns=[*kept, "high", "n"], dtype=object)


def mlp_early(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the first steps of LeNet-300-100; as `fig_gradient_norm`."""
    return fig_gradient_norm(runs, entry, published, figure)


def _curve(axes: Axes, rows: pd.DataFrame, run: str, way: str) -> list[dict[str, Any]]:
    colour, marker = LOOKS[way]
    table = rows.pivot(index="step", columns="replicate", values="value").astype(float)
    means = [estimate(table.loc[step]) for step in table.index]
    for replicate in table:
        axes.plot(table.index, table[replicate], color=colour, linewidth=0.6, alpha=0.3, zorder=2)
    axes.plot(
        table.index, [m.mean for m in means], color=colour, marker=marker, markersize=4,
        markevery=max(1, len(table) // 8), linewidth=1.7, zorder=3,
    )  # fmt: skip
    axes.fill_between(
        table.index, [m.low for m in means], [m.high for m in means],
        color=colour, alpha=0.15, linewidth=0, zorder=1,
    )  # fmt: skip
    behind: list[dict[str, Any]] = []
    for step, mean in zip(table.index, means, strict=True):
        base = {"run": run, "series": way, "step": step}
        for replicate, value in table.loc[step].dropna().items():
            behind.append(base | {"kind": "replicate", "replicate": replicate, "value": value})
        behind.append(base | _mean_row(mean))
    return behind


def _mean_row(found: Estimate) -> dict[str, Any]:
    interval = {"low": found.low, "high": found.high, "n": found.n}
    return {"kind": "mean", "value": found.mean, **interval}


def _way(settings: Mapping[str, Any]) -> str:
    """Return how an arm prunes, a key of `LOOKS`."""
    if settings["criterion"] == "snip":
        mode = settings.get("scoring.norm_mode")
        return "SNIP, batch norm in training mode" if mode == "train" else "SNIP"
    return "GraSP as released" if settings.get("scoring.reading") == "authors_code" else "GraSP"


def _network(settings: Mapping[str, Any]) -> str:
    width = float(settings["width"])
    name = NETS.get(settings["model"], settings["model"])
    return name if width == 1 else f"{name}, width {width:g}"


def _grouped(
    entry: Mapping, rows: pd.DataFrame, name: Callable[[Mapping], str]
) -> dict[str, list[str]]:
    """Return the arms that have rows, in the order of the plan, by what `name` calls them."""
    here = set(rows["run"])
    groups: dict[str, list[str]] = {}
    for run, arm in entry["arms"].items():
        if run in here:
            groups.setdefault(name(arm["settings"]), []).append(run)
    return groups


def _panels(figure: Figure, count: int, columns: int) -> list[Axes]:
    columns = min(columns, count)
    grid = figure.subplots(-(-count // columns), columns, sharey=True, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return list(grid.flat[:count])


def _legend(figure: Figure, looks: Sequence[tuple[str, str, str]]) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, label=label) for colour, marker, label in looks
    ]
    columns = 2 if len(handles) == 4 else 3
    figure.legend(
        handles=handles, loc="outside upper left", ncols=columns, columnspacing=1.4,
        handletextpad=0.5, handlelength=1.6, borderaxespad=0.2,
    )  # fmt: skip
