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


def check_ablation(name: str) -> None:
    """Refuse an ablation that is not in ``names.ABLATIONS``."""
    if name not in names.ABLATIONS:
        raise unknown("ablation", name, names.ABLATIONS)
