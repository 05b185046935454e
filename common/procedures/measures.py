"""What can be measured on masks and scores without training: one function a measure.

Each takes the stage of a run and returns rows of (split, metric, value).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from common.procedures.prune_then_train import mask_rows
from common.procedures.stage import Stage
from common.pruning import prunable, score

Found = list[tuple[str, str, float]]
GOOD_CLASSES = 8  # of ten, for a set of class masks to count as good (claim SNIP-12)


def counts(stage: Stage) -> Found:
    """Return how many weights are kept, and by how many that misses kappa.

    Returns
    -------
    rows
        ``mask kept`` (count), ``mask prunable`` (m) and ``mask excess`` = kept - round(m d), the
        product formed as the authors do where biases count.

    References
    ----------
    Lee, Ajanthan, Torr (2019), eq. 7; m counts biases where the reading does.
    """
    masks = stage.masks(stage.model())
    density = stage.settings.density
    # Written out, so that it bears witness to the rounding of allocation.
    counted = stage.settings.scoring.biases == "counted"
    share = 1.0 - (1.0 - density) if counted else density
    excess = masks.kept - round(masks.total * share)
    return [
        ("mask", "kept", float(masks.kept)),
        ("mask", "prunable", float(masks.total)),
        ("mask", "excess", float(excess)),
    ]


def layer_density(stage: Stage) -> Found:
    """Return the densities of the mask: in all, effective, and per parameter, in (0, 1]."""
    model = stage.model()
    rows = mask_rows(stage.masks(model), model, stage.data.in_shape)
    return [(row.split, row.metric, row.value) for row in rows]


def multiplier_identity(stage: Stage) -> Found:
    """Return the largest difference of dL/dc at c = 1 and w dL/dw, over the largest score.

    The multipliers c are attached for real: the network runs with c * w and is differentiated by
    c. ``score_float32`` and ``score_float64`` say in which arithmetic.

    References
    ----------
    Lee, Ajanthan, Torr (2019), eq. 5 and 6.
    """
    found: Found = []
    batches = stage.scoring_batches()
    images, labels = batches[0]
    for dtype in (torch.float32, torch.float64):
        model = stage.model().to(dtype).eval()
        weights = {name: p.detach() for name, p in prunable(model).items()}
        ones = {name: torch.ones_like(w, requires_grad=True) for name, w in weights.items()}
        product = {name: ones[name] * weights[name] for name in weights}
        logits = functional_call(model, product, (images.to(dtype),))
        loss = F.cross_entropy(logits, labels)
        by_multiplier = torch.autograd.grad(loss, list(ones.values()))
        shown = score(model, "snip", batches=[(images.to(dtype), labels)])
        largest = max(float(value.max()) for value in shown.values())
        apart = max(
            float((g.abs() - shown[name]).abs().max())
            for name, g in zip(ones, by_multiplier, strict=True)
        )
        found.append(("score", f"identity_{str(dtype).removeprefix('torch.')}", apart / largest))
    return found


def conservation(stage: Stage) -> Found:
    """Return the spread of the layers' signed score sums, over their mean magnitude.

    With ReLU, linear and max-pooling layers, zero biases and batch norm in inference mode, the
    signed sum of w dL/dw is the same in every layer of a chain; only rounding spreads it.
    """
    model = stage.model().double().eval()
    images, labels = stage.scoring_batches()[0]
    weights = prunable(model)
    loss = F.cross_entropy(model(images.double()), labels)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    sums = torch.stack(
        [(w * g).sum().detach() for w, g in zip(weights.values(), gradients, strict=True)]
    )
    return [("score", "conservation_spread", float((sums.max() - sums.min()) / sums.abs().mean()))]


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
