"""From scores to masks: how many weights each layer keeps, and which."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from common.errors import Refused, unknown
from common.pruning.masks import Masks

Ties = Literal["lower_index", "keep", "drop"]
Count = Callable[[int, float], int]  # (weights, density) -> weights kept
Unit = tuple[tuple[str, ...], int]  # parameters that compete, and how many they keep together


class Degenerate(RuntimeError):
    """Scores that rank nothing (NaN): a result to be recorded, not a crash."""


def half_even(total: int, density: float) -> int:
    """Return ``total * density`` rounded half to even."""
    return round(total * density)


def floor(total: int, density: float) -> int:
    """Return ``total * density`` rounded down (naver/force, mil-ad/snip)."""
    return int(total * density)


def of_sparsity(total: int, density: float) -> int:
    """Return kappa as SNIP's authors compute it: ``round(total * (1. - sparsity))``.

    Their setting is the sparsity, so the density is what is left of 1 in double precision: 1 - .95
    is .05 + 4e-17, and of 266,610 parameters 13,330.500000000013, hence 13,331, are kept, where
    266,610 x .05 is exactly 13,330.5, hence 13,330.

    References
    ----------
    namhoonlee/snip-public, mask.py.
    """
    return round(total * (1.0 - (1.0 - density)))


def floor_removed(total: int, density: float) -> int:
    """Return what is left when ``total * sparsity``, rounded down, is removed (SynFlow's code).

    References
    ----------
    ganguli-lab/Synaptic-Flow, Pruners/pruners.py.
    """
    return total - int((1.0 - density) * total)


def one_more(total: int, density: float) -> int:
    """Return the count of GraSP's code: the first of the removed serves as threshold and stays.

    Its setting is the sparsity, from which a kept share and then a share to remove are formed.

    References
    ----------
    alecwangcq/GraSP, pruner/GraSP.py.
    """
    return min(total, total - int(total * (1 - (1 - (1 - density)))) + 1)


def ceil_removed(total: int, density: float) -> int:
    """Return what is left when ``total * sparsity``, rounded up, is removed.

    What the missing-the-mark code keeps where it removes the highest scores, as for GraSP. Over
    several steps the rule counts what the step before has left, see :func:`of_what_is_left`.

    References
    ----------
    The authors' fork of facebookresearch/open_lth, utils/tensor_utils.py (Frankle et al. 2021).
    """
    return total - math.ceil((1.0 - density) * total)


def one_fewer(total: int, density: float) -> int:
    """Return one less than `ceil_removed`: there the score at the threshold goes as well.

    What the missing-the-mark code keeps where it removes the lowest scores.
    """
    return max(0, ceil_removed(total, density) - 1)


ROUNDINGS: dict[str, Count] = {
    "half_even": half_even,
    "floor": floor,
    "of_sparsity": of_sparsity,
    "floor_removed": floor_removed,
    "one_more": one_more,
    "ceil_removed": ceil_removed,
    "one_fewer": one_fewer,
}
OF_WHAT_IS_LEFT = ("ceil_removed", "one_fewer")  # counted anew at every step
TIES: tuple[Ties, ...] = ("lower_index", "keep", "drop")
ALLOCATIONS = ("global", "layerwise", "er", "erk", "smart_ratio", "smart_ratio_vgg")
SMART_LINEAR = 0.3  # density of linear layers under the smart ratio


def allocate(
    scores: Mapping[str, Tensor],
    density: float,
    allocation: str | Mapping[str, int] = "global",
    *,
    ties: Ties = "lower_index",
    rounding: str | Count = "half_even",
    alive: Masks | None = None,
) -> Masks:
    """Return the masks that keep the highest `scores`.

    Parameters
    ----------
    scores : mapping of parameter name to Tensor
        Larger = keep. Its order settles ties.
    density : float
        Share of the scored weights to keep, in (0, 1].
    allocation : one of ALLOCATIONS, or mapping of name to int
        ``"global"``: one threshold; else a density for every layer, see :func:`layer_densities`; or
        the number that each layer keeps, `density` then being unused.
    ties : {"lower_index", "keep", "drop"}
        Of scores equal at the threshold keep the first in order, so that the count is exact; or
        keep them all (every score >= the lowest to be kept), which may keep more; or none (every
        score > the highest to be removed), which may keep fewer.
    rounding : one of ROUNDINGS, or callable
        How each unit of allocation (the network or the layer) gets its whole number of weights;
        a callable maps (weights, density) to it. All but the first are those of released codes.
    alive : Masks, optional
        Only weights kept there compete; the others stay pruned.

    Raises
    ------
    Refused
        If the density, allocation, ties or rounding is not one of the above.
    Degenerate
        If a score is NaN.

    Examples
    --------
    >>> masks = allocate({"w": torch.tensor([1.0, 0.5, 0.5, 0.25])}, density=0.5)
    >>> masks["w"].tolist()
    [True, True, False, False]
    """
    if ties not in TIES:
        raise unknown("treatment of ties", ties, TIES)
    bad = [name for name, score in scores.items() if score.isnan().any()]
    if bad:
        raise Degenerate(f"the scores of {', '.join(bad)} contain NaN")
    masks: dict[str, Tensor] = {}
    for names, kept in units(_shapes(scores), density, allocation, rounding):
        flat = torch.cat([scores[name].detach().flatten() for name in names])
        if alive is None:
            chosen = _highest(flat, kept, ties)
        else:
            living = torch.cat([alive[name].flatten() for name in names]).to(flat.device)
            chosen = torch.zeros_like(living)
            chosen[living] = _highest(flat[living], kept, ties)
        parts = chosen.split([scores[name].numel() for name in names])
        masks |= {
            name: part.view(scores[name].shape).clone()
            for name, part in zip(names, parts, strict=True)
        }
    return Masks({name: masks[name] for name in scores})


def units(
    shapes: Mapping[str, tuple[int, ...]],
    density: float,
    allocation: str | Mapping[str, int] = "global",
    rounding: str | Count = "half_even",
) -> list[Unit]:
    """Return the units of allocation: the parameters that compete, and how many they keep.

    The number kept is rounded once per unit: once for the network with ``"global"``, else once
    per layer, so that layer-wise totals may differ from the global one by half a weight a layer.
    """
    check_density(density)
    if callable(rounding):
        count = rounding
    elif rounding in ROUNDINGS:
        count = ROUNDINGS[rounding]
    else:
        raise unknown("rounding", rounding, ROUNDINGS)
    sizes = {name: int(torch.Size(shape).numel()) for name, shape in shapes.items()}
    if isinstance(allocation, Mapping):
        if set(allocation) != set(sizes):
            raise Refused(
                f"counts were given for {', '.join(sorted(allocation))}; "
                f"the scored parameters are {', '.join(sorted(sizes))}"
            )
        over = [name for name, size in sizes.items() if not 0 <= allocation[name] <= size]
        if over:
            raise Refused(
                f"{over[0]!r} cannot keep {allocation[over[0]]} of its {sizes[over[0]]} weights"
            )
        return [((name,), allocation[name]) for name in sizes]
    if allocation == "global":
        return [(tuple(sizes), count(sum(sizes.values()), density))]
    densities = layer_densities(shapes, density, allocation)
    return [((name,), count(size, densities[name])) for name, size in sizes.items()]


def layer_densities(
    shapes: Mapping[str, tuple[int, ...]], density: float, allocation: str
) -> dict[str, float]:
    """Return the density of each layer, in (0, 1].

    ``"layerwise"``: `density` everywhere. ``"er"``: proportional to (n_out + n_in) / (n_out n_in);
    ``"erk"``: to the sum of all dimensions over their product. Both are scaled to the overall
    density; while a layer would exceed 1, the one with the largest share is made dense and the
    rest is solved again. ``"smart_ratio"``: see :func:`smart_densities`; ``"smart_ratio_vgg"`` is
    its form for VGG.

    Raises
    ------
    Refused
        If the allocation is unknown, or a parameter has a single dimension (a bias) under ER, ERK.

    References
    ----------
    Evci et al. 2020 (arXiv 1911.11134), section 3, and google-research/rigl, sparse_utils.py; for
    random masks Liu et al. 2022 (arXiv 2202.02643).

    Examples
    --------
    >>> shapes = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    >>> [round(d, 4) for d in layer_densities(shapes, 0.1, "erk").values()]
    [0.0796, 0.2302, 1.0]
    """
    if allocation not in ALLOCATIONS[1:]:
        raise unknown("allocation", allocation, ALLOCATIONS)
    if allocation == "layerwise":
        return dict.fromkeys(shapes, density)
    if allocation.startswith("smart_ratio"):
        return smart_densities(shapes, density, vgg=allocation.endswith("vgg"))
    share, size = {}, {}
    for name, shape in shapes.items():
        if len(shape) < 2:
            raise Refused(f"allocation {allocation!r} has no density for {name!r}: it is a vector")
        sides = shape if allocation == "erk" else shape[:2]
        share[name] = sum(sides) / torch.Size(sides).numel()
        size[name] = torch.Size(shape).numel()
    dense: set[str] = set()
    while len(dense) < len(shapes):
        left = density * sum(size.values()) - sum(size[name] for name in dense)
        rest = [name for name in shapes if name not in dense]
        scale = left / sum(share[name] * size[name] for name in rest)
        largest = max(rest, key=share.__getitem__)
        if scale * share[largest] <= 1:
            return {name: 1.0 if name in dense else scale * share[name] for name in shapes}
        dense.add(largest)
    return dict.fromkeys(shapes, 1.0)


def smart_densities(
    shapes: Mapping[str, tuple[int, ...]], density: float, *, vgg: bool = False
) -> dict[str, float]:
    """Return the smart ratio: densities that fall from the first layer to the last, in [0, 1].

    Linear layers keep 0.3 of their weights. Layer l of L, linear ones and shortcuts included, in
    the order of `shapes`, has the share k^2 + k with k = L - l + 1, divided by l^2 for VGG; the
    shares of the convolutions are scaled to what the overall density leaves them. From the first
    layer on, what a convolution cannot hold goes to the convolutions behind it. A network without
    convolutions, of which the authors do not speak, has one density everywhere.

    Raises
    ------
    Refused
        If the linear layers alone would keep more than the density allows.

    References
    ----------
    Su et al. 2020 (arXiv 2009.11094), section 4; JingtongSu/sanity-checking-pruning,
    pruner/SmartRatio.py, which rounds on the way and may so differ by a few weights.

    Examples
    --------
    >>> shapes = {"a": (2, 1, 3, 3), "b": (2, 2, 3, 3), "c": (5, 2)}
    >>> [round(d, 4) for d in smart_densities(shapes, 0.25).values()]
    [0.3611, 0.1806, 0.3]
    """
    size = {name: torch.Size(shape).numel() for name, shape in shapes.items()}
    convolutions = [name for name, shape in shapes.items() if len(shape) > 2]
    if not convolutions:
        return dict.fromkeys(shapes, density)
    linear = sum(size[name] for name in shapes if name not in convolutions)
    left = density * sum(size.values()) - SMART_LINEAR * linear
    if left < 0:
        raise Refused(
            f"the smart ratio keeps {SMART_LINEAR} of linear layers, too much for density {density}"
        )
    share = {}
    for place, name in enumerate(shapes, 1):
        k = len(shapes) - place + 1
        share[name] = (k * k + k) / (place**2 if vgg else 1)
    scale = left / sum(share[name] * size[name] for name in convolutions)
    found = dict.fromkeys(shapes, SMART_LINEAR)
    excess = 0.0  # weights that the layers so far could not hold
    for name in convolutions:
        wanted = scale * share[name] * size[name] + excess
        found[name] = min(1.0, wanted / size[name])
        excess = max(0.0, wanted - size[name])
    return found


def of_what_is_left(rounding: str | Count, share: float, masks: Masks | None) -> str | Count:
    """Return `rounding`, or for a rule of OF_WHAT_IS_LEFT the count that a step of it keeps.

    Parameters
    ----------
    rounding : str or callable
    share : float
        Of the weights that `masks` keep, how much the step keeps.
    masks : Masks or None
        Those in force before the step; None: all weights.
    """
    if rounding not in OF_WHAT_IS_LEFT or masks is None:
        return rounding
    kept = ROUNDINGS[str(rounding)](masks.kept, share)
    return lambda _total, _density: kept


def check_density(density: float) -> None:
    """Refuse a density outside (0, 1]."""
    if not isinstance(density, int | float) or not 0 < density <= 1:
        raise Refused(f"density {density!r} must lie in (0, 1]")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _highest(scores: Tensor, kept: int, ties: Ties) -> Tensor:
    """Return which of the flat `scores` are kept, without sorting them all."""
    kept = min(kept, scores.numel())
    if kept == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    rank = scores.numel() - kept - (ties == "drop")
    if rank < 0:
        return torch.ones_like(scores, dtype=torch.bool)
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        # The value that kthvalue finds, five times sooner.
        threshold = scores.new_tensor(np.partition(scores.numpy(), rank)[rank])
    else:
        threshold = torch.kthvalue(scores, rank + 1).values
    if ties == "keep":
        return scores >= threshold
    chosen = scores > threshold
    if ties == "drop":
        return chosen
    tied = (scores == threshold).nonzero().flatten()
    chosen[tied[: kept - int(chosen.count_nonzero())]] = True
    return chosen
