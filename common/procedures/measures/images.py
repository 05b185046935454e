"""Masks of a first fully connected layer as images, against the images of the data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from common.procedures.stage import Found, Stage
from common.pruning import prunable

GOOD_CLASSES = 8  # of ten, for a set of class masks to count as good (claim SNIP-12)


def first_layer_image(masks: Mapping[str, Tensor], model: nn.Module) -> Tensor:
    """Return the share of kept weights of each input pixel of a fully connected first layer.

    Returns
    -------
    Tensor
        Float64 (pixels,), the mean of the first mask's columns over its units.
    """
    name = next(iter(prunable(model)))
    return masks[name].double().mean(0).flatten().cpu()


def mask_image(stage: Stage) -> Found:
    """Return the first layer's mask as an image, ``image pixel:<row-major index>`` in [0, 1].

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 2 and 3.
    """
    model = stage.model()
    image = first_layer_image(stage.masks(model), model)
    return [("image", f"pixel:{index}", float(value)) for index, value in enumerate(image)]


def image_correlation(stage: Stage) -> Found:
    """Return Pearson's r of the mask image and the mean training image, ``image correlation``."""
    model = stage.model()
    image = first_layer_image(stage.masks(model), model)
    return [("image", "correlation", _pearson(image, _mean_image(stage.training.images)))]


def class_images(stage: Stage) -> Found:
    """Return how well masks scored on one class alone draw that class.

    Every class has its own fresh network (streams ``init_class_<c>``) and is scored on images of
    the class alone.

    Returns
    -------
    rows
        ``image hits``: classes whose mask image correlates best with their own class mean;
        ``image good``: 1 if at least eight of ten do; ``image own`` and ``image other``: mean
        Pearson's r with the own and with the other class means.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 2.
    """
    split = stage.splits[0]
    means = [_mean_image(split.images[split.labels == c]) for c in range(stage.data.classes)]
    hits, own, other = 0, 0.0, 0.0
    for c in range(stage.data.classes):
        model = stage.model(f"init_class_{c}")
        image = first_layer_image(stage.masks(model, c), model)
        matches = torch.tensor([_pearson(image, mean) for mean in means])
        hits += int(matches.argmax()) == c
        own += float(matches[c]) / len(means)
        other += float(matches.sum() - matches[c]) / (len(means) - 1) / len(means)
    good = float(hits >= GOOD_CLASSES)
    return [
        ("image", "hits", float(hits)),
        ("image", "good", good),
        ("image", "own", own),
        ("image", "other", other),
    ]


def _mean_image(images: Tensor) -> Tensor:
    return images.double().mean(0).flatten()


def _pearson(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])
