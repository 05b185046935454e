"""GraSP: the change of the gradient's norm by removing a weight, from a Hessian-gradient product.

References
----------
Wang, Zhang, Grosse 2020 (arXiv 2002.07376), section 4; alecwangcq/GraSP, pruner/GraSP.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from common.pruning.criteria import mean_gradients
from common.pruning.criterion import Batch, Loss, Options, Reduction, Scores, criterion
from common.pruning.network import Network
from common.pruning.norm import TwiceDifferentiableNorm

# Both readings: the released code divides the logits by 200 and leaves batch norm in training mode.
TEMPERED = {"temperature": 200.0, "norm_mode": "train"}
# The authors remove int(n sparsity) weights but keep the threshold itself and whatever equals it.
AUTHORS = {"rounding": "one_more", "ties": "keep"}


def hessian_gradient(
    network: Network, batches: Iterable[Batch], loss: Loss, reduction: Reduction = "joint"
) -> dict[str, Tensor]:
    """Return H g at the masked weights, exactly, by differentiating <g, dL/dw> again.

    H and g are over the prunable weights alone. A single batch takes one pass whose graph is
    differentiated once more; several take a pass for g before.

    Parameters
    ----------
    network, loss
        See :mod:`common.pruning.criteria`.
    batches : iterable of (images, labels)
        Read twice where there are several.
    reduction : {"joint", "per_batch"}
        H and g of the mean loss over all batches, or the average over batches of each one's own
        H g.

    Raises
    ------
    Refused
        If there is no batch.
    """
    batches = batches if isinstance(batches, Sequence) else list(batches)
    leaves = list(network.weights.values())
    direction: list[Tensor] = []
    if reduction == "joint" and len(batches) != 1:
        direction = list(mean_gradients(network, batches, loss).values())
    total = sum(len(labels) for _, labels in batches)
    product = [torch.zeros_like(leaf) for leaf in leaves]
    for images, labels in batches:
        with TwiceDifferentiableNorm():
            value = loss(network(images), labels.to(network.device))
        gradients = torch.autograd.grad(value, leaves, create_graph=True, materialize_grads=True)
        along = direction or [gradient.detach() for gradient in gradients]
        inner = torch.stack([(a * g).sum() for a, g in zip(along, gradients, strict=True)]).sum()
        if not inner.requires_grad:
            continue  # the loss is linear in the weights: its Hessian is zero
        parts = torch.autograd.grad(inner, leaves, materialize_grads=True)
        torch._foreach_add_(product, parts, alpha=len(labels) / total)
    return dict(zip(network.weights, product, strict=True))


@criterion(both=TEMPERED, authors_code=AUTHORS)
def grasp(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return w (H g): weights whose removal would lower the gradient's norm most are kept.

    Removing w changes g'g by 2 S, S = -w (H g), to first order. The paper removes the highest S;
    the score here is -S, larger = keep, and signed.

    References
    ----------
    Wang, Zhang, Grosse 2020, equations 7 and 8 and algorithm 1.
    """
    products = hessian_gradient(network, batches, loss, options.reduction)
    return {name: network.dense[name] * product for name, product in products.items()}


# The code of Frankle et al., whose own criterion this is.
@criterion(
    both=TEMPERED,
    authors_code={"rounding": "one_fewer", "ties": "drop", "reduction": "per_batch"},
)
def grasp_abs(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return |w (H g)|: weights whose removal changes the gradient's norm least are removed.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), ablation of GraSP.
    """
    signed = grasp.scores(network, batches, loss, generator, options)
    return {name: score.abs_() for name, score in signed.items()}
