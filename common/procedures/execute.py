"""One run, from its spec to the rows of its table."""

from __future__ import annotations

import pkgutil
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import torch

from common import names
from common.errors import Refused, unknown
from common.pruning import Degenerate
from common.store import Row


def prepare(device: str, threads: int) -> torch.device:
    """Set the threads of this process and return the device.

    Raises
    ------
    Refused
        If the device is unknown or not there.
    """
    torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise Refused(f"--device {device}: {str(error).splitlines()[0]}") from None
    return chosen


def execute(run: dict, checkpoint: Path | None, device: torch.device) -> tuple[list[Row], dict]:
    """Do one run and return the rows of its table and what is known about the machine.

    Parameters
    ----------
    run : dict
        A spec as in results/<scale>/specs: ``procedure, version, replicate, settings`` with every
        default filled in.
    checkpoint : Path or None
        Where an interrupted run goes on from; None: it is not saved on the way.
    device : torch.device

    Returns
    -------
    rows : list of Row
        A degenerate run (such as scores that are not numbers) is the one row
        ``run, degenerate, 1``.
    about : dict
        Versions, device, threads.

    Raises
    ------
    Refused
        If the procedure is unknown here, or it or a measure has another version than the spec's.
    """
    name = run["procedure"]
    if name not in names.PROCEDURES:
        raise unknown("procedure", name, names.PROCEDURES)
    code, version, _ = names.PROCEDURES[name]
    if version != run["version"]:
        raise Refused(
            f"procedure {name!r} is version {version} here, the spec wants {run['version']}"
        )
    for measure in run["settings"].get("measures", []):
        here, wanted = (
            of.get(measure, 1) for of in (names.MEASURE_VERSIONS, run.get("measures", {}))
        )
        if here != wanted:
            raise Refused(f"measure {measure!r} is version {here} here, the spec wants {wanted}")
    procedure = pkgutil.resolve_name(code)
    try:
        rows = procedure(namespace(run["settings"]), run["replicate"], checkpoint, device)
    except Degenerate:
        rows = [Row(0, "run", "degenerate", 1.0)]
    about = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
    }
    return rows, about


class Given(SimpleNamespace):
    """Settings by attribute; one that a spec of another version lacks is refused by name."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Refused(f"the spec lacks the setting {name!r}: it is of another version, plan again")


def namespace(settings: dict) -> Given:
    """Return nested settings for attribute access."""
    return Given(
        **{
            key: namespace(value) if isinstance(value, dict) else value
            for key, value in settings.items()
        }
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
