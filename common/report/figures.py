"""The figures of a paper: its own functions where it has them, else the generic charts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pandas as pd

from common.errors import Refused
from common.files import PAPERS, write_whole
from common.report.estimates import DATA_COLUMNS
from common.report.tables import to_csv

Drawn = Callable[..., pd.DataFrame]


def own_functions(paper: str, papers: Path = PAPERS) -> ModuleType | None:
    """Return the module ``papers/<paper>/figures.py``, or None where the paper has none.

    It may define a function named as an experiment: ``(runs, entry, published, figure) ->
    DataFrame``, which draws into the figure and returns the data behind it. It is given the
    experiment's rows of the run table, its part of the plan, its published numbers (every cell
    text) and an empty figure; unless it says otherwise, the data behind have the columns of a
    generic chart, `common.report.estimates.DATA_COLUMNS`. Several names may stand for one function.
    """
    path = papers / paper / "figures.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"papers.{paper}.figures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(
    plan: Mapping,
    experiment: str,
    runs: pd.DataFrame,
    published: pd.DataFrame,
    own: ModuleType | None = None,
) -> tuple[bytes, bytes, pd.DataFrame]:
    """Return one experiment's figure as SVG and PNG, and the data behind it.

    Parameters
    ----------
    plan : mapping
        A paper's plan.
    experiment : str
    runs, published : DataFrame
        The paper's run table and published numbers.
    own : module, optional
        What `own_functions` returned.

    Raises
    ------
    Refused
        If the paper's own function is none, or does not return a DataFrame.
    """
    # Imported late: tables and the page, made in jobs of their own, do without matplotlib.
    from matplotlib.figure import Figure

    from common.report import charts, plots

    entry = plan["experiments"][experiment]
    rows = runs[runs["experiment"] == experiment]
    with plots.rc_context(plots.STYLE):
        figure = Figure(layout="constrained")
        function = getattr(own, experiment, None)
        if rows.empty:
            sentence = (
                f"{entry['shows']}: {len(entry['arms'])} arms are planned, no run has finished."
            )
            charts.empty_chart(figure, sentence)
            behind = pd.DataFrame(columns=DATA_COLUMNS)
        elif function is not None:
            known = published[published["experiment"] == experiment]
            behind = _by_paper(function, (rows, entry, known, figure), plan["paper"], experiment)
        else:
            series = charts.points(entry, experiment, runs, published)
            behind = charts.data_behind(series)
            if entry.get("x"):
                charts.series_chart(figure, series, entry["x"], entry["metric"])
            else:
                charts.dot_chart(figure, series, entry["metric"])
        svg, png = plots.save(figure, salt=f"{plan['paper']}/{experiment}")
    return svg, png, behind


def _by_paper(function: Drawn, arguments: tuple, paper: str, experiment: str) -> pd.DataFrame:
    where = f"papers/{paper}/figures.py: {experiment}"
    if not callable(function):
        raise Refused(f"{where} must be a function, not {type(function).__name__}")
    behind = function(*arguments)
    if not isinstance(behind, pd.DataFrame):
        raise Refused(f"{where} must return a DataFrame, not {type(behind).__name__}")
    return behind


def write_figures(
    plan: Mapping,
    experiments: list[str],
    runs: pd.DataFrame,
    published: pd.DataFrame,
    out: str | Path,
    papers: Path = PAPERS,
) -> None:
    """Write ``figures/<experiment>.svg``, ``.png`` and ``.csv`` below `out`, each whole."""
    own = own_functions(plan["paper"], papers)
    for experiment in experiments:
        svg, png, behind = draw(plan, experiment, runs, published, own)
        path = Path(out) / "figures" / experiment
        write_whole(path.with_suffix(".svg"), svg)
        write_whole(path.with_suffix(".png"), png)
        write_whole(path.with_suffix(".csv"), to_csv(behind))
