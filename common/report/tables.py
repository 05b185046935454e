"""An experiment as a table: an arm a row, measured beside published, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common import names
from common.cells import markdown_cell, plain_cell, spreadsheet_cell
from common.errors import Refused
from common.files import write_whole
from common.report.cells import number, setting, typeset
from common.report.estimates import arm_values, diverged, estimate, final_values

BESIDE = ("test_best_error", "mask_density", "mask_effective_density")
PUBLISHED = ("published", "published_spread", "published_n", "published_source", "published_origin")
BETWEEN = " | "  # between several published numbers of one arm
COUNTS = ("n_planned", "n_run", "n_diverged")
NOT_YET = "No run of this experiment has finished yet: there is nothing measured to show."


def varying(arms: Mapping[str, Mapping]) -> list[str]:
    """Return the settings that differ between the arms, in the order of the settings.

    `arms` is the plan's: arm -> ``{"settings": {flat key: value}, ...}``.
    """
    keys = dict.fromkeys(key for arm in arms.values() for key in arm["settings"])
    return [
        key for key in keys if len({setting(arm["settings"].get(key)) for arm in arms.values()}) > 1
    ]


def experiment_table(
    plan: Mapping, experiment: str, runs: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return the table of one experiment, one row an arm in the order of the plan.

    Parameters
    ----------
    plan : mapping
        A paper's plan.
    experiment : str
    runs : DataFrame
        The paper's run table; runs of the plan may be missing from it.
    published : DataFrame
        The paper's published numbers, every cell text.

    Returns
    -------
    DataFrame
        ``run``, the settings that vary, replicates planned, run and diverged, mean and sample
        standard deviation over replicates of the last value of the main metric (in the metric's
        unit; errors in points; a diverged replicate at chance level), beside it the published
        value with spread, n, source and origin (several are joined by `BETWEEN`), mean and
        standard deviation of ``test_best_error`` and the mask densities where recorded, and the
        condition. What is missing is None.
    """
    entry = plan["experiments"][experiment]
    final = final_values(runs, experiment)
    recorded = set(final["metric"])
    metrics = [entry["metric"], *(m for m in BESIDE if m in recorded and m != entry["metric"])]
    keys = varying(entry["arms"])
    rows = []
    for run, arm in entry["arms"].items():
        row: dict[str, object] = {"run": run}
        row |= {key: setting(arm["settings"].get(key)) for key in keys}
        row["n_planned"] = len(arm["digests"])
        row["n_run"] = int(final.loc[final["run"] == run, "replicate"].nunique())
        row["n_diverged"] = len(diverged(final, run))
        for metric in metrics:
            measured = estimate(arm_values(final, run, metric, arm["settings"].get("data")))
            row[f"{metric}_mean"] = measured.mean if measured.n else None
            row[f"{metric}_sd"] = measured.sd if measured.n > 1 else None
        row |= published_cells(of_published(published, experiment, run, entry["metric"]))
        row["condition"] = arm["condition"]
        rows.append(row)
    main, *beside = [(f"{metric}_mean", f"{metric}_sd") for metric in metrics]
    columns = ["run", *keys, *COUNTS, *main, *PUBLISHED]
    columns += [column for pair in beside for column in pair]
    table = pd.DataFrame(rows, columns=[*columns, "condition"], dtype=object)
    return table.where(table.notna(), None)


def of_published(published: pd.DataFrame, experiment: str, run: str, metric: str) -> pd.DataFrame:
    """Return the published numbers of one arm and metric, the found ones first."""
    of_run = (published["experiment"] == experiment) & (published["run"] == run)
    rows = published[of_run & (published["metric"] == metric)]
    return rows.sort_values("origin", key=lambda origin: origin == "recalled", kind="stable")


def published_cells(rows: pd.DataFrame) -> dict[str, str | None]:
    """Return `rows` as one cell a column, several numbers joined by `BETWEEN`; none: None."""
    columns = ("value", "spread", "n", "source", "origin")
    if rows.empty:
        return dict.fromkeys(PUBLISHED)
    joined = [
        BETWEEN.join(rows[column].str.replace("|", "/")) if any(rows[column]) else None
        for column in columns
    ]
    return dict(zip(PUBLISHED, joined, strict=True))


def to_csv(table: pd.DataFrame) -> str:
    """Return `table` as CSV: six significant digits, text that a spreadsheet would run disarmed."""
    return table.map(spreadsheet_cell).to_csv(index=False, float_format="%.6g", lineterminator="\n")


@dataclass(frozen=True)
class Shown:
    """A table for reading: heads and cells as text, and which columns hold numbers."""

    heads: list[str]
    rows: list[list[str]]
    numeric: list[bool]


