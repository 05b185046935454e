"""VGG networks: SNIP's C, D and like, and the CIFAR form of VGG-11, VGG-16 and VGG-19.

Both families are stages of 3x3 convolutions with bias, batch norm and ReLU. SNIP's pool after
every stage and end in up to two hidden layers; the CIFAR form pools between stages, averages over
what is left of the image and ends in one linear layer.

References
----------
Lee, Ajanthan, Torr, "SNIP", ICLR 2019, table 2 and the authors' code. The CIFAR form is that of
the lottery-ticket, SynFlow (Tanaka et al., 2020) and missing-the-mark (Frankle et al., 2021)
papers. GraSP and FORCE leave out the convolutions' bias, which batch norm makes idle: the weights
are the same.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from common.models.shapes import Shape, at_least, one_of, same_convolution, scaled

Stages = tuple[tuple[int, ...], ...]

VGG11: Stages = ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2)
VGG16: Stages = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
VGG19: Stages = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)
EPS = 1e-3  # of batch norm in TensorFlow, where SNIP's networks come from


def _snip_vgg(
    hidden: int, small_thirds: bool, classes: int, in_shape: Shape, width: float, network: str
) -> nn.Module:
    side = one_of(in_shape, (32, 64), network)
    layers: dict[str, nn.Module] = {}
    channels, number = in_shape[0], 0
    for stage, outs in enumerate(VGG16, 1):
        for position, out in enumerate(outs, 1):
            number += 1
            kernel = 1 if small_thirds and position == 3 else 3
            stride = 2 if number == 1 and side == 64 else 1
            pair = (channels, scaled(out, width))
            layers |= same_convolution(number, pair, kernel, stride, side)
            channels, side = pair[1], side // stride
            layers[f"bn{number}"] = nn.BatchNorm2d(channels, eps=EPS)
            layers[f"relu{number}"] = nn.ReLU()
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
        side //= 2
    layers["flatten"] = nn.Flatten()
    for number in range(14, 14 + hidden):
        layers[f"fc{number}"] = nn.Linear(channels, scaled(512, width))
        channels = scaled(512, width)
        layers[f"bn{number}"] = nn.BatchNorm1d(channels, eps=EPS)
        layers[f"relu{number}"] = nn.ReLU()
    layers[f"fc{14 + hidden}"] = nn.Linear(channels, classes)
    return nn.Sequential(OrderedDict(layers))


def vgg_c(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return SNIP's VGG-C: `vgg_d` with 1x1 third convolutions (10,521,280 weights)."""
    return _snip_vgg(2, True, classes, in_shape, width, "vgg_c")


def vgg_d(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return SNIP's VGG-D: 13 convolutions, 512, 512, classes (15,239,872 weights).

    On 64x64 the first convolution has stride 2. Parameters as in `common.models.build`.

    Raises
    ------
    Refused
        If the images are not 32x32 or 64x64.
    """
    return _snip_vgg(2, False, classes, in_shape, width, "vgg_d")


def vgg_like(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return SNIP's VGG-like: `vgg_d` with one hidden layer (14,977,728 weights)."""
    return _snip_vgg(1, False, classes, in_shape, width, "vgg_like")


def _cifar_vgg(
    stages: Stages,
    classes: int,
    in_shape: Shape,
    width: float,
    network: str,
    pooled: int = 1,
    hidden: tuple[int, ...] = (),
) -> nn.Module:
    at_least(in_shape, 2 ** (len(stages) - 1), network)
    layers: dict[str, nn.Module] = {}
    channels, number = in_shape[0], 0
    for stage, outs in enumerate(stages):
        if stage:
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        for out in outs:
            number += 1
            layers[f"conv{number}"] = nn.Conv2d(channels, scaled(out, width), 3, padding=1)
            channels = scaled(out, width)
            layers[f"bn{number}"] = nn.BatchNorm2d(channels)
            layers[f"relu{number}"] = nn.ReLU()
    layers["average"] = nn.AdaptiveAvgPool2d(pooled)
    layers["flatten"] = nn.Flatten()
    channels *= pooled**2
    for number, units in enumerate(hidden, 1):
        layers[f"fc{number}"] = nn.Linear(channels, scaled(units, width))
        channels = scaled(units, width)
        layers[f"fc_relu{number}"] = nn.ReLU()
        layers[f"dropout{number}"] = nn.Dropout()
    layers["fc"] = nn.Linear(channels, classes)
    return nn.Sequential(OrderedDict(layers))


def vgg11(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR VGG-11 with batch norm: 8 convolutions (9,222,848 weights).

    Parameters as in `common.models.build`; images of 16x16 and more.
    """
    return _cifar_vgg(VGG11, classes, in_shape, width, "vgg11")


def vgg16(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR VGG-16 with batch norm: 13 convolutions (14,715,584 weights).

    Parameters as in `common.models.build`; images of 16x16 and more.
    """
    return _cifar_vgg(VGG16, classes, in_shape, width, "vgg16")


def vgg19(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR VGG-19 with batch norm: 16 convolutions (20,024,000 weights).

    Parameters as in `common.models.build`; images of 16x16 and more.
    """
    return _cifar_vgg(VGG19, classes, in_shape, width, "vgg19")


def tiny_vgg11(classes: int = 200, in_shape: Shape = (3, 64, 64), width: float = 1.0) -> nn.Module:
    """Return `vgg11` with two hidden layers and dropout, for Tiny ImageNet (12,568,256 weights).

    SynFlow's form, 2048-1024-1024-200 behind a 2x2 average. Parameters as in
    `common.models.build`.
    """
    return _cifar_vgg(VGG11, classes, in_shape, width, "tiny_vgg11", 2, (1024, 1024))


def tiny_vgg16(classes: int = 200, in_shape: Shape = (3, 64, 64), width: float = 1.0) -> nn.Module:
    """Return `vgg16` with the head of `tiny_vgg11` (18,060,992 weights)."""
    return _cifar_vgg(VGG16, classes, in_shape, width, "tiny_vgg16", 2, (1024, 1024))
