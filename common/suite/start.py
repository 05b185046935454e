"""What happens once, before the first job: the lock, the data, the specs, the log of the claims."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from common import datafiles, files, store
from common.errors import Refused
from common.suite.claims import versions
from common.suite.cost import duration, seconds
from common.suite.expand import Run
from common.suite.plan import PaperPlan, Plan, record_stores


def hold(wait: bool) -> int:
    """Take the lock of the results folder and return its file descriptor; it ends with the process.

    Raises
    ------
    Refused
        If another run holds it and `wait` is false.
    """
    files.RESULTS.mkdir(exist_ok=True)
    handle = os.open(files.RESULTS / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            os.close(handle)
            message = "another run works in this folder; wait for it, or use `make results`"
            raise Refused(f"{message}, which waits") from None
        print("another run works in this folder; waiting for it", file=sys.stderr, flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def start(plan: Plan) -> None:
    """Take the lock, check the data, write specs, plans and the claims' log, show progress.

    Raises
    ------
    Refused
        If another run works here or a data file is missing or corrupt.
    """
    if not os.environ.get("SUITE_LOCKED"):
        hold(wait=False)  # the descriptor stays open as long as Snakemake lives
    out = files.ROOT / plan.out
    for folder in (out, *out.parents):
        if folder.exists():
            if not folder.is_dir() or not os.access(folder, os.W_OK):
                raise Refused(f"{folder.relative_to(files.ROOT)}: not a folder that can be written")
            break
    waiting = _waiting(plan)
    if plan.request.train:
        datafiles.check_all(sorted({run.settings.data for run in waiting.values()}))
    write_specs(plan, files.ROOT / plan.out)
    for paper in plan.papers.values():
        folder = files.ROOT / plan.out / paper.paper.name
        content = paper_plan(plan, paper)
        _write_if_new(folder / "plan.json", json.dumps(content, indent=1) + "\n")
        _log_claims(plan, versions(paper.claims, content), folder / "claims.log")
    if waiting and plan.request.train:
        threading.Thread(target=_show_progress, args=(plan, waiting), daemon=True).start()


def write_specs(plan: Plan, folder: Path) -> None:
    """Write `folder`/specs/<digest>.json for every block: all that a machine with torch needs."""
    for block in plan.blocks.values():
        runs = [job(run) for run in block.runs]
        text = json.dumps({"paper": block.paper, "runs": runs}, indent=1) + "\n"
        _write_if_new(folder / "specs" / f"{block.digest}.json", text)


def job(run: Run) -> dict:
    """Return the spec of `run` with every default filled in, as the arm command reads it."""
    settings = run.settings.model_dump(mode="json")
    return {**run.spec, "digest": run.digest, "settings": settings}


def paper_plan(plan: Plan, paper: PaperPlan) -> dict:
    """Return what the table, figure, audit and report jobs need to know of a paper's plan."""
    experiments = {}
    for name, arms in paper.arms.items():
        item = paper.expanded[name]
        experiments[name] = {
            "shows": item.experiment.shows,
            "title": item.experiment.title,
            "procedure": next((arm.settings.procedure for arm in arms.values()), None),
            "replicates": item.replicates,
            "seconds": round(sum(seconds(r.settings) for a in arms.values() for r in a.runs), 1),
            "metric": item.experiment.metric,
            "x": item.experiment.x,
            "arms": {
                arm.name: {
                    "named": arm.named,
                    "settings": arm.settings.flat,
                    "sources": arm.sources,
                    "condition": arm.condition,
                    "deviations": arm.deviations,
                    "digests": [run.digest for run in arm.runs],
                }
                for arm in arms.values()
            },
        }
    skipped = {name: item.skipped for name, item in paper.expanded.items() if item.skipped}
    return {
        "paper": paper.paper.name,
        "scale": plan.request.scale,
        "claim": plan.request.claim,
        "judge": paper.scale.judge,
        "from_record": plan.request.from_record and plan.request.train,
        "citation": paper.paper.citation.model_dump(),
        "experiments": experiments,
        "not_run": skipped,
        "stand_ins": [n for n, item in paper.expanded.items() if item.experiment.stands_for],
    }


def _waiting(plan: Plan) -> dict[str, Run]:
    record = record_stores() if plan.request.from_record else []
    places = [files.ROOT / place for place in (plan.store, *record)]
    runs = {run.digest: run for block in plan.blocks.values() for run in block.runs}
    return {key: run for key, run in runs.items() if not store.find(key, places)}


def _log_claims(plan: Plan, now: Mapping[str, tuple[str, str]], copy: Path) -> None:
    """Append time and digests of each claim and its runs, unless the last lines say the same.

    One log serves a scale, whichever folder its results are in; a request that reads the record
    goes on from the record's log.
    """
    scale, name = plan.request.scale, copy.parent.name
    path = files.RESULTS / scale / name / "claims.log"
    recorded = files.RESULTS / "record" / scale / name / "claims.log"
    old = path if path.exists() or not plan.request.from_record else recorded
    lines = old.read_text().splitlines() if old.exists() else []
    last = {line.split(" ")[1]: tuple(line.split(" ")[2:]) for line in lines}
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    new = [f"{stamp} {id_} {' '.join(both)}" for id_, both in now.items() if last.get(id_) != both]
    for place in dict.fromkeys((path, copy)):
        _write_if_new(place, "".join(f"{line}\n" for line in [*lines, *new]))


def _write_if_new(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        files.write_whole(path, text)


def _show_progress(plan: Plan, waiting: dict[str, Run]) -> None:
    """Print every few seconds how many runs are done and how long the rest should take."""
    costs = {key: seconds(run.settings) for key, run in waiting.items()}
    places = [files.ROOT / plan.store]
    begun, pause = time.monotonic(), 5
    while True:
        time.sleep(pause)
        pause = min(60, pause + 5)
        done = {key for key in costs if store.find(key, places)}
        if len(done) == len(costs):
            return
        spent = time.monotonic() - begun
        rest = sum(cost for key, cost in costs.items() if key not in done)
        finished = sum(costs[key] for key in done)
        left = f", about {duration(spent * rest / finished)} left" if finished else ""
        print(f"[{len(done)} of {len(costs)} runs{left}]", file=sys.stderr, flush=True)
