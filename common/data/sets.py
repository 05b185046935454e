"""What a data set is, and how one is loaded by name."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass

import torch
from torch import Tensor

from common import names
from common.errors import Refused, unknown


@dataclass(frozen=True)
class Split:
    """Labelled images.

    Attributes
    ----------
    images : Tensor
        (N, C, H, W), uint8, pixel values 0..255.
    labels : Tensor
        (N,), int64, class of each image.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        """Refuse tensors that are not N labelled uint8 images."""
        if self.images.ndim != 4 or self.images.dtype != torch.uint8:
            raise Refused(
                f"images must be uint8 of shape (N, C, H, W), not {self.images.dtype} of shape "
                f"{tuple(self.images.shape)}"
            )
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != torch.int64:
            raise Refused(
                f"labels must be int64 of shape ({len(self.images)},), not {self.labels.dtype} of "
                f"shape {tuple(self.labels.shape)}"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def take(self, indices: Tensor) -> Split:
        """Return a copy of the images and labels at `indices` ((n,), int64), in that order."""
        return Split(self.images.index_select(0, indices), self.labels.index_select(0, indices))


@dataclass(frozen=True)
class Data:
    """A data set.

    Attributes
    ----------
    name : str
        As in `common.names.DATA`.
    train, test : Split
        Training and test images; they share C, H and W.
    classes : int
        Labels lie in 0..classes-1.
    mean, sd : tuple of float
        Mean and standard deviation of the pixels of all training images, one value a channel,
        in units of [0, 1].
    """

    name: str
    train: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load(name: str) -> Data:
    """Return the data set `name`, memory-mapped from its tensor file, which is made on first use.

    Raises
    ------
    Refused
        If the name is unknown, or its files are missing or not the right ones.
    """
    if name not in names.DATA:
        raise unknown("data set", name, names.DATA)
    return pkgutil.resolve_name(names.DATA[name])()
