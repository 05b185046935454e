"""ResNets by name: He et al.'s CIFAR form, the wide CIFAR form, and the ImageNet form.

Where a stage changes the shape, the plain names take a 1x1 convolution with batch norm (shortcut
B), as in the lottery-ticket, rewinding, GraSP, SynFlow and missing-the-mark papers; the names
ending in ``_a`` pad with zeros (shortcut A), as He et al. did on CIFAR.
"""

from __future__ import annotations

from torch import nn

from common.models.residual import BasicBlock, Bottleneck, ResNet, Shortcut
from common.models.shapes import Shape, at_least, scaled


def _small(depth: int, kind: Shortcut, classes: int, in_shape: Shape, width: float) -> nn.Module:
    at_least(in_shape, 4, f"resnet{depth}")
    planes = [scaled(channels, width) for channels in (16, 32, 64)]
    blocks = [(depth - 2) // 6] * 3
    return ResNet(BasicBlock, blocks, planes, classes, in_shape[0], kind)


def _large(
    depth: int, imagenet_stem: bool, classes: int, in_shape: Shape, width: float
) -> nn.Module:
    at_least(in_shape, 32 if imagenet_stem else 8, f"resnet{depth}")
    block = Bottleneck if depth == 50 else BasicBlock
    blocks = [2, 2, 2, 2] if depth == 18 else [3, 4, 6, 3]
    planes = [scaled(channels, width) for channels in (64, 128, 256, 512)]
    return ResNet(block, blocks, planes, classes, in_shape[0], "B", imagenet_stem)


def resnet20(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-20, channels 16-32-64, shortcut B (270,896 weights).

    The lottery-ticket paper calls it ResNet-18. Parameters as in `common.models.build`.
    """
    return _small(20, "B", classes, in_shape, width)


def resnet32(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-32, shortcut B; GraSP's is of width 2 (1,855,584 weights)."""
    return _small(32, "B", classes, in_shape, width)


def resnet56(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-56, shortcut B (851,504 weights)."""
    return _small(56, "B", classes, in_shape, width)


def resnet110(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-110, shortcut B (1,722,416 weights)."""
    return _small(110, "B", classes, in_shape, width)


def resnet20_a(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-20 with shortcut A (268,336 weights)."""
    return _small(20, "A", classes, in_shape, width)


def resnet32_a(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-32 with shortcut A (461,872 weights)."""
    return _small(32, "A", classes, in_shape, width)


def resnet56_a(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return the CIFAR ResNet-56 with shortcut A (848,944 weights), as in filter-pruning papers."""
    return _small(56, "A", classes, in_shape, width)


def cifar_resnet18(
    classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0
) -> nn.Module:
    """Return ResNet-18 with a 3x3 stem and no pooling (11,164,352 weights).

    Its SynFlow form also holds 1,024 frozen ones in the identity shortcuts, left out here.
    """
    return _large(18, False, classes, in_shape, width)


def cifar_resnet34(
    classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0
) -> nn.Module:
    """Return ResNet-34 with a 3x3 stem and no pooling (21,265,088 weights)."""
    return _large(34, False, classes, in_shape, width)


def cifar_resnet50(
    classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0
) -> nn.Module:
    """Return ResNet-50 with a 3x3 stem and no pooling, as in FORCE (23,467,712 weights)."""
    return _large(50, False, classes, in_shape, width)


def resnet18(classes: int = 1000, in_shape: Shape = (3, 224, 224), width: float = 1.0) -> nn.Module:
    """Return the ImageNet ResNet-18 (11,678,912 weights at 1,000 classes)."""
    return _large(18, True, classes, in_shape, width)


def resnet34(classes: int = 1000, in_shape: Shape = (3, 224, 224), width: float = 1.0) -> nn.Module:
    """Return the ImageNet ResNet-34 (21,779,648 weights at 1,000 classes)."""
    return _large(34, True, classes, in_shape, width)


def resnet50(classes: int = 1000, in_shape: Shape = (3, 224, 224), width: float = 1.0) -> nn.Module:
    """Return the ImageNet ResNet-50 (25,502,912 weights at 1,000 classes)."""
    return _large(50, True, classes, in_shape, width)
