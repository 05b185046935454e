"""Small run tables, plans and claims for the tests of the audit."""

import pandas as pd

from common.suite.claims import Claim

SETTINGS = {"data": "mnist", "criterion": "dense", "density": 1.0, "procedure": "prune_then_train"}


def arm(criterion="dense", density=1.0, **more):
    return {**SETTINGS, "criterion": criterion, "density": density, **more}


ARMS = {
    "dense": arm(),
    "snip_0_05": arm("snip", 0.05),
    "snip_0_02": arm("snip", 0.02),
    "random_0_02": arm("random", 0.02),
}


def rows(experiment, run, values, settings=None, metric="error", split="test", step=100):
    """Return one row a replicate: `values` are replicate 0, 1, ... (None: not run)."""
    return [
        {"paper": "edge", "experiment": experiment, "run": run, "replicate": replicate,
         "condition": "paper", **(settings or ARMS.get(run, SETTINGS)), "step": step,
         "split": split, "metric": metric, "value": value}
        for replicate, value in enumerate(values) if value is not None
    ]  # fmt: skip


def table(*groups):
    return pd.DataFrame([row for group in groups for row in group])


def plan(replicates=5, arms=None, judge="all", scale="cpu", condition="paper", experiment="table1"):
    entries = {
        name: {
            "settings": {"recipe.steps": 10000, **s},
            "condition": condition,
            "deviations": {} if condition == "paper" else {"recipe.steps": [75000]},
            "digests": [f"d{r}" for r in range(replicates)],
        }
        for name, s in (arms or ARMS).items()
    }
    one = {
        "shows": "Table 1", "title": "t", "procedure": "prune_then_train", "replicates": replicates,
        "arms": entries,
    }  # fmt: skip
    return {
        "paper": "edge", "scale": scale, "judge": judge, "citation": {},
        "experiments": {experiment: one}, "not_run": {"table9": "needs a GPU"},
    }  # fmt: skip


def claim(kind="at_most", **changed):
    body = {
        "id": "EDGE-05", "says": "No worse than dense.", "where": "Table 1", "kind": kind,
        "supported_beyond": 0.2,
        "estimand": {
            "experiment": "table1", "metric": "test_error",
            "of": {"criterion": "snip", "density": 0.05}, "minus": {"criterion": "dense"},
        },
        **changed,
    }  # fmt: skip
    return Claim.model_validate({key: value for key, value in body.items() if value is not ...})


DENSE = [1.60, 1.70, 1.65, 1.75, 1.70]
NEAR = [1.65, 1.72, 1.71, 1.78, 1.74]  # differences .05 .02 .06 .03 .04: mean .04, sd .0158
FAR = [2.65, 2.72, 2.71, 2.78, 2.74]
BAD = [22.0, 24.0, 23.0, 25.0, 21.0]


def usual(near=NEAR, dense=DENSE, far=FAR, bad=BAD):
    """Return a whole table of the four arms."""
    return table(
        rows("table1", "dense", dense), rows("table1", "snip_0_05", near),
        rows("table1", "snip_0_02", far), rows("table1", "random_0_02", bad),
    )  # fmt: skip


CONTROL = {
    "floor": {"of": {"criterion": "dense"}, "at_most": 2.5},
    "contrast": {
        "of": {"criterion": "random", "density": 0.02},
        "minus": {"criterion": "snip", "density": 0.02},
        "greater": 1,
    },
}
