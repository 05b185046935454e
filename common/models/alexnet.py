"""AlexNet-s and AlexNet-b, SNIP's two variants for small images.

References
----------
Lee, Ajanthan, Torr, "SNIP", ICLR 2019, section 5.3 and table 2; layers of the authors' code, whose
hidden layers are twice as wide as the text says: only they give the published counts.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from common.models.shapes import Shape, one_of, same_convolution, scaled

CONVOLUTIONS = ((96, 11), (256, 5), (384, 3), (384, 3), (256, 3))  # channels, kernel
EPS = 1e-3  # of batch norm in TensorFlow, where SNIP's networks come from


def _alexnet(hidden: int, classes: int, in_shape: Shape, width: float, network: str) -> nn.Module:
    side = one_of(in_shape, (32, 64), network)
    layers: dict[str, nn.Module] = {}
    channels = in_shape[0]
    for number, (out, kernel) in enumerate(CONVOLUTIONS, 1):
        stride = 4 if side == 64 else 2
        pair = (channels, scaled(out, width))
        layers |= same_convolution(number, pair, kernel, stride, side)
        channels, side = pair[1], -(-side // stride)
        layers[f"bn{number}"] = nn.BatchNorm2d(channels, eps=EPS)
        layers[f"relu{number}"] = nn.ReLU()
    layers["flatten"] = nn.Flatten()
    for number in (6, 7):
        layers[f"fc{number}"] = nn.Linear(channels, scaled(hidden, width))
        channels = scaled(hidden, width)
        layers[f"bn{number}"] = nn.BatchNorm1d(channels, eps=EPS)
        layers[f"relu{number}"] = nn.ReLU()
    layers["fc8"] = nn.Linear(channels, classes)
    return nn.Sequential(OrderedDict(layers))


def alexnet_s(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return AlexNet-s: hidden layers of 1,024 units (5,066,784 weights).

    Five convolutions of stride 2 with SAME padding bring 32x32 down to 1x1; on 64x64 the first has
    stride 4. Batch norm and ReLU after every layer but the last. Parameters as in
    `common.models.build`.

    Raises
    ------
    Refused
        If the images are not 32x32 or 64x64.
    """
    return _alexnet(1024, classes, in_shape, width, "alexnet_s")


def alexnet_b(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return AlexNet-b: `alexnet_s` with hidden layers of 2,048 units (8,484,896 weights)."""
    return _alexnet(2048, classes, in_shape, width, "alexnet_b")
