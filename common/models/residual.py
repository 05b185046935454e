"""The residual network behind every ResNet here: blocks, shortcuts, stem.

Modules are named as in torchvision, so that its state dicts fit the networks of the ImageNet form.

References
----------
He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016: section 3.3 for the
shortcuts A and B, section 4.2 for the CIFAR form, table 1 for the ImageNet form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Shortcut = Literal["A", "B"]


class PadShortcut(nn.Module):
    """Shortcut A: every `stride`-th pixel, and zero channels added evenly on both sides."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before = (out - channels) // 2
        self.after = out - channels - self.before

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        kept = features[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, self.before, self.after))


def _shortcut(channels: int, out: int, stride: int, kind: Shortcut) -> nn.Module | None:
    if stride == 1 and channels == out:
        return None
    if kind == "A":
        return PadShortcut(channels, out, stride)
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the shortcut before the last ReLU."""

    expansion = 1

    def __init__(self, channels: int, planes: int, stride: int, kind: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu2 = nn.ReLU()
        self.downsample = _shortcut(channels, planes, stride, kind)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, planes, H / stride, W / stride)."""
        residual = self.relu1(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        shortcut = features if self.downsample is None else self.downsample(features)
        return self.relu2(residual + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which has the stride, as in torchvision) and 1x1 to four times the channels."""

    expansion = 4

    def __init__(self, channels: int, planes: int, stride: int, kind: Shortcut) -> None:
        super().__init__()
        out = planes * self.expansion
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(planes, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu3 = nn.ReLU()
        self.downsample = _shortcut(channels, out, stride, kind)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, 4 planes, H / stride, W / stride)."""
        residual = self.relu1(self.bn1(self.conv1(features)))
        residual = self.relu2(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        shortcut = features if self.downsample is None else self.downsample(features)
        return self.relu3(residual + shortcut)


class ResNet(nn.Module):
    """Stem, stages of residual blocks, mean over the image, one linear layer.

    Parameters
    ----------
    block : type
        `BasicBlock` or `Bottleneck`.
    blocks, planes : sequence of int
        Blocks and channels of each stage; every stage but the first halves the image.
    classes, in_channels : int
        Outputs, and channels of the images.
    kind : {"A", "B"}
        Shortcut where the shape changes: padded zeros, or a 1x1 convolution with batch norm.
    imagenet_stem : bool
        A 7x7 convolution of stride 2 and max-pooling, instead of one 3x3 convolution.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks: Sequence[int],
        planes: Sequence[int],
        classes: int,
        in_channels: int,
        kind: Shortcut = "B",
        imagenet_stem: bool = False,
    ) -> None:
        super().__init__()
        channels = planes[0]
        if imagenet_stem:
            self.conv1 = nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet_stem else nn.Identity()
        self.stages = [f"layer{stage}" for stage in range(1, len(blocks) + 1)]
        for stage, name in enumerate(self.stages):
            layer = nn.Sequential()
            for index in range(blocks[stage]):
                stride = 2 if stage and index == 0 else 1
                layer.append(block(channels, planes[stage], stride, kind))
                channels = planes[stage] * block.expansion
            self.add_module(name, layer)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for name in self.stages:
            features = self.get_submodule(name)(features)
        return self.fc(self.avgpool(features).flatten(1))
