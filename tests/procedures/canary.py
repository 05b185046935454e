"""The canary: two steps of every procedure and each measure on digits, rounded.

A stored run is reused as long as the versions of its procedure and its measures in common/names.py
stay. So whoever changes what one computes must change its version, and this notices who does not.
After a change of version, write the new values with ``python -m tests.procedures.canary``.
"""

import json
import sys
from pathlib import Path

import torch

from common import names
from common.files import write_json
from common.procedures import execute
from common.suite.expand import Run
from common.suite.settings import Settings
from common.suite.start import job

FILE = Path(__file__).with_name("canary.json")
COMMON = {"data": "digits", "model": "lenet_300_100", "width": 0.1, "init": "vs", "density": 0.2}
RECIPE = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch": 50, "steps": 2}
ARMS = {
    "prune_then_train": [
        {"criterion": "snip", "holdout": 0.1, "recipe": {**RECIPE, "evaluations": 2}},
        {"criterion": "random", "model": "lenet5_caffe", "recipe": {**RECIPE, "optimizer": "adam"}},
        {"criterion": "dense", "density": 1.0, "recipe": {**RECIPE, "augment": "flip_shift"}},
    ],
    "prune_and_retrain": [
        {
            "criterion": "magnitude",
            "recipe": {**RECIPE, "evaluations": 2},
            "rounds": {"count": 2, "rewind": 0.5},
        },
        {"criterion": "snip", "recipe": RECIPE, "rounds": {"after": 0.5}},
    ],
    "follow_training": [{"criterion": "snip", "recipe": {**RECIPE, "evaluations": 2}}],
    "analyse_masks": [
        {
            "criterion": "snip",
            "measures": ["counts", "layer_density", "image_correlation", "class_images"],
        },
        {"criterion": "magnitude", "measures": ["layer_density"], "scoring": {"biases": "counted"}},
    ],
}


# Rounding errors, which differ from machine to machine, and the 784 pixels of an image.
SILENT = {"multiplier_identity", "conservation", "removal_change", "mask_image"}
MEASURES = [name for name in names.MEASURES if name not in SILENT]


def version(name: str) -> int:
    """Return the version of the procedure or measure called `name`."""
    return names.PROCEDURES[name][1] if name in ARMS else names.MEASURE_VERSIONS.get(name, 1)


def measure(name: str) -> dict[str, dict[str, str]]:
    """Return criterion -> ``step split metric`` -> value of the arms of a procedure or measure."""
    if name in ARMS:
        return {arm["criterion"]: _values({"procedure": name, **arm}, 4) for arm in ARMS[name]}
    arm = {"procedure": "analyse_masks", "criterion": "snip", "measures": [name]}
    return {"snip": _values(arm, 3)}


def _values(arm: dict, digits: int) -> dict[str, str]:
    torch.set_num_threads(1)
    spec = job(Run("canary", 0, Settings.model_validate({**COMMON, **arm})))
    rows, _ = execute(spec, None, torch.device("cpu"))
    return {f"{row.step} {row.split} {row.metric}": f"{row.value:.{digits}g}" for row in rows}


def stored() -> dict[str, dict]:
    """Return procedure or measure -> ``version`` and ``values`` as they were written last."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main() -> int:
    """Write the canary's values; refuse values that changed under an unchanged version."""
    before, after = stored(), {}
    for name in (*ARMS, *MEASURES):
        now, values = version(name), measure(name)
        old = before.get(name)
        if old and old["version"] == now and old["values"] != values:
            print(f"error: {name} gives other results; bump its version in common/names.py")
            return 1
        after[name] = {"version": now, "values": values}
    write_json(FILE, after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
