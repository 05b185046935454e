"""Data sets changed in a stated way: larger, fewer, of one class, with random labels, as rows."""

from __future__ import annotations

import dataclasses

import torch
from torch import Generator, Tensor

from common.data.moments import moments
from common.data.sets import Data, Split
from common.errors import Refused

SHUFFLED_AT_ONCE = 1000  # images whose permutations lie in memory together


def enlarge(data: Data, in_shape: tuple[int, int, int]) -> Data:
    """Return `data` made to fit a network that takes images of `in_shape`.

    Each pixel becomes a square of k x k, with the largest whole k that fits, and zeros (black)
    fill the border, the odd row or column at the bottom or right. One grey channel is repeated
    where the network wants more. Mean and standard deviation are those of the new training
    images. Data that already fits is returned as it is.

    Parameters
    ----------
    data : Data
        Images (c, h, w).
    in_shape : tuple of int
        Channels, height and width (C, H, W) wanted; C = c or c = 1, H >= h, W >= w.

    Raises
    ------
    Refused
        If the images are larger than wanted, or have another number of colour channels.
    """
    channels, height, width = data.in_shape
    if data.in_shape == tuple(in_shape):
        return data
    if channels not in (1, in_shape[0]) or height > in_shape[1] or width > in_shape[2]:
        raise Refused(
            f"data {data.name!r}: images {data.in_shape} cannot be enlarged to {tuple(in_shape)}"
        )
    train, test = (
        Split(_enlarged(split.images, in_shape), split.labels) for split in (data.train, data.test)
    )
    mean, sd = moments(train.images)
    return dataclasses.replace(data, train=train, test=test, mean=mean, sd=sd)


def _enlarged(images: Tensor, in_shape: tuple[int, int, int]) -> Tensor:
    height, width = images.shape[2:]
    factor = min(in_shape[1] // height, in_shape[2] // width)
    larger = images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    top = (in_shape[1] - factor * height) // 2
    left = (in_shape[2] - factor * width) // 2
    result = images.new_zeros((len(images), *in_shape))
    result[:, :, top : top + factor * height, left : left + factor * width] = larger
    return result


def subset(split: Split, size: int, generator: Generator) -> Split:
    """Return `size` of the images, drawn without replacement and kept in their order.

    A smaller subset from an equal generator is part of a larger one.

    Raises
    ------
    Refused
        If there are not so many images.
    """
    if not 1 <= size <= len(split):
        raise Refused(f"subset {size} must lie in 1..{len(split)}, the number of training images")
    chosen = torch.randperm(len(split), generator=generator)[:size]
    return split.take(chosen.sort().values)


def one_class(split: Split, label: int) -> Split:
    """Return the images of class `label` alone.

    Raises
    ------
    Refused
        If there is none.
    """
    chosen = (split.labels == label).nonzero().squeeze(1)
    if len(chosen) == 0:
        raise Refused(f"one_class {label}: no image has this label")
    return split.take(chosen)


def random_labels(split: Split, classes: int, generator: Generator) -> Split:
    """Return the same images, each label drawn anew, uniformly from 0..classes-1.

    References
    ----------
    C. Zhang et al., Understanding deep learning requires rethinking generalization, ICLR 2017:
    the test for memorising.
    """
    labels = torch.randint(classes, (len(split),), generator=generator)
    return Split(split.images, labels.to(split.labels.device))


def shuffled_pixels(split: Split, generator: Generator) -> Split:
    """Return images whose values are permuted, each image by a permutation of its own.

    Colours are permuted along with places, so that an image keeps nothing but its histogram.

    References
    ----------
    Su et al. 2020 (arXiv 2009.11094), sanity checks; JingtongSu/sanity-checking-pruning,
    train_ticket.py.
    """
    shuffled = torch.empty_like(split.images)
    for start in range(0, len(split), SHUFFLED_AT_ONCE):
        part = split.images[start : start + SHUFFLED_AT_ONCE].flatten(1)
        order = torch.rand(part.shape, generator=generator).argsort(1).to(part.device)
        shuffled[start : start + len(part)] = part.gather(1, order).view(
            -1, *split.images.shape[1:]
        )
    return Split(shuffled, split.labels)


def rows(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as sequences of their rows: (N, H, C x W).

    MNIST gives 28 steps of 28 (SNIP, table 2). Channels of a row follow one another.
    """
    return images.transpose(1, 2).flatten(2)


def pixel_sequence(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as sequences of their pixels, row by row: (N, H x W, C)."""
    return images.flatten(2).transpose(1, 2)
