"""Error and loss of a network on labelled images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Return ``{"error": points, "loss": mean cross-entropy}`` of `model` in evaluation mode.

    Parameters
    ----------
    model : nn.Module
        Its mode (train or eval) is as before afterwards.
    batches : iterable of (images, labels)
        Network input, float32 (N, C, H, W), and int64 (N,), on the model's device.

    Returns
    -------
    dict
        ``error`` in points (0-100), ``loss`` in nats; both over all examples.
    """
    was_training = model.training
    model.eval()
    count = 0
    wrong: Tensor | int = 0
    loss: Tensor | float = 0.0
    for images, labels in batches:
        logits = model(images)
        wrong = wrong + (logits.argmax(1) != labels).sum()
        loss = loss + F.cross_entropy(logits, labels, reduction="sum").double()
        count += len(labels)
    model.train(was_training)
    return {"error": 100.0 * float(wrong) / count, "loss": float(loss) / count}
