"""Exact mean and standard deviation of 8-bit pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def histogram(images: Tensor) -> Tensor:
    """Return how often each pixel value occurs in each channel: (C, 256), int64.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), uint8.
    """
    channels = images.shape[1]
    return torch.stack(
        [torch.bincount(images[:, c].reshape(-1), minlength=256) for c in range(channels)]
    )


def moments_of(counts: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and population standard deviation per channel, in units of [0, 1].

    The sums are whole numbers, so the result depends on neither their order nor the threads.

    Parameters
    ----------
    counts : Tensor
        (C, 256), int64, as `histogram` returns it.
    """
    means, sds = [], []
    for row in counts.tolist():
        total = sum(row)
        first = sum(value * count for value, count in enumerate(row))
        second = sum(value * value * count for value, count in enumerate(row))
        means.append(first / total / 255)
        sds.append(math.sqrt(total * second - first * first) / total / 255)
    return tuple(means), tuple(sds)


def moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of `images` ((N, C, H, W), uint8), as `moments_of`."""
    return moments_of(histogram(images))
