"""What is followed during training, against the same numbers taken by hand."""

import math

import numpy as np
import pytest
import torch
from small_runs import settings, spec
from torch.nn import functional as F

from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.training import loop

CPU = torch.device("cpu")
RECIPE = {"lr": 0.1, "batch": 50, "steps": 4, "milestones": [], "evaluations": 4}


def arm(**changes):
    given = {"procedure": "follow_training", "criterion": "snip", "density": 0.2, "recipe": RECIPE}
    return settings(**{**given, **changes})


def rows_of(given, checkpoint=None):
    return execute(spec(given), checkpoint, CPU)[0]


def test_it_begins_with_the_loss_and_gradient_of_the_first_batch():
    given = arm()
    found = {(r.step, r.split, r.metric): r.value for r in rows_of(given)}
    stage = Stage(namespace(spec(given)["settings"]), 0, CPU)
    model = stage.model()
    masks = stage.masks(model)
    masks.apply_to(model)
    images, labels = stage.training_batches(model)(0)
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    named = dict(model.named_parameters())
    squared = sum(float(named[n].grad[m].double().square().sum()) for n, m in masks.items())
    assert found[0, "batch", "loss"] == pytest.approx(loss.item(), rel=1e-6)
    assert found[0, "batch", "log_gradient"] == pytest.approx(math.log10(squared), rel=1e-6)
    kept = [named[name].detach()[mask].double() for name, mask in masks.items()]
    sizes = [-math.log10(len(weights)) for weights in kept]
    squares = [math.log10(weights.square().mean()) for weights in kept]
    assert found[0, "weights", "slope"] == pytest.approx(np.polyfit(sizes, squares, 1)[0])


def test_means_and_changes_are_over_the_points():
    rows = rows_of(arm())
    losses = [row.value for row in rows if (row.split, row.metric) == ("batch", "loss")]
    slopes = [row.value for row in rows if (row.split, row.metric) == ("weights", "slope")]
    last = {row.metric: row.value for row in rows if row.step == 4}
    assert len(losses) == 5
    assert last["mean_loss"] == pytest.approx(sum(losses) / 5)
    assert last["slope_change"] == pytest.approx(slopes[-1] - slopes[0])


def test_it_follows_the_training_that_prune_then_train_does():
    followed = rows_of(arm())
    trained = execute(spec(arm(procedure="prune_then_train")), None, CPU)[0]
    losses = [row.value for row in followed if (row.split, row.metric) == ("batch", "loss")]
    # The logged training loss is the mean over the steps so far.
    means = [row.value for row in trained if (row.split, row.metric) == ("train", "loss")]
    assert means == pytest.approx([sum(losses[:n]) / n for n in range(1, 5)], rel=1e-5)


def test_a_network_cut_off_is_floored():
    rows = rows_of(arm(criterion="magnitude", density=1e-9, scoring={"allocation": "global"}))
    logs = [row.value for row in rows if row.metric == "log_gradient"]
    dense = rows_of(arm(criterion="dense", density=1.0))[1].value
    assert logs == pytest.approx([dense - 12] * len(logs))


def test_an_interrupted_run_ends_with_the_same_rows(tmp_path, monkeypatch):
    given = arm()
    undisturbed = rows_of(given)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    original = Stage.training_batches
    calls = []

    def dying(self, model):
        batches = original(self, model)

        def batch(step):
            calls.append(step)
            if len(calls) == 8:
                raise KeyboardInterrupt
            return batches(step)

        return batch

    monkeypatch.setattr(Stage, "training_batches", dying)
    with pytest.raises(KeyboardInterrupt):
        rows_of(given, tmp_path / "run.ckpt")
    assert rows_of(given, tmp_path / "run.ckpt") == undisturbed
