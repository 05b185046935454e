"""Specs of runs that take milliseconds: a narrow LeNet-300-100 on digits."""

from common.suite.expand import Run
from common.suite.settings import Settings
from common.suite.start import job

RECIPE = {
    "lr": 0.05,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "batch": 20,
    "steps": 12,
    "milestones": [8],
    "evaluations": 3,
}
ARM = {
    "procedure": "prune_then_train",
    "model": "lenet_300_100",
    "width": 0.1,
    "data": "digits",
    "init": "vs",
    "criterion": "snip",
    "density": 0.2,
}


def settings(**changes):
    """Return the settings of a small arm; `recipe` is laid over the small recipe."""
    recipe = RECIPE | changes.pop("recipe", {})
    return Settings.model_validate(ARM | changes | {"recipe": recipe})


def dense(**changes):
    return settings(criterion="dense", density=1.0, **changes)


def spec(arm=None, replicate=0):
    """Return the spec of a run as a job reads it."""
    return job(Run("arm", replicate, arm or settings()))
