"""Whether claims and their arms are those that stood before the runs, from planning's log."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from common.suite.claims import Claim, versions

UNCHANGED = "claims unchanged since the runs"


def compare_with_log(
    claims: Mapping[str, Claim], plan: Mapping[str, Any], path: str | Path
) -> str | None:
    """Return "claims unchanged since the runs", or which claims or arms changed and when.

    Parameters
    ----------
    claims : mapping
        The claims being judged, by id.
    plan : mapping
        The paper's plan, with the arms and replicates that they read.
    path : path
        ``claims.log``: a line ``<time> <id> <claim> <arms>`` whenever planning saw a new version
        of a claim, or of the settings and replicates of the arms that it reads. Lines without the
        last column are older than it.

    Returns
    -------
    str or None
        None if there is no log.
    """
    path = Path(path)
    if not path.exists():
        return None
    seen: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        time, name, *version = line.split(" ")
        seen.setdefault(name, []).append([time, *version])
    now = versions(claims, plan)
    found = []
    for column, what in enumerate(("claims", "arms or replicates")):
        changed = [
            f"{name} ({when})"
            for name in now
            if (when := _changed(seen.get(name, []), now[name][column], column + 1))
        ]
        if changed:
            found.append(f"{what} changed after they were first planned: {', '.join(changed)}")
    return "; ".join(found) or UNCHANGED


def _changed(lines: list[list[str]], now: str, column: int) -> str | None:
    """Return when the version in `column` last changed, None if it is as first planned."""
    known = [(line[0], line[column]) for line in lines if len(line) > column]
    if not known:
        return "not there when the runs were planned" if not lines else None
    if known[-1][1] != now:
        return "since the runs were planned"
    changes = [time for (_, old), (time, new) in pairwise(known) if old != new]
    return changes[-1] if changes else None
