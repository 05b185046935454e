"""Two small networks of the SynFlow repository for 28x28 images.

References
----------
ganguli-lab/Synaptic-Flow, Models/mlp.py (Tanaka et al. 2020, arXiv 2006.05467).
"""

from __future__ import annotations

from collections import OrderedDict
from math import prod

from torch import nn

from common.models.shapes import Shape, scaled


def mlp6(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return five hidden layers of 100 units with ReLU (119,400 weights, 510 biases).

    The repository calls it ``fc``. Parameters as in `common.models.build`.
    """
    units, hidden = prod(in_shape), scaled(100, width)
    layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    for number in range(1, 6):
        layers[f"fc{number}"] = nn.Linear(units, hidden)
        layers[f"relu{number}"] = nn.ReLU()
        units = hidden
    layers["fc6"] = nn.Linear(units, classes)
    return nn.Sequential(OrderedDict(layers))


def conv_mnist(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return two 3x3 convolutions of 32 channels and a linear layer (260,384 weights, 74 biases).

    Padding keeps the size, nothing pools; the repository calls it ``conv``. Parameters as in
    `common.models.build`.
    """
    channels = scaled(32, width)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_shape[0], channels, 3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(channels, channels, 3, padding=1),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            fc=nn.Linear(channels * prod(in_shape[1:]), classes),
        )
    )
