"""Scores of the prunable weights of a network, by a criterion."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from common.errors import Refused
from common.pruning.criteria import mean_gradients
from common.pruning.criterion import (
    Batch,
    Criterion,
    Loss,
    Options,
    Reduction,
    Scores,
    UserCriterion,
    find,
)
from common.pruning.network import Network, NormMode
from common.pruning.prunable import Biases


def score(
    model: nn.Module,
    criterion: str | Criterion | UserCriterion,
    batches: Iterable[Batch] | None = None,
    *,
    reading: str = "paper",
    loss: str | Loss | None = None,
    temperature: float | None = None,
    norm_mode: NormMode | None = None,
    reduction: Reduction | None = None,
    biases: Biases | None = None,
    dtype: str | torch.dtype | None = None,
    generator: torch.Generator | None = None,
    masks: Mapping[str, Tensor] | None = None,
    redraw: Callable[[nn.Module], object] | None = None,
) -> dict[str, Tensor]:
    """Return one score per prunable weight of `model`, larger = keep.

    Neither the model (weights, buffers, gradients, modes) nor torch's global random generator is
    changed.

    Parameters
    ----------
    model : nn.Module
        Any network with prunable weights, on any device.
    criterion : str or callable
        A name in ``names.CRITERIA``, or a function (model, batches, loss) -> {parameter name:
        tensor}; the function is given a copy of the model, in which pruned weights are zero.
    batches : iterable of (images, labels)
        What the criterion sees, at once in memory or loaded on the way. Random, uniform, er, erk,
        magnitude and dense need none.
    reading : {"paper", "authors_code"}
        Whose defaults apply to the arguments below that are left out.
    loss : callable or {"cross_entropy", "logit_nll"}, optional
        (logits, labels) -> mean loss of the batch.
    temperature : float, optional
        The logits are divided by it before the loss.
    norm_mode : {"eval", "train"}, optional
        Whether batch norm uses its running statistics or those of the batch. All else, dropout
        included, is in evaluation mode.
    reduction : {"joint", "per_batch"}, optional
        Whether the batches are scored as one, signed gradients being averaged over them, or each
        by itself and the scores averaged.
    biases : {"free", "counted"}, optional
        Whether biases are scored, see :func:`prunable`.
    dtype : {"float32", "float64"} or torch.dtype, optional
        The arithmetic of scoring; the model's own unless the method has another.
    generator : torch.Generator, optional
        On the CPU, for criteria that draw. Left out, a new one with seed 0, so that the draw is
        the same each time.
    masks : mapping of parameter name to bool Tensor, optional
        In force while scoring: the forward pass sees pruned weights as zero.
    redraw : callable, optional
        Called with a deep copy of the model, which it re-initialises in place and which is scored
        (SNIP's authors score one draw and train another).

    Returns
    -------
    dict of str to Tensor
        Scores of each parameter's shape, in the order of :func:`prunable`.

    Raises
    ------
    Refused
        If an argument is not one of the above, data are missing, or a function's scores do not fit.

    Examples
    --------
    >>> net = nn.Linear(2, 2, bias=False)
    >>> batch = (torch.eye(2), torch.tensor([0, 1]))
    >>> score(net, criterion="snip", batches=[batch])["weight"].shape
    torch.Size([2, 2])
    """
    check_given(model, batches)
    method = find(criterion)
    given = {
        "loss": loss,
        "temperature": temperature,
        "norm_mode": norm_mode,
        "reduction": reduction,
        "biases": biases,
        "dtype": dtype,
    }
    options = method.options(reading, given)
    return score_with(method, options, redrawn(model, redraw), batches, generator, masks)


def score_with(
    method: Criterion,
    options: Options,
    model: nn.Module,
    batches: Iterable[Batch] | None = None,
    generator: torch.Generator | None = None,
    masks: Mapping[str, Tensor] | None = None,
) -> Scores:
    """Return the scores of a criterion whose options are settled, as :func:`score` does."""
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    network = Network(
        model, biases=options.biases, norm_mode=options.norm_mode, dtype=options.dtype, masks=masks
    )
    loss = options.loss
    if options.temperature != 1:

        def loss(logits: Tensor, labels: Tensor) -> Tensor:
            return options.loss(logits / options.temperature, labels)

    with network.scoring():
        return method.scores(network, batches or [], loss, generator, options)


def sensitivity(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss: Loss | None = None,
    norm_mode: NormMode = "eval",
    biases: Biases = "free",
    dtype: str | torch.dtype | None = None,
    masks: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return the signed w dL/dw of every prunable weight: SNIP's score before the absolute value.

    It obeys conservation laws: in a network of linear, ReLU and max-pooling layers without biases
    its sum is the same over every layer. Arguments as in :func:`score`.
    """
    network = Network(model, biases=biases, norm_mode=norm_mode, dtype=dtype, masks=masks)
    with network.scoring():
        gradients = mean_gradients(network, batches, loss or Options().loss)
    return {name: network.dense[name] * g for name, g in gradients.items()}


def check_given(model: object, batches: object) -> None:
    """Refuse what is no network, and a single (images, labels) where a list of them is meant.

    Raises
    ------
    Refused
        In either case.
    """
    if not isinstance(model, nn.Module):
        raise Refused(
            f"model must be a torch.nn.Module, not {type(model).__name__}; "
            'common.models.build("resnet20", classes=10, in_shape=(3, 32, 32)) makes one by name'
        )
    if isinstance(batches, tuple | list) and any(isinstance(part, Tensor) for part in batches):
        raise Refused("batches must be a list of (images, labels), such as [(images, labels)]")


def redrawn(model: nn.Module, redraw: Callable[[nn.Module], object] | None) -> nn.Module:
    """Return `model`, or a deep copy of it that `redraw` has re-initialised."""
    if redraw is None:
        return model
    model = copy.deepcopy(model)
    redraw(model)
    return model
