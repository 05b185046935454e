"""Sizes: the width factor, the images a network takes, and TensorFlow's SAME padding."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import nn

from common.errors import Refused

Shape = tuple[int, int, int]
Constructor = Callable[[int, Shape, float], nn.Module]


def scaled(channels: int, width: float) -> int:
    """Return ``channels * width`` rounded (half to even), at least 1.

    The factor applies to channels and hidden units, never to a network's inputs or classes.
    """
    return max(1, round(channels * width))


def at_least(in_shape: Shape, side: int, network: str) -> None:
    """Refuse images smaller than `side` pixels, which the pooling layers would shrink to nothing.

    Raises
    ------
    Refused
        If the height or the width is below `side`.
    """
    if min(in_shape[1:]) < side:
        raise Refused(f"in_shape {in_shape}: {network} needs images of at least {side}x{side}")


def one_of(in_shape: Shape, sides: Collection[int], network: str) -> int:
    """Return the side of square images, which must be one of `sides`.

    Raises
    ------
    Refused
        If the images are not square, or of another size.
    """
    _, height, breadth = in_shape
    if height != breadth or height not in sides:
        allowed = " or ".join(f"{side}x{side}" for side in sorted(sides))
        raise Refused(f"in_shape {in_shape}: {network} takes images of {allowed}")
    return height


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after a side of `side` pixels under TensorFlow's SAME rule.

    The output has ceil(side / stride) pixels; an odd zero goes after. PyTorch's own padding is
    symmetric, so a strided convolution of an even side needs the two numbers apart.

    Examples
    --------
    >>> same_padding(32, 11, 2), same_padding(32, 3, 1)
    ((4, 5), (1, 1))
    """
    outputs = -(-side // stride)
    total = max((outputs - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def same_convolution(
    number: int, channels: tuple[int, int], kernel: int, stride: int, side: int
) -> dict[str, nn.Module]:
    """Return the modules ``pad<number>`` (where needed) and ``conv<number>``, a SAME convolution.

    Parameters
    ----------
    number : int
        The layer's number, for the modules' names.
    channels : tuple of int
        Input and output channels.
    kernel, stride, side : int
        In pixels; `side` is that of the (square) input.
    """
    before, after = same_padding(side, kernel, stride)
    if before == after:
        return {f"conv{number}": nn.Conv2d(*channels, kernel, stride, padding=before)}
    return {
        f"pad{number}": nn.ZeroPad2d((before, after, before, after)),
        f"conv{number}": nn.Conv2d(*channels, kernel, stride),
    }
