"""Emptied layers and the cost of a pass, against what can be worked out by hand."""

import pytest
from measured import measured, stage

from common.models import build
from common.procedures.measures.costs import positions
from common.pruning import prune


def test_a_vgg_without_one_convolution_sees_nothing():
    found = measured("emptied", model="vgg11", width=0.02, criterion="dense", density=1.0)
    assert found["emptied", "gradient"] == 0
    assert found["emptied", "spread"] == 0
    assert found["emptied", "error"] == 90


def test_a_residual_network_without_one_convolution_still_sees():
    found = measured("emptied", model="resnet20", width=0.0625, criterion="dense", density=1.0)
    assert found["emptied", "gradient"] > 0
    assert found["emptied", "spread"] > 0


def test_an_mlp_without_one_layer_predicts_one_class():
    found = measured("emptied", criterion="dense", density=1.0)
    assert found == {
        ("emptied", "gradient"): 0, ("emptied", "spread"): 0, ("emptied", "error"): 90,
    }  # fmt: skip


def test_costs_of_lenet_5_worked_out_by_hand():
    found = measured("costs", model="lenet5_caffe", width=1.0, density=0.1)
    forward = 20 * 25 * 24 * 24 + 50 * 20 * 25 * 8 * 8 + 800 * 500 + 500 * 10
    assert found["cost", "dense_weights"] == 500 + 25_000 + 400_000 + 5_000
    assert found["cost", "dense_forward"] == forward == 2_293_000
    assert found["cost", "dense_training"] == 3 * forward - 288_000
    assert found["cost", "weights"] == 43_050
    assert found["cost", "fewer"] == 1
    one = stage(model="lenet5_caffe", width=1.0, density=0.1)
    kept = [count for count, _ in one.path[-1].counts().values()]
    places = [24 * 24, 8 * 8, 1, 1]
    products = [count * place for count, place in zip(kept, places, strict=True)]
    assert found["cost", "forward"] == sum(products)
    assert found["cost", "training"] == 3 * sum(products) - products[0]


def test_a_dense_network_costs_no_less():
    assert measured("costs", criterion="dense", density=1.0)["cost", "fewer"] == 0


def test_vgg_19_takes_the_known_multiply_adds():
    model = build("vgg19", classes=10, in_shape=(3, 32, 32))
    sizes = {name: p.numel() for name, p in model.named_parameters() if name.endswith("weight")}
    places = positions(model, (3, 32, 32))
    assert sum(sizes[name] * places[name] for name in places) == 398_136_320
    assert model.training


def test_one_layer_is_emptied_by_the_ablation():
    one = stage(density=0.5, ablation="empty_layer")
    found, plain = one.path[-1], stage(density=0.5).path[-1]
    assert [count for count, _ in found.counts().values()][1] == 0
    assert all(found[name].equal(plain[name]) for name in ("fc1.weight", "fc3.weight"))
    with_steps = []
    model = one.model()
    prune(model, "random", 0.5, ablation="empty_layer", on_step=with_steps.append)
    assert with_steps[0].density == 0.5


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("vgg11", "conv5.weight"),
        ("vgg19", "conv9.weight"),
        ("resnet20", "layer2.1.conv1.weight"),
        ("cifar_resnet50", "layer3.0.conv3.weight"),
    ],
)
def test_the_emptied_layer_is_a_convolution_beside_a_skip_if_there_are_skips(model, layer):
    one = stage(model=model, width=0.05, criterion="magnitude", density=1.0, ablation="empty_layer")
    counts = one.path[-1].counts()
    assert [name for name, (kept, _) in counts.items() if kept == 0] == [layer]
