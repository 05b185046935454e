"""Effective density against reachability by definition and against gradients of real networks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_nets import batch, convnet, draw_, generator, mlp, recurrent
from torch import nn
from torch.nn import functional as F

from common.pruning import Masks, effective, effective_density, prune


def reachable(masks):
    """Return a bias-free MLP's effective masks by forward and backward reachability of units."""
    forward, backward = [torch.ones(masks[0].shape[1], dtype=torch.bool)], []
    for mask in masks:
        forward.append((mask & forward[-1]).any(1))
    backward = [torch.ones(masks[-1].shape[0], dtype=torch.bool)]
    for mask in reversed(masks):
        backward.insert(0, (mask & backward[0][:, None]).any(0))
    return [mask & backward[i + 1][:, None] & forward[i][None] for i, mask in enumerate(masks)]


@settings(deadline=None, max_examples=40)
@given(st.floats(0.02, 0.6), st.integers(0, 1000))
def test_mlp_by_definition(density, seed):
    net = mlp()
    masks = prune(net, "random", density, generator=generator(seed))
    expected = dict(zip(masks, reachable(list(masks.values())), strict=True))
    assert effective(net, masks, (1, 6, 6)) == Masks(expected)


class Gated(nn.Module):
    """A loop over rows with an update gate written with a subtraction."""

    prunable_names = ("gate", "new")

    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(4, 10))
        self.new = nn.Parameter(torch.zeros(4, 10))

    def forward(self, images):
        state = images.new_zeros(len(images), 4)
        for row in images.squeeze(1).unbind(1):
            seen = torch.cat([row, state], 1)
            gate = torch.sigmoid(F.linear(seen, self.gate))
            state = (1 - gate) * torch.tanh(F.linear(seen, self.new)) + gate * state
        return state


def residual():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 3, 3, padding=1, bias=False)
            self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
            self.norm = nn.GroupNorm(1, 3)

        def forward(self, x):
            x = F.silu(self.first(x))
            return F.avg_pool2d(x + self.second(F.gelu(x)), 6).flatten(1)

    return draw_(nn.Sequential(Block(), nn.Linear(3, 2, bias=False)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "build", [recurrent, residual, lambda: draw_(nn.Sequential(Gated(), nn.Linear(4, 2)))]
)
def test_smooth_networks_by_their_own_gradients(build, seed):
    """In a smooth network with generic values a weight has a gradient just if it is on a path."""
    net = build().double()
    masks = prune(net, "random", 0.12 + 0.06 * seed, generator=generator(seed))
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith(("bias", "offset")):
                parameter.zero_()
    masks.apply_to(net)
    images, _ = batch(16, dtype=torch.float64)
    weights = masks.parameters_of(net)
    logits = net(images)
    found = {name: torch.zeros_like(mask) for name, mask in masks.items()}
    for row in logits.flatten():
        gradients = torch.autograd.grad(row, list(weights.values()), retain_graph=True)
        for name, gradient in zip(found, gradients, strict=True):
            found[name] |= gradient != 0
    expected = Masks({name: masks[name] & found[name] for name in masks})
    assert effective(net, masks, (1, 6, 6)) == expected
    assert expected.kept < masks.kept or seed > 0


@pytest.mark.parametrize("seed", range(3))
def test_convolutions_by_gradients_of_positive_weights(seed):
    """With positive weights and input nothing cancels, and average pooling has every path."""
    net = convnet().double().eval()
    masks = prune(net, "random", 0.1 + 0.1 * seed, generator=generator(seed))
    plain = nn.Sequential(net[0], nn.AvgPool2d(2), net[4], nn.Flatten(), net[9])
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
        net[0].bias.zero_()
    masks.apply_to(net)
    weights = list(masks.parameters_of(net).values())
    images = torch.ones(1, 1, 6, 6, dtype=torch.float64)
    gradients = torch.autograd.grad(plain(images).sum(), weights)
    expected = {n: masks[n] & (g != 0) for n, g in zip(masks, gradients, strict=True)}
    assert effective(convnet(), masks, (1, 6, 6)) == Masks(expected)


def test_layerwise_cut_leaves_nothing():
    net = convnet()
    masks = dict(Masks.full(net))
    masks["4.weight"] = torch.zeros_like(masks["4.weight"])
    assert effective_density(net, Masks(masks), (1, 6, 6)) == 0.0
    assert effective_density(net, Masks.full(net), (1, 6, 6)) == 1.0


def test_kernel_entries_over_padding_lie_on_no_path():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(1, 1))
    assert effective(net, Masks.full(net), (1, 1, 1)).counts()["0.weight"] == (1, 9)


def test_a_bias_is_effective_if_its_unit_reaches_the_output():
    net = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    masks = dict(Masks.full(net, "counted"))
    masks["1.weight"] = torch.tensor([[True, False]])
    found = effective(net, Masks(masks), (1,))
    assert found["0.bias"].tolist() == [True, False]
    assert found["0.weight"].flatten().tolist() == [True, False]


def test_attention_is_not_guessed():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(6, 18)

        def forward(self, images):
            q, k, v = self.qkv(images.squeeze(1)).chunk(3, -1)
            return F.scaled_dot_product_attention(q, k, v).mean(1)

    net = Attention()
    assert effective(net, Masks.full(net), (1, 6, 6)) is None
    assert effective_density(net, Masks.full(net), (1, 6, 6)) is None


def test_the_network_is_left_alone():
    net = convnet().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    effective(net, prune(net, "random", 0.3), (1, 6, 6))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    ("log_compression", "ratio", "slack"), [(1.5, 0.545, 0.08), (2, 0.07, 0.04)]
)
def test_random_masks_of_lenet(log_compression, ratio, slack):
    """Effective over direct density: .53-.56 and .065-.08 were computed independently."""
    net = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.Linear(100, 10))
    found = []
    for seed in range(5):
        masks = prune(net, "random", 10**-log_compression, generator=generator(seed))
        found.append(effective_density(net, masks, (784,)) / masks.density)
    assert sum(found) / len(found) == pytest.approx(ratio, abs=slack)


@pytest.mark.parametrize("name", ["lstm_s", "gru_s"])
def test_recurrent_networks_of_the_suite(name):
    """The suite's cells agree with their own gradients."""
    build = pytest.importorskip("common.models").build
    net = draw_(build(name, classes=3, in_shape=(1, 4, 6), width=0.0625).double())
    masks = prune(net, "random", 0.2, generator=generator(2))
    with torch.no_grad():
        for parameter_name, parameter in net.named_parameters():
            if parameter_name.endswith("bias"):
                parameter.zero_()
    masks.apply_to(net)
    images = torch.randn(8, 1, 4, 6, generator=generator(1), dtype=torch.float64)
    weights = list(masks.parameters_of(net).values())
    gradients = torch.autograd.grad(net(images).square().sum(), weights)
    expected = Masks({n: masks[n] & (g != 0) for n, g in zip(masks, gradients, strict=True)})
    assert effective(net, masks, (1, 4, 6)) == expected
    assert 0 < expected.kept < masks.kept
