"""Random flips and shifts of whole batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from common.errors import unknown

REACH = 4  # pixels: the largest shift in each direction

# Name -> what each image undergoes.
AUGMENTATIONS = {
    "none": "nothing",
    "flip_shift": "flip with p 1/2; shift of -4..4 px each way, over zeros after normalisation",
    "flip_crop": "flip with p 1/2; crop after padding by 4 black pixels (before normalisation)",
    "some_of_flip_shift": "0, 1 or 2 of {flip with p 1/2, shift as in flip_shift}, equally likely",
}


@dataclass(frozen=True)
class Moves:
    """How each of n images moves; all on the CPU.

    Attributes
    ----------
    flip : Tensor
        (n,), bool: mirrored left to right, before it is shifted.
    down, right : Tensor
        (n,), int64, pixels in -4..4.
    """

    flip: Tensor
    down: Tensor
    right: Tensor

    def __getitem__(self, part: slice) -> Moves:
        """Return the moves of some of the images."""
        return Moves(self.flip[part], self.down[part], self.right[part])


def draw_moves(augment: str, n: int, generator: Generator) -> Moves | None:
    """Return the moves of `n` images, None for ``"none"``; see `AUGMENTATIONS`.

    Parameters
    ----------
    augment : str
        A name in `AUGMENTATIONS`. ``some_of_flip_shift`` is what the authors of SNIP run
        (``snip/augment.py``: imgaug's ``SomeOf((0, None), ...)``): the number of transformations
        is uniform in {0, 1, 2}, so each is picked with p 1/2, both with p 1/3, and an image is
        mirrored with p 1/4. Their random order changes no distribution: flip and shift commute
        but for the sign of a symmetric draw.
    n : int
        Number of images.
    generator : Generator
        On the CPU.

    Raises
    ------
    Refused
        If the name is unknown.
    """
    if augment not in AUGMENTATIONS:
        raise unknown("augmentation", augment, AUGMENTATIONS)
    if augment == "none":
        return None
    flip = torch.rand(n, generator=generator) < 0.5
    down, right = torch.randint(-REACH, REACH + 1, (2, n), generator=generator)
    if augment == "some_of_flip_shift":
        count = torch.randint(3, (n,), generator=generator)
        first = torch.rand(n, generator=generator) < 0.5  # which one, where it is only one
        flip = flip & ((count == 2) | ((count == 1) & first))
        shifted = (count == 2) | ((count == 1) & ~first)
        down, right = down * shifted, right * shifted
    return Moves(flip, down, right)


def move(images: Tensor, moves: Moves, fill: Tensor | None = None) -> Tensor:
    """Return `images` flipped and shifted, on their device.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), normalised; not changed.
    moves : Moves
        Of these B images.
    fill : Tensor, optional
        (1, C, 1, 1), what comes in over the border; zero if not given.
    """
    batch, channels, height, width = images.shape
    device = images.device
    if fill is None:
        fill = images.new_zeros(1, channels, 1, 1)
    padded = fill.expand(batch, channels, height + 2 * REACH, width + 2 * REACH).contiguous()
    inner = padded[:, :, REACH:-REACH, REACH:-REACH].copy_(images)
    # Found on the CPU, where the moves are: on a GPU `nonzero` would wait for all queued work.
    mirrored = moves.flip.nonzero().squeeze(1).to(device, non_blocking=True)
    inner.index_copy_(0, mirrored, images.index_select(0, mirrored).flip(3))
    top = (REACH - moves.down).to(device, non_blocking=True)
    left = (REACH - moves.right).to(device, non_blocking=True)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (B, C, 9, 9, H, W)
    return windows[torch.arange(batch, device=device), :, top, left]
