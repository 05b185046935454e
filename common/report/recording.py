"""The results of record: finished runs by digest, and what was made of them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from common import files, store
from common.errors import Refused
from common.report.page import report_page
from common.suite.plan import Plan, Request, make_plan

KEPT = ("plan.json", "claims.log", "audit.json", "audit.csv", "audit.md", "audit.tex")


def record(plan: Plan) -> str:
    """Copy the finished runs of `plan` and its products to results/record; return what was done.

    A run that the record holds already is left as it is, so that a file of record never changes;
    one that no paper plans at this scale any more is removed, and stays in the history.

    Raises
    ------
    Refused
        If a product is missing.
    """
    target = files.RESULTS / "record" / plan.request.scale
    runs = {run.digest: run for block in plan.blocks.values() for run in block.runs}
    places = [files.ROOT / place for place in plan.stores]
    finished, new = 0, 0
    for digest in runs:
        found = store.find(digest, places)
        finished += found is not None
        kept = store.table_path(target / "store", digest)
        if found is None or kept.exists():
            continue
        for suffix in (".json", ".csv"):
            files.write_whole(kept.with_suffix(suffix), found.with_suffix(suffix).read_bytes())
        new += 1
    stale = _remove_stale(target / "store", plan.request.scale)
    for name in plan.papers:
        _copy_products(files.ROOT / plan.out / name, target / name)
        # A page a paper: one of all papers would be ten megabytes.
        made = report_page(plan.request.scale, [name], files.ROOT / plan.out)
        files.write_whole(target / f"report_{name}.html", made)
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    machines = _machines(target / "store", runs)
    files.write_json(target / "machine.json", {"date": date, "machines": machines})
    shown = target.relative_to(files.ROOT)
    told = f"{finished} of {len(runs)} runs are in {shown}, {new} of them new"
    return told + (f"; {stale} that no paper plans any more were removed" if stale else "")


def _remove_stale(place: Path, scale: str) -> int:
    """Remove the runs at `place` that belong to no arm of any paper; return how many."""
    blocks = make_plan(Request(scale=scale)).blocks.values()
    planned = {run.digest for block in blocks for run in block.runs}
    stale = [path for path in sorted(place.glob("*/*.csv")) if path.stem not in planned]
    for path in stale:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    for folder in sorted(place.glob("*")):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return len(stale)


def _copy_products(source: Path, target: Path) -> None:
    for name in KEPT:
        if not (source / name).exists():
            raise Refused(f"{source.name}/{name} is missing; make the results first")
        files.write_whole(target / name, (source / name).read_bytes())
    for folder in ("tables", "figures"):
        shutil.rmtree(target / folder, ignore_errors=True)
        for path in sorted((source / folder).iterdir()):
            if not path.name.startswith("."):
                files.write_whole(target / folder / path.name, path.read_bytes())


def _machines(place: Path, runs: dict) -> list[dict]:
    """Return the distinct machines and versions of the recorded runs, with how many each did."""
    counted: dict[str, int] = {}
    for digest in runs:
        path = store.table_path(place, digest).with_suffix(".json")
        if path.exists():
            about = {k: v for k, v in json.loads(path.read_text()).items() if k != "seconds"}
            key = json.dumps(about, sort_keys=True)
            counted[key] = counted.get(key, 0) + 1
    return [{**json.loads(key), "runs": count} for key, count in sorted(counted.items())]
