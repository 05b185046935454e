"""What may be done to masks or scores to learn which part of them matters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from common import names
from common.errors import unknown
from common.pruning.masks import Masks


def shuffle(masks: Masks, generator: torch.Generator) -> Masks:
    """Return masks permuted at random within each layer: only the layer densities survive.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), section 5.
    """
    shuffled = {}
    for name, mask in masks.items():
        order = torch.randperm(mask.numel(), generator=generator).to(mask.device)
        shuffled[name] = mask.flatten()[order].view(mask.shape)
    return Masks(shuffled)


def invert(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the scores negated, so that the lowest are kept."""
    return {name: -score for name, score in scores.items()}


def empty_layer(masks: Masks) -> Masks:
    """Return the masks with the parameter in the middle of their order emptied.

    In the VGGs that is a convolution, in the residual networks one on a branch beside a skip.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081): what an empty layer does to a VGG and to a ResNet.
    """
    middle = list(masks)[(len(masks) - 1) // 2]
    return Masks({n: torch.zeros_like(m) if n == middle else m for n, m in masks.items()})


def check_ablation(name: str) -> None:
    """Refuse an ablation that is not in ``names.ABLATIONS``."""
    if name not in names.ABLATIONS:
        raise unknown("ablation", name, names.ABLATIONS)
