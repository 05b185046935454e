"""Laws of synaptic saliency and prune sizes, against values computed independently."""

import math

import pytest
import torch
from small_runs import settings, spec
from torch import nn

from common.models import build
from common.procedures import Stage
from common.procedures.execute import namespace
from common.procedures.measures.flow import (
    is_chain,
    layer_totals,
    log_slope,
    prune_size,
    unit_flows,
    unit_totals,
)
from common.pruning import score

CPU = torch.device("cpu")
R = 71338.44256843139  # the flow of the network of seed 0


def plain_stage(seed=0, model="lenet_300_100", biases=None, **changes):
    """A stage whose float64 network and noise images are those of the independent computation.

    Weights are drawn in order from one generator as randn(out, in) sqrt(2 / in); the images are
    100 normal ones from seed 1000 + `seed`, ten a class in order.
    """
    arm = settings(procedure="analyse_masks", model=model, width=1.0, **changes)
    stage = Stage(namespace(spec(arm)["settings"]), 0, CPU)

    def network(stream="init"):
        draw = torch.Generator().manual_seed(seed)
        net = build(model, classes=10, in_shape=(1, 28, 28)).double()
        with torch.no_grad():
            for weight in (p for p in net.parameters() if p.dim() > 1):
                normal = torch.randn(*weight.shape, generator=draw, dtype=torch.float64)
                weight.copy_(normal * math.sqrt(2 / weight.shape[1]))
            for bias in (p for p in net.parameters() if p.dim() == 1):
                bias.zero_()
        return net

    draw = torch.Generator().manual_seed(1000 + seed)
    images = torch.randn(100, 784, generator=draw, dtype=torch.float64).view(100, 1, 28, 28)
    stage.model = network
    stage.criterion_batches = lambda one_class=None: [(images, torch.arange(100) // 10)]
    stage.scoring_batches = lambda one_class=None: stage.criterion_batches()
    return stage


def measured(measure, **changes):
    return {metric: value for _, metric, value in measure(plain_stage(**changes))}


def test_synflow_totals_are_the_flow_in_either_arithmetic():
    exact = measured(layer_totals, criterion="synflow")
    for layer in ("fc1", "fc2", "fc3"):
        assert exact[f"total:{layer}.weight"] == pytest.approx(R, rel=1e-14)
    assert exact["total_spread"] < 1e-14
    assert exact["size_slope"] == pytest.approx(1, abs=1e-12)
    single = measured(layer_totals, criterion="synflow", scoring={"dtype": "float32"})
    assert 1e-9 < single["total_spread"] < 1e-6


@pytest.mark.parametrize(
    "criterion, totals, places",
    [
        ("snip", (45.91, 23.88, 4.36), 2),
        ("magnitude", (9475.9, 1952.2, 115.4), 1),
        ("grasp", (6.46e-5, 1.90e-4, 2.33e-4), 6),
    ],
)
def test_totals_of_other_scores_differ_by_layer(criterion, totals, places):
    found = measured(layer_totals, criterion=criterion)
    shown = [found[f"total:fc{layer}.weight"] for layer in (1, 2, 3)]
    assert shown == pytest.approx(totals, abs=0.51 * 10**-places)
    assert found["total_ratio"] == pytest.approx(max(shown) / min(shown))


def test_size_slopes_rank_as_the_paper_has_them():
    slope = {
        name: measured(layer_totals, criterion=name)["size_slope"]
        for name in ("synflow", "snip", "magnitude", "random")
    }
    assert slope["synflow"] > slope["snip"] > slope["magnitude"] > slope["random"]
    assert abs(slope["random"]) < 0.02


def test_the_slope_of_a_power_law_is_its_exponent():
    sizes = [2.0, 30.0, 500.0, 7000.0]
    assert log_slope([1 / n for n in sizes], [5 * n**-0.3 for n in sizes]) == pytest.approx(0.3)
    assert log_slope([0.1, 0.1], [1.0, 2.0]) == 0


def test_units_pass_on_what_they_receive_under_synflow_alone():
    kept = measured(unit_totals, criterion="synflow")
    assert kept["unit_count"] == 400
    assert kept["unit_difference"] < 1e-14 and kept["unit_correlation"] > 1 - 1e-12
    lost = measured(unit_totals, criterion="magnitude")
    assert lost["unit_difference"] > 0.1 and lost["unit_correlation"] < 0.99


def test_flows_of_a_network_worked_by_hand():
    # W1 = [[1, -2], [3, .5]], W2 = [[2, -1]], input of ones: |W2| |W1| summed is 9.5.
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
        net[2].weight.copy_(torch.tensor([[2.0, -1.0]]))
        for layer in (net[0], net[2]):
            layer.bias.zero_()
    found = score(net, "synflow", [(torch.zeros(1, 2), torch.zeros(1))])
    assert [s.tolist() for s in found.values()] == [[[2.0, 4.0], [3.0, 0.5]], [[6.0, 3.5]]]
    into, out = unit_flows(found)
    assert into.tolist() == out.tolist() == [6.0, 3.5]


def test_a_convolution_passes_on_to_the_channels_of_a_flattened_image():
    found = measured(unit_totals, model="conv_mnist", criterion="synflow")
    assert found["unit_count"] == 64 and found["unit_difference"] < 1e-13


@pytest.mark.parametrize(
    "model, chain", [("vgg11", True), ("resnet20", False), ("gru_s", False), ("wrn_16_8", False)]
)
def test_a_network_that_adds_is_no_chain(model, chain):
    shape = (1, 28, 28) if model == "gru_s" else (3, 32, 32)
    assert is_chain(build(model, classes=10, in_shape=shape, width=0.0625), shape) is chain


def test_unit_totals_of_a_residual_network_are_left_out():
    arm = settings(procedure="analyse_masks", model="resnet20", width=0.125, criterion="synflow")
    assert unit_totals(Stage(namespace(spec(arm)["settings"]), 0, CPU)) == []


@pytest.mark.parametrize(
    "alpha, schedule, steps, ratio",
    [
        (0.5, "linear", 1, 0.505), (1, "linear", 1, 0.999), (3, "linear", 1, 2.45),
        (1, "linear", 100, 0.097), (3, "exponential", 100, 0.121),
    ],
)  # fmt: skip
def test_prune_sizes_are_those_of_the_authors_rounding(alpha, schedule, steps, ratio):
    options = {"rounding": "floor_removed", "ties": "drop", "steps": steps, "schedule": schedule}
    found = measured(prune_size, criterion="synflow", density=10**-alpha, scoring=options)
    assert found["prune_size_ratio"] == pytest.approx(ratio, abs=0.0006 if ratio < 1 else 0.006)


def test_a_single_step_removes_what_lies_below_the_threshold():
    stage = plain_stage(criterion="synflow", density=0.1, scoring={"steps": 1})
    found = score(stage.model(), "synflow", stage.criterion_batches())
    scores = torch.cat([value.flatten() for value in found.values()])
    lowest = scores.sort().values[: 266200 - 26620]
    assert prune_size(stage)[0][2] == pytest.approx(float(lowest.sum()) / R, rel=1e-9)
