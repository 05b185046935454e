"""Planned seconds from settings alone."""

import pytest

from common.suite.cost import STARTUP_S, seconds
from common.suite.settings import Settings


def planned(procedure, evaluations, steps=50):
    recipe = {"batch": 100, "steps": steps, "evaluations": evaluations}
    return seconds(
        Settings.model_validate(
            {"procedure": procedure, "model": "lenet_300_100", "data": "mnist", "recipe": recipe}
        )
    )


def test_following_training_looks_at_one_batch_a_point_and_not_at_the_test_set():
    """As many points as steps double the training; the test set would take thirty times that."""
    training = planned("follow_training", 1, steps=1000) - planned("follow_training", 1, steps=950)
    assert planned("follow_training", 50) == pytest.approx(STARTUP_S + 2 * training)
    assert planned("prune_then_train", 50) > STARTUP_S + 30 * training
