"""Initialisers: distributions, order of draws, and what they leave alone."""

import copy

import pytest
import torch
from scipy import stats
from torch import nn

from common import names
from common.errors import Refused
from common.models import build, initialise_
from common.models.initialise import TRUNCATED_SD

SHAPES = {"linear": (300, 500), "convolution": (64, 100, 3, 5)}
VARIANCES = {
    "default": lambda fan_in, fan_out: 1 / (3 * fan_in),
    "vs": lambda fan_in, fan_out: 1 / fan_in,
    "vs_x": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "vs_h": lambda fan_in, fan_out: 2 / fan_in,
    "rn": lambda fan_in, fan_out: 0.3**2,
    "tn": lambda fan_in, fan_out: (0.3 * TRUNCATED_SD) ** 2,
    "xavier_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "kaiming_normal": lambda fan_in, fan_out: 2 / fan_in,
    "kaiming_normal_norm_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "kaiming_fan_out": lambda fan_in, fan_out: 2 / fan_out,
}
TESTED_APART = {"fan_out_small_head", "fan_out_default_head", "orthogonal"}
TRUNCATED = ("vs", "vs_x", "vs_h", "tn")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def layer(shape):
    return nn.Linear(*shape[::-1]) if len(shape) == 2 else nn.Conv2d(shape[1], shape[0], shape[2:])


def equal(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_every_initialiser_is_tested():
    assert set(VARIANCES) | TESTED_APART == set(names.INITIALISERS)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", VARIANCES)
def test_distribution(name, shape):
    module = initialise_(layer(shape), name, seeded(), sd=0.3)
    weight = module.weight.detach().double().flatten().numpy()
    sd = VARIANCES[name](*nn.init._calculate_fan_in_and_fan_out(module.weight)) ** 0.5
    if name == "default":
        law = stats.uniform(-(3**0.5) * sd, 2 * 3**0.5 * sd)
        assert module.bias.abs().max() <= 3**0.5 * sd
        assert module.bias.abs().max() > 2.5**0.5 * sd
    elif name in TRUNCATED:
        law = stats.truncnorm(-2, 2, scale=sd / stats.truncnorm(-2, 2).std())
    else:
        law = stats.norm(scale=sd)
    assert weight.var() == pytest.approx(sd**2, rel=0.02)
    assert stats.kstest(weight, law.cdf).pvalue > 1e-3
    low, high = law.support()
    assert weight.min() >= low * (1 + 1e-6) and weight.max() <= high * (1 + 1e-6)
    if name != "default":
        assert (module.bias == 0).all()


@pytest.mark.parametrize(
    "name, head_variance", [("fan_out_small_head", 1e-4), ("fan_out_default_head", 1 / (3 * 500))]
)
def test_heads_are_drawn_by_a_rule_of_their_own(name, head_variance):
    kernel = initialise_(layer(SHAPES["convolution"]), name, seeded()).weight.detach()
    head = initialise_(layer(SHAPES["linear"]), name, seeded()).weight.detach()
    assert kernel.var().item() == pytest.approx(2 / (64 * 3 * 5), rel=0.02)
    assert head.var().item() == pytest.approx(head_variance, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_orthogonal_rows(shape):
    rows = initialise_(layer(shape), "orthogonal", seeded()).weight.detach().double().flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows)).double(), atol=1e-5)


def test_norm_weights_may_be_uniform():
    model = build("resnet20", classes=10, in_shape=(3, 32, 32))
    initialise_(model, "kaiming_normal_norm_uniform", seeded())
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    weights = torch.cat([m.weight.detach() for m in norms]).numpy()
    assert stats.kstest(weights, stats.uniform.cdf).pvalue > 1e-3
    assert all((m.bias == 0).all() for m in norms)


def test_truncated_standard_deviation():
    assert pytest.approx(stats.truncnorm(-2, 2).std(), abs=1e-8) == TRUNCATED_SD


