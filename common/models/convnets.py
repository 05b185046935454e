"""Conv-2, Conv-4 and Conv-6: small VGG-like nets without batch norm.

References
----------
Frankle, Carbin, "The Lottery Ticket Hypothesis", ICLR 2019, figure 2. Its count for Conv-6 (1.7M
weights) fits no net with the stated layers and one pool a pair; the layers, not the count, are
followed here: 2,261,184 weights.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from common.models.shapes import Shape, at_least, scaled


def _conv_net(
    pairs: tuple[int, ...], classes: int, in_shape: Shape, width: float, network: str
) -> nn.Module:
    at_least(in_shape, 2 ** len(pairs), network)
    layers: dict[str, nn.Module] = {}
    channels, height, breadth = in_shape
    for pair, out in enumerate(pairs, 1):
        for number in (2 * pair - 1, 2 * pair):
            layers[f"conv{number}"] = nn.Conv2d(channels, scaled(out, width), 3, padding=1)
            layers[f"relu{number}"] = nn.ReLU()
            channels = scaled(out, width)
        layers[f"pool{pair}"] = nn.MaxPool2d(2)
        height, breadth = height // 2, breadth // 2
    layers["flatten"] = nn.Flatten()
    units = channels * height * breadth
    for number in (1, 2):
        layers[f"fc{number}"] = nn.Linear(units, scaled(256, width))
        layers[f"fc_relu{number}"] = nn.ReLU()
        units = scaled(256, width)
    layers["fc3"] = nn.Linear(units, classes)
    return nn.Sequential(OrderedDict(layers))


def conv2(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return Conv-2: 3x3 convolutions 64, 64, pool; 256, 256, classes (4,300,992 weights).

    Parameters as in `common.models.build`.
    """
    return _conv_net((64,), classes, in_shape, width, "conv2")


def conv4(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return Conv-4: Conv-2's convolutions, then 128, 128, pool (2,425,024 weights).

    Parameters as in `common.models.build`.
    """
    return _conv_net((64, 128), classes, in_shape, width, "conv4")


def conv6(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return Conv-6: Conv-4's convolutions, then 256, 256, pool (2,261,184 weights).

    Parameters as in `common.models.build`.
    """
    return _conv_net((64, 128, 256), classes, in_shape, width, "conv6")
