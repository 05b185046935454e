"""Parameter counts of every network against the papers' own."""

import csv
import importlib
import re

import pytest
import torch

from common import names
from common.files import PAPERS
from common.models import build, input_shape
from common.models.roles import owner, role
from common.models.wrn import wide_resnet

SNIP = list(csv.DictReader((PAPERS / "snip" / "param_counts.csv").read_text().splitlines()))
SUFFIX = {"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
ROLES = {"yes": "weight", "authors_code only": "bias", "no": "norm"}


def skeleton(name, classes, in_shape, width=1.0):
    """Return the network without memory for its parameters."""
    module, _, function = names.MODELS[name].partition(":")
    with torch.device("meta"):
        return getattr(importlib.import_module(module), function)(classes, in_shape, width)


def sizes(model):
    """Return the number of entries by role."""
    total = {"weight": 0, "bias": 0, "norm": 0, "other": 0}
    for path, parameter in model.named_parameters():
        total[role(*owner(model, path))] += parameter.numel()
    return total


def snip_network(sheet_name):
    base = sheet_name.removesuffix(" (Tiny-ImageNet)")
    name = base.lower().replace("-", "_").replace("lenet_5", "lenet5")
    if base == sheet_name:
        return skeleton(name, 10, input_shape(name))
    return skeleton(name, 200, (3, 64, 64))


def our_name(layer):
    """Return the parameter that the sheet's layer, such as ``g1.b0.conv1.w``, is called here."""
    path, _, leaf = layer.rpartition(".")
    path = re.sub(r"^g(\d)\.b(\d)", r"group\1.\2", path).replace("bn_final", "bn")
    return f"{path}.{SUFFIX.get(leaf, leaf.replace('w_', 'weight_'))}"


def our_shape(shape):
    """Return a TensorFlow shape (inputs before outputs, pixels first) in PyTorch's order."""
    sides = [int(side) for side in shape.split("x")]
    return tuple(sides[::-1]) if len(sides) < 3 else (sides[3], sides[2], sides[0], sides[1])


@pytest.mark.parametrize("sheet_name", sorted({row["model"] for row in SNIP}))
def test_every_layer_of_snip(sheet_name):
    rows = [row for row in SNIP if row["model"] == sheet_name]
    model = snip_network(sheet_name)
    layers = [row for row in rows if not row["layer"].startswith("TOTAL")]
    theirs = [
        (our_name(row["layer"]), our_shape(row["shape"]), int(row["params"]), row["prunable"])
        for row in layers
    ]
    kinds = {kind: yes for yes, kind in ROLES.items()}
    ours = [
        (path, tuple(p.shape), p.numel(), kinds[role(*owner(model, path))])
        for path, p in model.named_parameters()
    ]
    assert ours == theirs

    totals = {row["layer"]: int(row["params"]) for row in rows if row not in layers}
    count = sizes(model)
    assert count["weight"] == totals["TOTAL.weights"]
    assert count["weight"] + count["bias"] == totals["TOTAL.weights+biases"]
    assert sum(count.values()) == totals["TOTAL.all_trainable"]


# network, classes, width -> weights, all parameters; the papers' sheets agree on each.
COUNTS = [
    ("lenet_300_100", 10, 1, 266_200, 266_610),
    ("mlp6", 10, 1, 119_400, 119_910),
    ("conv_mnist", 10, 1, 260_384, 260_458),
    ("tiny_vgg11", 200, 1, 12_568_256, 12_578_760),
    ("tiny_vgg16", 200, 1, 18_060_992, 18_075_912),
    ("conv2", 10, 1, 4_300_992, 4_301_642),
    ("conv4", 10, 1, 2_425_024, None),
    ("conv6", 10, 1, 2_261_184, None),
    ("conv2", 10, 0.25, 269_616, None),  # 16-16-64-64, the lottery ticket's narrow proxy
    ("vgg11", 10, 1, 9_222_848, 9_231_114),
    ("vgg11", 100, 1, 9_268_928, 9_277_284),
    ("vgg16", 10, 1, 14_715_584, 14_728_266),
    ("vgg16", 100, 1, 14_761_664, 14_774_436),
    ("vgg19", 10, 1, 20_024_000, 20_040_522),
    ("vgg19", 100, 1, 20_070_080, 20_086_692),
    ("vgg19", 200, 1, 20_121_280, None),
    ("vgg19", 10, 0.25, 1_252_784, None),
    ("resnet20", 10, 1, 270_896, 272_474),
    ("resnet20_a", 10, 1, 268_336, 269_722),
    ("resnet32", 10, 2, 1_855_584, 1_860_522),
    ("resnet32", 100, 2, 1_867_104, None),
    ("resnet32", 200, 2, 1_879_904, None),
    ("resnet32_a", 10, 1, 461_872, 464_154),
    ("resnet56", 10, 1, 851_504, 855_770),
    ("resnet56_a", 10, 1, 848_944, 853_018),
    ("resnet110", 10, 1, 1_722_416, 1_730_714),
    ("cifar_resnet18", 10, 1, 11_164_352, 11_174_986 - 1_024),
    ("cifar_resnet18", 100, 1, 11_210_432, 11_221_156 - 1_024),
    ("cifar_resnet18", 200, 1, 11_261_632, 11_271_432),
    ("cifar_resnet50", 10, 1, 23_467_712, 23_520_842),
    ("cifar_resnet50", 100, 1, 23_652_032, None),
    ("cifar_resnet50", 200, 1, 23_856_832, None),
    ("cifar_resnet50", 10, 0.125, 369_112, None),
    ("resnet18", 200, 1, 11_269_312, 11_279_112),
    ("resnet50", 1000, 1, 25_502_912, 25_557_032),
]


@pytest.mark.parametrize("name, classes, width, weights, everything", COUNTS)
def test_totals_of_the_other_papers(name, classes, width, weights, everything):
    count = sizes(skeleton(name, classes, input_shape(name), width))
    assert count["weight"] == weights
    assert count["other"] == 0
    if everything is not None:
        assert sum(count.values()) == everything


def test_layers_of_lottery_ticket_resnet20():
    model = build("resnet20", classes=10, in_shape=(3, 32, 32))
    by_kernel = {1: 0, 3: 0}
    for path, p in model.named_parameters():
        if p.dim() == 4:
            by_kernel[p.shape[2]] += p.numel()
            assert p.shape[2] == 3 or "downsample" in path
    assert by_kernel == {3: 267_696, 1: 2_560}
    assert model.fc.weight.numel() == 640


def test_wide_resnet_of_signal_propagation():
    count = sizes(wide_resnet(16, 6, 10, (3, 32, 32), 1.0, "wrn_16_6"))
    assert count["weight"] == 6_166_704
    assert count["weight"] + count["bias"] == 6_170_090


@pytest.mark.parametrize(
    "name, width, shapes",
    [
        ("lenet_300_100", 0.25, [(75, 784), (25, 75), (10, 25)]),
        ("lenet_300_100", 1e-9, [(1, 784), (1, 1), (10, 1)]),
        ("lenet5_caffe", 0.1, [(2, 1, 5, 5), (5, 2, 5, 5), (50, 80), (10, 50)]),
    ],
)
def test_width_leaves_inputs_and_classes(name, width, shapes):
    model = build(name, classes=10, in_shape=(1, 28, 28), width=width)
    assert [tuple(p.shape) for p in model.parameters() if p.dim() > 1] == shapes
