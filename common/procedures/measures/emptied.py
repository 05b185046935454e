"""What is left of a network when one of its layers is emptied."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from common import data as datasets
from common.procedures.stage import Found, Stage
from common.pruning import Masks, Network, prunable


def emptied(stage: Stage) -> Found:
    """Return what the loss and the logits still see, each layer but the last emptied in turn.

    The rest of the network keeps the arm's mask. A batch of test images, one of each class
    (stream ``emptied``), batch norm in training mode, double precision.

    Returns
    -------
    rows
        ``emptied gradient``: the largest magnitude of the loss's gradient with respect to any
        parameter but the last layer's bias; ``emptied spread``: the largest range of a logit over
        the images, each the largest over all layers; ``emptied error``: the error (points)
        that is furthest from chance. Where gradients and spread are 0, training changes nothing
        but that bias, so that one class is predicted for every image at every step.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081): a VGG without skips cannot lose a layer.
    """
    (images, labels), *_ = datasets.scoring_batches(
        stage.data.test, stage.data.classes, 1, stage.stream("emptied"),
        mean=stage.data.mean, sd=stage.data.sd, sampling="balanced",
        pixels=stage.settings.pixels, device=stage.device,
    )  # fmt: skip
    model, masks = stage.model(), stage.path[-1]
    chance = 100 - 100 / stage.data.classes
    gradient, spread, error = 0.0, 0.0, chance
    free = list(dict(model.named_parameters()))[:-1]
    for name in list(prunable(model))[:-1]:
        without = Masks({n: torch.zeros_like(m) if n == name else m for n, m in masks.items()})
        network = Network(model, norm_mode="train", dtype="float64", masks=without)
        others = {n: network.fixed[n].requires_grad_() for n in free if n in network.fixed}
        leaves = [*network.weights.values(), *others.values()]
        with network.scoring():
            logits = network(images, others)
            loss = F.cross_entropy(logits, labels)
            gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
        gradient = max([gradient, *(float(g.abs().max()) for g in gradients)])
        logits = logits.detach()
        spread = max(spread, float((logits.amax(0) - logits.amin(0)).max()))
        wrong = 100 * float((logits.argmax(1) != labels).double().mean())
        error = wrong if abs(wrong - chance) > abs(error - chance) else error
    return [
        ("emptied", "gradient", gradient),
        ("emptied", "spread", spread),
        ("emptied", "error", error),
    ]
