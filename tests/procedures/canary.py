"""The canary: two steps of every procedure on digits, rounded to four significant digits.

A stored run is reused as long as the version of its procedure in common/names.py stays. So whoever
changes what a procedure computes must change its version, and this notices who does not. After a
change of version, write the new values with ``python -m tests.procedures.canary``.
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
        # The measures of rounding errors and the 784 pixels of an image are left out.
        {
            "criterion": "snip",
            "measures": ["counts", "layer_density", "image_correlation", "class_images"],
        },
        {"criterion": "magnitude", "measures": ["layer_density"], "scoring": {"biases": "counted"}},
    ],
}


def measure(procedure: str) -> dict[str, dict[str, str]]:
    """Return criterion -> ``step split metric`` -> value of the canary's arms of `procedure`."""
    torch.set_num_threads(1)
    found = {}
    for arm in ARMS[procedure]:
        settings = Settings.model_validate({"procedure": procedure, **COMMON, **arm})
        spec = job(Run("canary", 0, settings))
        rows, _ = execute(spec, None, torch.device("cpu"))
        found[settings.criterion] = {
            f"{row.step} {row.split} {row.metric}": f"{row.value:.4g}" for row in rows
        }
    return found


def stored() -> dict[str, dict]:
    """Return procedure -> ``version`` and ``values`` as they were written last."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main() -> int:
    """Write the canary's values; refuse values that changed under an unchanged version."""
    before, after = stored(), {}
    for procedure in ARMS:
        version, values = names.PROCEDURES[procedure][1], measure(procedure)
        old = before.get(procedure)
        if old and old["version"] == version and old["values"] != values:
            print(f"error: {procedure} gives other results; bump its version in common/names.py")
            return 1
        after[procedure] = {"version": version, "values": values}
    write_json(FILE, after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
