"""The lean optimisers against torch's own, to the bit."""

import pytest
import torch
from torch import nn

from common.training.optimizer import Optimizer


def networks():
    nets = []
    for _ in range(2):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        nets.append(net.to(memory_format=torch.channels_last))
    return nets


def backward(net, step):
    draw = torch.Generator().manual_seed(step)
    net(torch.randn(5, 3, 8, 8, generator=draw)).square().mean().backward()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("sgd", {}),
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("adam", {}),
    ],
)
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_updates_equal_those_of_torch(kind, options, decay):
    ours, theirs = networks()
    lean = Optimizer([(list(ours.parameters()), decay)], kind, **options)
    build = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
    usual = build(theirs.parameters(), lr=1.0, weight_decay=decay, fused=True, **options)
    for step, rate in enumerate([0.1, 0.1, 0.01, 0.01, 0.001]):
        backward(ours, step)
        lean.step(rate)
        backward(theirs, step)
        usual.param_groups[0]["lr"] = rate
        usual.step()
        usual.zero_grad()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
        assert mine.grad is None


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_loaded_state_goes_on_to_the_bit(kind):
    one, other = networks()
    first = Optimizer([(list(one.parameters()), 0.01)], kind, momentum=0.9)
    for step in range(3):
        backward(one, step)
        first.step(0.1)
    other.load_state_dict(one.state_dict())
    second = Optimizer([(list(other.parameters()), 0.01)], kind, momentum=0.9)
    # A file keeps values, not their layout in memory.
    second.load({name: value.clone().contiguous() for name, value in first.tensors().items()})
    for net, optimizer in ((one, first), (other, second)):
        backward(net, 3)
        optimizer.step(0.1)
    assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_a_parameter_without_gradient_stays():
    net, _ = networks()
    optimizer = Optimizer([(list(net.parameters()), 0.5)], "sgd", momentum=0.9)
    before = [p.clone() for p in net.parameters()]
    backward(net, 0)
    net[0].weight.grad = None
    optimizer.step(0.1)
    same = [torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True)]
    assert same == [True, False, False, False]
