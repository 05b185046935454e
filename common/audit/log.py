"""Whether the claims are those that stood before the runs, from the log that planning keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.suite.claims import Claim

UNCHANGED = "claims unchanged since the runs"


def compare_with_log(claims: Mapping[str, Claim], path: str | Path) -> str | None:
    """Return "claims unchanged since the runs", or which claims changed and when.

    Parameters
    ----------
    claims : mapping
        The claims being judged, by id.
    path : path
        ``claims.log``: a line ``<time> <id> <digest>`` whenever planning saw a new version.

    Returns
    -------
    str or None
        None if there is no log.
    """
    path = Path(path)
    if not path.exists():
        return None
    seen: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        time, name, version = line.split(" ")[:3]
        seen.setdefault(name, []).append((time, version))
    found = []
    for name, claim in claims.items():
        versions = seen.get(name, [])
        if not versions:
            found.append(f"{name} (not there when the runs were planned)")
        elif versions[-1][1] != claim.version:
            found.append(f"{name} (since the runs were planned)")
        elif len({version for _, version in versions}) > 1:
            found.append(f"{name} ({versions[-1][0]})")
    return (
        f"claims changed after they were first planned: {', '.join(found)}" if found else UNCHANGED
    )
