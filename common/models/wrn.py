"""Wide residual networks as SNIP counts them: pre-activated blocks, convolutions with bias.

References
----------
Zagoruyko, Komodakis, "Wide Residual Networks", BMVC 2016. SNIP (Lee et al., ICLR 2019, table 2)
did not release its networks; the published kept counts need the convolutions' biases, as in its
released networks, whose batch-norm constant is taken over with them.
"""

from __future__ import annotations

from torch import Tensor, nn

from common.models.shapes import Shape, at_least, scaled

EPS = 1e-3  # of batch norm in TensorFlow, where SNIP's networks come from


class WideBlock(nn.Module):
    """Batch norm, ReLU, 3x3 convolution, twice; a 1x1 convolution where the channels change.

    That shortcut starts from the activated input, an identity shortcut from the input itself.
    """

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels, eps=EPS)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1)
        self.bn2 = nn.BatchNorm2d(out, eps=EPS)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        same = stride == 1 and channels == out
        self.shortcut = None if same else nn.Conv2d(channels, out, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to (N, out, H / stride, W / stride)."""
        active = self.relu1(self.bn1(features))
        residual = self.conv2(self.relu2(self.bn2(self.conv1(active))))
        return residual + (features if self.shortcut is None else self.shortcut(active))


def wide_resnet(
    depth: int, factor: int, classes: int, in_shape: Shape, width: float, network: str
) -> nn.Module:
    """Return the wide ResNet of `depth` layers with ``16 x factor`` channels in its first stage.

    Parameters
    ----------
    depth, factor : int
        ``depth = 6 n + 4`` with n blocks a stage, and the widening factor k of WRN-depth-k.
    classes, in_shape, width
        As in `common.models.build`; `width` applies to the stem as well.
    network : str
        The network's name, for refusals.
    """
    at_least(in_shape, 4, network)
    stem = channels = scaled(16, width)
    net = nn.Sequential()
    net.add_module("conv0", nn.Conv2d(in_shape[0], stem, 3, 1, 1))
    for stage in range(3):
        group, out = nn.Sequential(), scaled(16 * factor * 2**stage, width)
        for block in range((depth - 4) // 6):
            group.append(WideBlock(channels, out, 2 if stage and block == 0 else 1))
            channels = out
        net.add_module(f"group{stage + 1}", group)
    net.add_module("bn", nn.BatchNorm2d(channels, eps=EPS))
    net.add_module("relu", nn.ReLU())
    net.add_module("average", nn.AdaptiveAvgPool2d(1))
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(channels, classes))
    return net


def wrn_16_8(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return WRN-16-8 (10,954,160 weights, 4,506 biases). Parameters as in `build`."""
    return wide_resnet(16, 8, classes, in_shape, width, "wrn_16_8")


def wrn_16_10(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return WRN-16-10 (17,107,632 weights, 5,626 biases). Parameters as in `build`."""
    return wide_resnet(16, 10, classes, in_shape, width, "wrn_16_10")


def wrn_22_8(classes: int = 10, in_shape: Shape = (3, 32, 32), width: float = 1.0) -> nn.Module:
    """Return WRN-22-8 (17,147,312 weights, 6,298 biases). Parameters as in `build`."""
    return wide_resnet(22, 8, classes, in_shape, width, "wrn_22_8")
