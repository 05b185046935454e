"""Counted costs, against counting by hand and against PyTorch's own counter."""

import pytest
import torch
from small_runs import settings, spec
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from common.models import build
from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.procedures.measures.costs import positions
from common.pruning import Masks, prunable

CPU = torch.device("cpu")


def measured(**changes):
    scoring = changes.pop("scoring", {"batch": 20, "sampling": "balanced"})
    given = {"criterion": "grasp", "density": 0.1, "scoring": scoring, **changes}
    arm = settings(procedure="analyse_masks", measures=["training_cost"], **given)
    rows, _ = execute(spec(arm), None, CPU)
    return {f"{row.split}_{row.metric}": row.value for row in rows}


def products(net, in_shape):
    places = positions(net, in_shape)
    return {name: weight.numel() * places[name] for name, weight in prunable(net).items()}


def test_products_by_hand():
    net = build("lenet_300_100", classes=10, in_shape=(1, 28, 28))
    assert list(products(net, (1, 28, 28)).values()) == [784 * 300, 300 * 100, 100 * 10]
    net = build("lenet5_caffe", classes=10, in_shape=(1, 28, 28))
    assert list(products(net, (1, 28, 28)).values()) == [
        25 * 20 * 24 * 24, 25 * 20 * 50 * 8 * 8, 800 * 500, 500 * 10,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["vgg19", "resnet32"])
def test_products_agree_with_pytorchs_counter(name):
    net = build(name, classes=10, in_shape=(3, 32, 32), width=0.0625).eval()
    found = products(net, (3, 32, 32))
    images = torch.zeros(1, 3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        net(images)
    assert counter.get_total_flops() == 2 * sum(found.values())
    with FlopCounterMode(display=False) as counter:
        loss = F.cross_entropy(net(images), torch.zeros(1, dtype=torch.long))
        torch.autograd.grad(loss, list(prunable(net).values()))
    first = next(iter(found.values()))  # no gradient of the images is needed
    assert counter.get_total_flops() == 2 * (3 * sum(found.values()) - first)


def test_the_share_of_a_step_by_hand(monkeypatch):
    kept = {"fc1.weight": 100, "fc2.weight": 50, "fc3.weight": 10}

    def written(self, model):
        masks = {n: torch.zeros(w.shape, dtype=torch.bool) for n, w in prunable(model).items()}
        for name, mask in masks.items():
            mask.view(-1)[: kept[name]] = True
        return Masks(masks)

    monkeypatch.setattr(Stage, "masks", written)
    found = measured(model="lenet_300_100", width=0.1)
    assert found["cost_weights_share"] == 160 / (784 * 30 + 30 * 10 + 10 * 10)
    step, dense = 2 * 100 + 3 * 50 + 3 * 10, 2 * 784 * 30 + 3 * 30 * 10 + 3 * 10 * 10
    assert found["cost_step_share"] == pytest.approx(step / dense)
    assert found["cost_weights_excess"] == 160 - round(0.1 * (784 * 30 + 30 * 10 + 10 * 10))


def test_the_dense_network_costs_all_of_it():
    found = measured(criterion="dense", density=1.0, model="vgg11", width=0.0625)
    assert found["cost_step_share"] == pytest.approx(1) and found["cost_weights_share"] == 1
    assert found["cost_weights_excess"] == found["cost_scoring_passes"] == 0


def test_scoring_in_gradient_passes():
    """SNIP takes one; GraSP one, and its double backward; a second batch asks for g beforehand."""
    assert measured(criterion="snip")["cost_scoring_passes"] == 1
    one = measured(model="resnet20", width=0.125)
    two = measured(
        model="resnet20", width=0.125,
        scoring={"batch": 10, "batches": 2, "sampling": "by_class", "reading": "authors_code"},
    )  # fmt: skip
    assert 2.8 < one["cost_scoring_passes"] < 3.2
    assert two["cost_scoring_passes"] == pytest.approx(one["cost_scoring_passes"] + 1)
    assert two["cost_weights_excess"] in (1, 2)  # the released code keeps its threshold too


def test_the_share_of_an_epoch():
    small = measured(criterion="snip", scoring={"batch": 50})
    large = measured(criterion="snip", scoring={"batch": 100, "batches": 2})
    images = len(Stage(namespace(spec(settings())["settings"]), 0, CPU).training)
    assert small["cost_scoring_share"] == pytest.approx(50 / images)
    assert large["cost_scoring_share"] == pytest.approx(200 / images)


def test_an_iterated_criterion_is_charged_for_all_of_its_own_steps():
    arm = {"criterion": "synflow", "model": "lenet_300_100", "width": 0.1}
    own = measured(**arm)["cost_scoring_passes"]
    stated = measured(**arm, scoring={"batch": 20, "sampling": "balanced", "steps": 100})
    assert own == stated["cost_scoring_passes"]
