"""Training images set aside for validation."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Generator, Tensor

from common.errors import Refused


def holdout(n: int, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return the indices of the images to train on and of those held out for validation.

    The held-out count is `share` x `n` in exact decimal arithmetic, rounded half to even. Which
    images, is drawn from `generator`: one permutation, whatever the share, so a larger share
    holds out the images of a smaller one and more.

    Parameters
    ----------
    n : int
        Number of images.
    share : float
        In [0, 1); 0 holds out none.
    generator : Generator
        On the CPU.

    Returns
    -------
    train, validation : Tensor
        int64, disjoint, together 0..n-1, each ascending.

    Raises
    ------
    Refused
        If the share is outside [0, 1), or leaves no image on a side that should have some.
    """
    if not 0 <= share < 1:
        raise Refused(f"holdout {share} must lie in [0, 1)")
    count = round(Fraction(str(share)) * n)
    if count >= n or (share > 0 and count == 0):
        raise Refused(f"holdout {share} of {n} images leaves {n - count} to train, {count} aside")
    order = torch.randperm(n, generator=generator)
    return order[count:].sort().values, order[:count].sort().values
