"""The criteria: functions from a network and data to one score per prunable weight.

Each has the signature ``(network, batches, loss, generator, options) -> {name: scores}``, larger =
keep, and stands in ``common.names.CRITERIA`` under its name.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from common.errors import Refused
from common.pruning.criterion import Batch, Loss, Options, Reduction, Scores, criterion
from common.pruning.network import Network


def _draw(network: Network, generator: torch.Generator) -> Scores:
    """Return scores uniform on [0, 1), drawn on the CPU in the order of the parameters."""
    return {
        name: torch.rand(weight.shape, generator=generator, dtype=weight.dtype).to(weight.device)
        for name, weight in network.dense.items()
    }


def mean_gradients(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    reduction: Reduction = "joint",
) -> dict[str, Tensor]:
    """Return dL/dw at the masked weights, averaged over batches by their size.

    One forward and backward pass per batch. ``"per_batch"`` averages absolute values.

    Raises
    ------
    Refused
        If there is no batch.
    """
    leaves = list(network.weights.values())
    mean: list[Tensor] = []
    seen = 0
    for images, labels in batches:
        value = loss(network(images), labels.to(network.device))
        gradients = list(torch.autograd.grad(value, leaves, materialize_grads=True))
        if reduction == "per_batch":
            gradients = [gradient.abs() for gradient in gradients]
        if seen:
            share = len(labels) / (seen + len(labels))
            gradients = [torch.lerp(m, g, share) for m, g in zip(mean, gradients, strict=True)]
        mean = gradients
        seen += len(labels)
    if not seen:
        raise Refused("this criterion scores on data and needs batches=[(images, labels), ...]")
    return dict(zip(network.weights, mean, strict=True))


@criterion()
def dense(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return equal scores: at density 1 every weight is kept."""
    return {name: torch.ones_like(weight) for name, weight in network.dense.items()}


@criterion()
def random(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return uniform scores, compared globally: every weight is as likely to stay."""
    return _draw(network, generator)


# Compared within layers: of one density everywhere, of Erdős-Rényi and Erdős-Rényi-kernel
# densities (Evci et al. 2020).
uniform = random.variant("uniform", allocation="layerwise")
er = random.variant("er", allocation="er")
erk = random.variant("erk", allocation="erk")

# Densities that fall from layer to layer, whole weights rounded down (Su et al. 2020, arXiv
# 2009.11094).
smart_ratio = random.variant("smart_ratio", allocation="smart_ratio", both={"rounding": "floor"})
smart_ratio_vgg = random.variant(
    "smart_ratio_vgg", allocation="smart_ratio_vgg", both={"rounding": "floor"}
)


@criterion()
def magnitude(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return |w|, of the weights before masking."""
    return {name: weight.abs() for name, weight in network.dense.items()}


@criterion(authors_code={"biases": "counted"})
def snip(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return the connection sensitivity |w dL/dw|, the derivative by a multiplier of w at 1.

    The paper divides by the sum over all weights, which changes no ranking; this does not. Where
    masks are in force, the gradient is that at the masked weights, times the weight before
    masking.

    References
    ----------
    Lee et al. 2019 (arXiv 1810.02340), equations 5 to 7. The authors' code counts biases, see
    :func:`common.pruning.prunable` and :func:`common.pruning.allocate.of_sparsity`; both readings
    score with batch norm in evaluation mode, as the code does.
    """
    gradients = mean_gradients(network, batches, loss, options.reduction)
    return {name: (network.dense[name] * g).abs_() for name, g in gradients.items()}


# The released code of FORCE and Iterative SNIP scores with batch norm in training mode, keeps every
# score from the threshold up, and ranks all weights at every step (those pruned score zero there).
_STEPWISE = {"steps": 60, "schedule": "exponential", "norm_mode": "train"}
_RELEASED = {"loss": "logit_nll", "rounding": "floor", "ties": "keep", "returning": True}

# Pruned weights may return, at their value before masking (de Jorge et al. 2021, arXiv 2006.09081).
force = snip.variant("force", both={**_STEPWISE, "returning": True}, authors_code=_RELEASED)


@criterion(both=_STEPWISE, authors_code=_RELEASED)
def iter_snip(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return |w dL/dw| of the masked weights, zero where one is pruned: it cannot return.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), Iterative SNIP; naver/force, pruning_algos.py.
    """
    gradients = mean_gradients(network, batches, loss, options.reduction)
    return {name: (network.weights[name].detach() * g).abs_() for name, g in gradients.items()}


@criterion(both=_STEPWISE, authors_code=_RELEASED)
def grasp_it(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return (dL/dw)^2 of the kept weights: FORCE's iterated stand-in for GraSP, without a Hessian.

    References
    ----------
    naver/force, pruning_algos.py, method 2.
    """
    gradients = mean_gradients(network, batches, loss, options.reduction)
    return {
        name: g.square() * network.masks[name] if name in network.masks else g.square()
        for name, g in gradients.items()
    }


# Half of the weights go first, then half of the way that is left at each step (Verdenius et al.
# 2020, arXiv 2006.00896); StijnVerdenius/SNIP-it scores in evaluation mode.
snip_it = snip.variant(
    "snip_it", both={"steps": 7, "schedule": "halving"}, authors_code={"loss": "logit_nll"}
)
