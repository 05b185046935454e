"""SynFlow: the synaptic flow through the network of absolute weights, without data.

References
----------
Tanaka, Kunin, Yamins, Ganguli 2020 (arXiv 2006.05467); ganguli-lab/Synaptic-Flow,
Pruners/pruners.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from common.errors import Refused
from common.pruning.criterion import Batch, Loss, Options, Scores, criterion
from common.pruning.network import Network


@criterion(
    both={"steps": 100, "schedule": "exponential", "norm_mode": "eval"},
    paper={"dtype": "float64"},  # the product of all layers' weights passes 1e38 in deep networks
    authors_code={
        "dtype": "float32",
        "rounding": "floor_removed",
        "ties": "drop",
        "returning": True,  # all weights are ranked at every step; those pruned score zero
    },
)
def synflow(
    network: Network,
    batches: Iterable[Batch],
    loss: Loss,
    generator: torch.Generator,
    options: Options,
) -> Scores:
    """Return |w dR/dw|, R being the summed output of the network of absolute values for ones.

    Every parameter and buffer is replaced by its absolute value (biases, batch norm and its
    running statistics too), the input is one image of ones, and weights that are masked score 0.
    Of the data only the shape of an image is used.

    Raises
    ------
    Refused
        If there is no batch to take the shape from, or batch norm is in training mode: it would
        divide by the spread of this one image.

    References
    ----------
    Tanaka et al. 2020, section 6 and algorithm 1.
    """
    if options.norm_mode == "train":
        raise Refused("synflow looks at a single image, so norm_mode must be 'eval', not 'train'")
    shape = next((images.shape[1:] for images, _ in batches), None)
    if shape is None:
        raise Refused(
            "synflow needs the shape of an image: give batches=[(images, labels)], of which "
            "nothing else is used"
        )
    weights = {
        name: weight.detach().abs().requires_grad_() for name, weight in network.weights.items()
    }
    fixed = {name: tensor.abs() for name, tensor in network.fixed.items()}
    dtype = next(iter(weights.values())).dtype
    ones = torch.ones(1, *shape, dtype=dtype, device=network.device)
    flow = network(ones, {**fixed, **weights}).sum()
    gradients: tuple[Tensor, ...] = torch.autograd.grad(
        flow, list(weights.values()), materialize_grads=True
    )
    return {
        name: (weight.detach() * gradient).abs_()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }
