"""Gradient norms under masks, against plain autograd, finite differences and identities."""

import copy
import math

import pytest
import torch
from small_runs import settings, spec
from torch.nn import functional as F

from common.data.batches import normalise
from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.procedures.measures import gradient_flow
from common.pruning import Masks, prunable

CPU = torch.device("cpu")
SCORING = {"batch": 50, "sampling": "balanced"}
NETS = {"lenet_300_100": 0.1, "vgg11": 0.03125}


def arm(measure, **changes):
    """Return a spec of a small arm of GraSP."""
    given = {"criterion": "grasp", "scoring": SCORING, "init": "kaiming_normal", **changes}
    given.setdefault("width", NETS[given.get("model", "lenet_300_100")])
    return spec(settings(procedure="analyse_masks", measures=[measure], **given))


def measured(measure, **changes):
    rows, _ = execute(arm(measure, **changes), None, CPU)
    return {f"{row.split}_{row.metric}": row.value for row in rows}


def stage(**changes):
    return Stage(namespace(arm("norm_change", **changes)["settings"]), 0, CPU)


def squares(model, images, labels, divisor=1.0):
    """Return dL/dw squared of every prunable weight, by plain autograd on the network itself."""
    loss = F.cross_entropy(model(images) / divisor, labels)
    weights = prunable(model)
    found = torch.autograd.grad(loss, list(weights.values()))
    return {name: g.double() ** 2 for name, g in zip(weights, found, strict=True)}


def kept_sum(squared, masks):
    return sum(float(value[masks[name]].sum()) for name, value in squared.items())


def test_a_removal_changes_the_norm_by_twice_the_score():
    found = measured("removal_change")
    assert 0 < found["score_removal_error_tanh"] < 1e-6
    assert 0 < found["score_removal_error_relu"] < 1e-4


@pytest.mark.parametrize("factor", [1.01, -1.0])
def test_a_wrong_score_is_noticed(factor, monkeypatch):
    right = gradient_flow.score

    def wrong(*args, **options):
        return {name: factor * value for name, value in right(*args, **options).items()}

    monkeypatch.setattr(gradient_flow, "score", wrong)
    expected = abs(1 - factor) / abs(factor)
    assert measured("removal_change")["score_removal_error_tanh"] == pytest.approx(expected, 1e-3)


@pytest.mark.parametrize("model", NETS)
def test_the_norm_after_pruning_is_that_of_the_pruned_network(model):
    found = measured("gradient_after_pruning", model=model)
    one = stage(model=model)
    net = one.model().train()
    masks = one.masks(net)
    # The test set has fewer than 512 images, so that all of them are drawn.
    images = normalise(one.data.test.images, one.data.mean, one.data.sd).double()
    net.double()
    dense = sum(float(value.sum()) for value in squares(net, images, one.data.test.labels).values())
    masks.apply_to(net)
    pruned = squares(net, images, one.data.test.labels)
    everything = sum(float(value.sum()) for value in pruned.values())
    assert len(images) < gradient_flow.HELD_OUT
    # In float32, ties of max-pooling in the black border of the digits fall elsewhere.
    near = {"abs": 1e-5 if model == "lenet_300_100" else 2e-3}
    assert found["gradient_log_dense"] == pytest.approx(math.log10(dense), **near)
    assert found["gradient_log_all"] == pytest.approx(math.log10(everything), **near)
    assert found["gradient_log_kept"] == pytest.approx(math.log10(kept_sum(pruned, masks)), **near)
    assert found["gradient_log_kept"] < found["gradient_log_all"]


def test_without_pruning_the_norm_is_the_dense_one():
    found = measured("gradient_after_pruning", criterion="dense", density=1.0)
    assert found["gradient_log_kept"] == found["gradient_log_all"] == found["gradient_log_dense"]


def test_a_network_cut_in_two_counts_at_the_floor(monkeypatch):
    def cut(self, model):
        return Masks(
            {n: torch.full(w.shape, n != "fc2.weight") for n, w in prunable(model).items()}
        )

    monkeypatch.setattr(Stage, "masks", cut)
    found = measured("gradient_after_pruning")
    assert found["gradient_log_kept"] == pytest.approx(found["gradient_log_dense"] - 12)


@pytest.mark.parametrize(("model", "temperature"), [("lenet_300_100", None), ("vgg11", 1.0)])
def test_predicted_and_true_change_by_moving_the_weights(model, temperature):
    """Predicted: the derivative of the sum on the way to the mask; true: the pruned network's."""
    scoring = SCORING | {"dtype": "float64", "temperature": temperature}
    changes = {"model": model, "scoring": scoring, "density": 0.3}
    found = measured("norm_change", **changes)
    one = stage(**changes)
    net = one.model()
    masks = one.masks(net)
    images, labels = one.scoring_batches()[0]
    images = images.double()
    divisor = temperature or 200.0
    weights = {name: w.detach().double().clone() for name, w in prunable(net).items()}

    def sums(share):
        """Return the sums of squares over all and over kept weights, `share` of the way pruned."""
        moved = copy.deepcopy(net).double().train()
        with torch.no_grad():
            for name, parameter in prunable(moved).items():
                parameter.copy_(weights[name] * (1 - share * (~masks[name]).double()))
        squared = squares(moved, images, labels, divisor)
        return sum(float(value.sum()) for value in squared.values()), kept_sum(squared, masks)

    # Small enough that no unit's sign changes on the way.
    step = 1e-7
    start, end = sums(0.0), sums(1.0)
    ahead, behind = sums(step), sums(-step)
    errors = []
    for before, after, up, down in zip(start, end, ahead, behind, strict=True):
        predicted, true = (up - down) / (2 * step), after - before
        errors.append(abs(predicted - true) / (abs(predicted) + abs(true)))
        if len(errors) == 1:
            assert found["gradient_change_predicted"] == pytest.approx(predicted / start[0], 1e-4)
            assert found["gradient_change_true"] == pytest.approx(true / start[0], 1e-9)
    assert found["gradient_change_error"] == pytest.approx(errors[0], rel=1e-4)
    assert found["gradient_change_error_kept"] == pytest.approx(errors[1], rel=1e-4)
    assert min(errors) > 0.01 and max(errors) <= 1
