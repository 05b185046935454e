"""What the Snakefile calls: the plan, the start, and the inputs of its rules."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from common.errors import Refused
from common.suite.across import FILE as ACROSS
from common.suite.plan import Part, Plan, make_plan, settings
from common.suite.start import start as start_plan


def plan(config: Mapping[str, object]) -> Plan:
    """Return what ``--config`` asks for, or end with one sentence."""
    # Jobs say `python`: the one that runs Snakemake, activated or not. In a rule's params its
    # path would rerun everything when the environment moves.
    os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
    gc.disable()  # what planning makes lives to the end: to look for garbage takes a quarter more
    made = _or_exit(lambda: make_plan(settings(config)))
    gc.freeze()
    gc.enable()
    return made


def start(plan: Plan) -> None:
    """Do what comes before the first job, or end with one sentence."""
    _or_exit(lambda: start_plan(plan))


def finish(plan: Plan) -> None:
    """Name the report."""
    print(f"The report: {plan.report}", file=sys.stderr)


def table_inputs(plan: Plan, part: Part) -> dict[str, list[str]]:
    """Return the inputs of the job that makes the tables of `part`."""
    return {
        "blocks": [plan.block_file(block) for block in part.blocks],
        "paper": _paper_files(part.paper, "experiments.yaml", "published.csv"),
        "code": [*_code("report"), f"configs/scale/{plan.request.scale}.yaml"],
    }


def figure_inputs(plan: Plan, part: Part) -> dict[str, list[str]]:
    """Return the inputs of the job that draws the figures of `part`."""
    inputs = table_inputs(plan, part)
    inputs["paper"] += sorted(map(str, Path("papers", part.paper).glob("*.py")))
    return inputs


def runs_inputs(plan: Plan) -> dict[str, Callable | list[str]]:
    """Return the inputs of the run table of a paper."""
    return {
        "blocks": lambda wildcards: plan.block_files(wildcards.paper),
        "paper": lambda wildcards: _paper_files(wildcards.paper, "experiments.yaml"),
        "code": ["common/report/runs.py", f"configs/scale/{plan.request.scale}.yaml"],
    }


def audit_inputs(plan: Plan) -> dict[str, Callable | list[str]]:
    """Return the inputs of the audit of a paper, besides its run table."""
    return {
        "paper": lambda wildcards: _paper_files(
            wildcards.paper, "experiments.yaml", "claims.yaml", "published.csv"
        ),
        "code": [*_code("audit"), *sorted(map(str, Path("common/suite").glob("*claim*.py")))],
    }


def report_inputs(plan: Plan) -> dict[str, list[str]]:
    """Return the inputs of the report."""
    shown = [path for part in plan.parts for path in plan.tables(part, "csv")]
    shown += [path for part in plan.parts for path in plan.figures(part, "svg")]
    shown += [path for part in plan.parts for path in plan.figures(part, "csv")]
    looks = sorted(map(str, Path("common/report").glob("*.[!p]*")))
    return {
        "audits": plan.audits(),
        "shown": shown,
        "published": [f for paper in plan.papers for f in _paper_files(paper, "published.csv")],
        "code": [*_code("report"), *looks, "common/suite/across.py"],
        "across": [str(path) for path in (Path("papers", ACROSS),) if path.exists()],
    }


def _code(room: str) -> list[str]:
    own = sorted(map(str, Path("common", room).glob("*.py")))
    return ["common/cells.py", "common/products.py", *own]


def _paper_files(paper: str, *names: str) -> list[str]:
    """Return those of `names` that the folder of `paper` holds."""
    paths = [f"papers/{paper}/{name}" for name in names]
    return [path for path in paths if os.path.exists(path)]


def _or_exit(action: Callable):
    try:
        return action()
    except Refused as refusal:
        sys.exit(f"error: {refusal}")