def test_default_is_what_pytorch_draws():
    model = build("lenet5_caffe", classes=10, in_shape=(1, 28, 28))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        theirs = [
            nn.Conv2d(1, 20, 5),
            nn.Conv2d(20, 50, 5),
            nn.Linear(800, 500),
            nn.Linear(500, 10),
        ]
    initialise_(model, "default", seeded(42))
    expected = [p for module in theirs for p in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected, strict=True))


def test_weights_are_drawn_in_order_of_named_parameters():
    model = build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.25)
    initialise_(model, "rn", seeded(5), sd=2.0)
    generator = seeded(5)
    for _, parameter in model.named_parameters():
        if parameter.dim() > 1:
            draw = torch.randn(parameter.shape, generator=generator) * 2.0
            assert torch.equal(parameter, draw)


@pytest.mark.parametrize("network", ["lenet_300_100", "resnet20", "lstm_s"])
@pytest.mark.parametrize("name", names.INITIALISERS)
def test_equal_seeds_give_equal_networks(network, name):
    shape = (3, 32, 32) if network == "resnet20" else (1, 28, 28)
    model = build(network, classes=10, in_shape=shape, width=0.25)
    first = copy.deepcopy(initialise_(model, name, seeded(1)))
    assert equal(first, initialise_(model, name, seeded(1)))
    assert not equal(first, initialise_(model, name, seeded(2)))


def test_doubles_hold_the_same_numbers():
    single = build("lenet_300_100", classes=10, in_shape=(1, 28, 28), width=0.1)
    double = initialise_(copy.deepcopy(single).double(), "vs", seeded(1))
    assert equal(initialise_(single, "vs", seeded(1)).double(), double)


def test_norm_layers_and_their_statistics_are_reset():
    model = build("vgg11", classes=10, in_shape=(3, 32, 32), width=0.1)
    model(torch.randn(4, 3, 32, 32, generator=seeded()) + 5)
    with torch.no_grad():
        model.bn1.weight.fill_(3)
        model.bn1.bias.fill_(3)
    assert model.bn1.running_mean.abs().max() > 0
    initialise_(model, "kaiming_normal", seeded())
    fresh = nn.BatchNorm2d(len(model.bn1.weight)).state_dict()
    assert all(torch.equal(model.bn1.state_dict()[key], value) for key, value in fresh.items())


@pytest.mark.parametrize("name", names.INITIALISERS)
def test_global_generator_is_left_alone(name):
    model = build("gru_s", classes=10, in_shape=(1, 28, 28), width=0.1)
    before = torch.random.get_rng_state()
    initialise_(model, name, seeded())
    assert torch.equal(before, torch.random.get_rng_state())


class Scaler(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.ones(2))


class Mixer(Scaler):
    prunable_names = ("mix",)
    bias_names = ("scale",)

    def __init__(self):
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(2, 400))


def test_modules_may_name_their_own_weights_and_biases():
    model = initialise_(Mixer(), "vs", seeded())
    assert model.mix.std().item() == pytest.approx(400**-0.5, rel=0.1)
    assert (model.scale == 0).all()


@pytest.mark.parametrize(
    "name, sd, message",
    [
        ("kaiming_norml", 1.0, "unknown initialiser 'kaiming_norml', did you mean"),
        ("rn", 0.0, "sd 0.0"),
        ("rn", float("nan"), "sd nan"),
        ("vs", 1.0, "no initialiser for parameter 'scale'"),
    ],
)
def test_refusals_leave_the_network_unchanged(name, sd, message):
    model = Scaler()
    before = copy.deepcopy(model)
    with pytest.raises(Refused, match=message):
        initialise_(model, name, seeded(), sd=sd)
    assert equal(model, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_networks_are_the_same():
    model = build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.25)
    on_gpu = initialise_(copy.deepcopy(model).cuda(), "vs", seeded(1))
    assert equal(initialise_(model, "vs", seeded(1)), on_gpu.cpu())
    with pytest.raises(Refused, match="on the CPU alone"):
        initialise_(model, "vs", torch.Generator("cuda"))
