"""Small networks, batches and masks for the tests of training."""

import torch
from torch import nn

from common.training import Recipe

SGD = Recipe(lr=0.05, batch=8, steps=6, weight_decay=0.01, milestones=(4,), evaluations=2)
RECIPES = {
    "sgd": SGD,
    "momentum": Recipe(**{**vars(SGD), "momentum": 0.9}),
    "nesterov": Recipe(**{**vars(SGD), "momentum": 0.9, "nesterov": True}),
    "adam": Recipe(**{**vars(SGD), "optimizer": "adam", "lr": 0.01}),
}


def conv_net(seed=0, channels_last=True):
    """A convolutional network with batch norm, stored as the procedures store theirs."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3),
        nn.ReLU(), nn.Flatten(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 5),
    )  # fmt: skip
    return net.to(memory_format=torch.channels_last) if channels_last else net


def masks_of(net, density=0.4):
    """Random masks of the weights of `net`."""
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.rand(p.shape, generator=generator) < density
        for name, p in net.named_parameters()
        if p.dim() > 1
    }


def batches(step):
    generator = torch.Generator().manual_seed(1000 + step)
    images = torch.randn(8, 3, 6, 6, generator=generator)
    labels = torch.randint(5, (8,), generator=generator)
    return images.contiguous(memory_format=torch.channels_last), labels


def state(net):
    """A copy of everything in `net`."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one, other):
    """Whether two states are equal to the byte."""
    return list(one) == list(other) and all(
        one[n].numpy().tobytes() == other[n].numpy().tobytes() for n in one
    )