def shown(table: pd.DataFrame, metric: str) -> Shown:
    """Return `table` (or its CSV read as text) for reading in Markdown or on the page.

    The mean of the main `metric` and its sd stand in two columns; other metrics as
    ``mean (sd)``; a published value carries its spread, and "recalled" where it is from memory.
    """
    columns: dict[str, list[str]] = {}
    text = table.astype(object).where(table.notna(), "")
    for name in text.columns:
        values = list(text[name])
        if name == f"{metric}_mean":
            columns[f"{words(metric)}, mean"] = [typeset(number(value)) for value in values]
        elif name == f"{metric}_sd":
            columns["sd"] = [number(value) for value in values]
        elif name.endswith("_mean"):
            metric_name = name.removesuffix("_mean")
            columns[words(metric_name)] = [
                _with_sd(metric_name, mean, sd)
                for mean, sd in zip(values, text[f"{metric_name}_sd"], strict=True)
            ]
        elif name == "published":
            if any(values):
                columns["published"] = [_published(row) for row in text.to_dict("records")]
                columns["published in"] = [str(value) for value in text["published_source"]]
        elif name == "n_diverged":
            if any(str(value) not in ("", "0") for value in values):
                columns["diverged"] = [str(value) for value in values]
        elif name == "n_run":
            pairs = zip(text["n_run"], text["n_planned"], strict=True)
            columns["n of planned"] = [f"{run} of {planned}" for run, planned in pairs]
        elif not name.endswith("_sd") and not name.startswith(("published_", "n_")):
            columns[name] = [str(value) for value in values]
    if "published" in columns:
        columns["origin"] = [str(value) for value in text["published_origin"]]
    settings = list(table.columns[1 : list(table.columns).index("n_planned")])
    plain = {"run", "published in", "origin", "condition", *settings}
    rows = [list(cells) for cells in zip(*columns.values(), strict=True)]
    return Shown(list(columns), rows, [name not in plain for name in columns])


def words(metric: str) -> str:
    """Return a metric's name for reading: ``test_best_error`` -> ``best test error``."""
    return {"test_best_error": "best test error"}.get(metric, metric.replace("_", " "))


def _with_sd(metric: str, mean: object, sd: object) -> str:
    """Return ``mean (sd)``; a density is no estimate, so it keeps four digits."""
    exact = metric.startswith("mask_") and mean != ""
    value = f"{float(str(mean)):.4g}" if exact else typeset(number(mean))
    spread = number(sd)
    return f"{value} ({spread})" if spread not in ("", "0") else value


def _published(row: Mapping[str, object]) -> str:
    if row["published"] == "":
        return ""
    values = str(row["published"]).split(BETWEEN)
    columns = [str(row[name] or BETWEEN * (len(values) - 1)).split(BETWEEN) for name in PUBLISHED]
    texts = []
    for value, spread, n, _, origin in zip(*columns, strict=True):
        about = [f"spread {spread}"] if spread else []
        about += [f"n {n}"] if n else []
        about += ["recalled"] if origin == "recalled" else []
        texts.append(f"{value} ({', '.join(about)})" if about else value)
    return typeset("; ".join(texts))


def to_markdown(table: pd.DataFrame, entry: Mapping) -> str:
    """Return `table` as a Markdown document with one sentence on how to read it.

    `entry` is the experiment's part of the plan.
    """
    view = shown(table, entry["metric"])
    title = ": ".join(part for part in (entry["shows"], entry["title"]) if part)
    lines = [f"# {markdown_cell(title)}", ""]
    lines += [f"{NOT_YET}\n"] if not table["n_run"].astype(int).any() else []
    lines.append("| " + " | ".join(map(markdown_cell, view.heads)) + " |")
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in view.numeric) + "|")
    lines += ["| " + " | ".join(map(markdown_cell, row)) + " |" for row in view.rows]
    lines += ["", reading(entry["metric"])]
    return "\n".join(lines) + "\n"


def reading(metric: str) -> str:
    """Return the sentence under a table of `metric`."""
    unit = "; errors are in points, 0 to 100" if metric in names.POINTS else ""
    return (
        "Mean and sample standard deviation (sd) over replicates at the last step; in other "
        f"columns the sd is in brackets{unit}. A diverged replicate counts at chance level. A "
        "published number marked recalled is from memory and decides nothing."
    )


def read_table(path: str | Path) -> pd.DataFrame:
    """Return a table that `write_tables` wrote, every cell as text.

    Raises
    ------
    Refused
        If there is no such file.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False).map(plain_cell)
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such table; make the tables first") from None


def write_tables(
    plan: Mapping,
    experiments: list[str],
    runs: pd.DataFrame,
    published: pd.DataFrame,
    out: str | Path,
) -> None:
    """Write ``tables/<experiment>.csv`` and ``.md`` below `out`, each whole or not at all."""
    for experiment in experiments:
        table = experiment_table(plan, experiment, runs, published)
        path = Path(out) / "tables" / experiment
        write_whole(path.with_suffix(".csv"), to_csv(table))
        entry = plan["experiments"][experiment]
        write_whole(path.with_suffix(".md"), to_markdown(table, entry))
