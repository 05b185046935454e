"""Identities and conservation laws of scores."""

from __future__ import annotations

import torch
from torch.func import functional_call
from torch.nn import functional as F

from common.procedures.stage import Found, Stage
from common.pruning import prunable, score


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
