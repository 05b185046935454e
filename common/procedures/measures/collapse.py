"""How far a network can be compressed before a layer, or the way through it, is lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from common.models import build, initialise_
from common.procedures.measures.flow import cut, scorer
from common.procedures.stage import Found, Stage
from common.pruning import Masks, effective, prunable, score

STEP = 0.25  # of the grid, in powers of ten of the compression
CLASSES = (10, 100, 200)  # CIFAR-10, CIFAR-100, Tiny ImageNet


def alphas(weights: int, layers: int) -> list[float]:
    """Return the grid of log10 compressions: every 0.25 below log10(weights / layers), then that.

    Examples
    --------
    >>> alphas(20, 2)
    [0.25, 0.5, 0.75, 1.0]
    """
    last = math.log10(weights / layers)
    grid = [STEP * k for k in range(1, math.ceil(last / STEP - 1e-9))]
    return [*grid, last]


def critical_compression(stage: Stage) -> Found:
    """Return where on the grid of compressions the arm's criterion first collapses.

    The grid is that of `alphas`. A criterion that scores once is scored once and cut at every
    point; an iterated one is run anew towards each.

    Returns
    -------
    rows
        All in log10 of the compression: ``mask alpha_max``, the maximum, one weight a layer;
        ``mask alpha_empty``, the first point with a layer without a weight, and ``mask
        alpha_path``, the first without a path from input to output, each the maximum where there
        is none; ``mask alpha_left`` = alpha_max - alpha_path. The last two are left out where
        paths are not known.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), section 3: critical and maximal compression.
    """
    model = stage.model()
    weights = prunable(model)
    grid = alphas(sum(weight.numel() for weight in weights.values()), len(weights))
    masks_at = _cutter(stage, model)
    first: dict[str, float] = {}
    for alpha in grid:
        masks = masks_at(10**-alpha)
        if any(kept == 0 for kept, _ in masks.counts().values()):
            first.setdefault("empty", alpha)
        if "path" not in first and _has_path(stage, model, masks) is False:
            first["path"] = alpha
        if len(first) == 2:
            break
    rows: Found = [
        ("mask", "alpha_max", grid[-1]),
        ("mask", "alpha_empty", first.get("empty", grid[-1])),
    ]
    if _has_path(stage, model, Masks.full(model)) is None:
        return rows
    path = first.get("path", grid[-1])
    return [*rows, ("mask", "alpha_path", path), ("mask", "alpha_left", grid[-1] - path)]


def _cutter(stage: Stage, model: torch.nn.Module) -> Callable[[float], Masks]:
    """Return a function from a density to the arm's masks of `model`."""
    options, scores = scorer(stage, model)
    if options.steps > 1:
        return lambda density: stage.masks(model, density=density)
    found = scores(None)
    return lambda density: cut(found, density, options)


def _has_path(stage: Stage, model: torch.nn.Module, masks: Masks) -> bool | None:
    """Return whether a path leads through the masks, None where paths are not known."""
    on_path = effective(model, masks, stage.data.in_shape)
    return None if on_path is None else on_path.kept > 0


def first_to_empty(stage: Stage) -> Found:
    """Return which layer one-shot pruning by the arm's scores empties first.

    Masks cut from one set of scores are nested, so it is the layer whose largest score is lowest.

    Returns
    -------
    rows
        ``mask first_empty``: its number, the first layer being 1; ``mask first_empty_size``: its
        weights.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 2.
    """
    _, scores = scorer(stage, stage.model())
    found = list(scores(None).values())
    tops = [float(score.max()) for score in found]
    first = tops.index(min(tops))
    return [
        ("mask", "first_empty", first + 1.0),
        ("mask", "first_empty_size", float(found[first].numel())),
    ]


def maximal_compression(stage: Stage) -> Found:
    """Return what is left of the network where as many weights are kept as it has layers.

    Returns
    -------
    rows
        ``mask survives``: 1 if every layer keeps a weight and a path is left (where paths are not
        known, the former alone); ``mask layers_alive``: layers with a weight; ``mask kept``.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), theorem 3.
    """
    model = stage.model()
    sizes = [weight.numel() for weight in prunable(model).values()]
    masks = stage.masks(model, density=len(sizes) / sum(sizes))
    alive = sum(kept > 0 for kept, _ in masks.counts().values())
    survives = alive == len(sizes) and _has_path(stage, model, masks) is not False
    return [
        ("mask", "survives", float(survives)),
        ("mask", "layers_alive", float(alive)),
        ("mask", "kept", float(masks.kept)),
    ]


def data_bits(stage: Stage) -> Found:
    """Return how many mask bits change when noise takes the place of the data.

    The network, the density and the random streams are the same; the noise is standard normal, of
    the images' shape, with labels drawn at random (stream ``noise``).

    Returns
    -------
    rows
        ``mask data_bits``: a count; 0 says that the masks need no data.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), section 6.
    """
    model = stage.model()
    draw = stage.stream("noise")
    batches = [
        (
            torch.randn(images.shape, generator=draw).to(images),
            torch.randint(stage.data.classes, labels.shape, generator=draw).to(labels.device),
        )
        for images, labels in stage.scoring_batches()
    ]
    seen, unseen = stage.masks(model), stage.masks(model, batches=batches)
    changed = sum(int((mask != unseen[name]).sum()) for name, mask in seen.items())
    return [("mask", "data_bits", float(changed))]


def class_collapse(stage: Stage) -> Found:
    """Return where magnitude pruning empties a layer, for several numbers of classes.

    The network of the arm is built for 10, 100 and 200 classes and initialised; no data is used.

    Returns
    -------
    rows
        ``mask alpha_empty:<classes>``: the first point of the grid of `alphas` with a layer
        without a weight, in log10 of the compression (the maximum if there is none); ``mask
        alpha_first:<classes>``: the number of the layer that empties first, from 1.
    """
    settings = stage.settings
    rows: Found = []
    for classes in CLASSES:
        model = build(
            settings.model, classes=classes, in_shape=stage.data.in_shape, width=settings.width
        )
        initialise_(model, settings.init, stage.stream("init"), sd=settings.init_sd)
        alpha, layer = empties(score(model, "magnitude"))
        rows.append(("mask", f"alpha_empty:{classes}", alpha))
        rows.append(("mask", f"alpha_first:{classes}", float(layer)))
    return rows


def empties(scores: Mapping[str, Tensor]) -> tuple[float, int]:
    """Return the first log10 compression of the grid at which a layer is empty, and its number.

    By ranks: a layer is empty once no more weights are kept than score above its largest. The
    maximum is returned where no layer is.

    Examples
    --------
    >>> empties({"a": torch.arange(1.0, 101.0), "b": torch.tensor([0.5])})
    (0.25, 2)
    """
    tops = [float(score.max()) for score in scores.values()]
    layer = tops.index(min(tops))
    above = sum(int((score > tops[layer]).sum()) for score in scores.values())
    total = sum(score.numel() for score in scores.values())
    grid = alphas(total, len(scores))
    found = next((alpha for alpha in grid if round(total * 10**-alpha) <= above), grid[-1])
    return found, layer + 1
