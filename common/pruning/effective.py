"""Effective density: the weights that lie on some path from the input to the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from common.pruning.masks import Masks
from common.pruning.network import Network
from common.pruning.prunable import prunable

# Reachability depends on no value, only on which tensors meet in which operation. The first group
# multiplies by weights; its results are set back to 0 and 1, so that no depth overflows.
CONNECT = {
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm",
}  # fmt: skip
PASS = {
    "relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "selu", "celu", "gelu",
    "silu", "mish", "hardswish", "hardtanh", "softplus", "prelu", "tanh", "tanh_", "log_softmax",
    "dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "batch_norm",
    "group_norm", "instance_norm", "layer_norm", "rms_norm", "clamp", "abs",
}  # fmt: skip
# A gate with no input still lets half of its partner through, so it is open at zero.
GATE = {"sigmoid", "sigmoid_", "hardsigmoid"}
POOL: dict[str, Callable] = {
    "max_pool1d": F.avg_pool1d,
    "max_pool2d": F.avg_pool2d,
    "max_pool3d": F.avg_pool3d,
    "adaptive_max_pool1d": F.adaptive_avg_pool1d,
    "adaptive_max_pool2d": F.adaptive_avg_pool2d,
    "adaptive_max_pool3d": F.adaptive_avg_pool3d,
}
JOIN = {  # what is added or subtracted is joined, so that nothing cancels
    "add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__",
    "__isub__", "rsub", "subtract",
}  # fmt: skip
KEEP = {
    "mul", "mul_", "__mul__", "__rmul__", "__imul__", "div", "__truediv__", "mean", "sum",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_avg_pool3d", "pad", "view", "view_as", "reshape", "flatten", "unflatten", "permute",
    "transpose", "t", "swapaxes", "movedim", "contiguous", "cat", "concat", "stack", "chunk",
    "split", "split_with_sizes", "unbind", "narrow", "select", "squeeze", "unsqueeze", "expand",
    "expand_as", "repeat", "__getitem__", "clone", "to", "float", "double", "type_as", "zeros",
    "zeros_like", "new_zeros", "size", "dim", "numel", "__len__", "__get__", "__iter__",
    "is_floating_point", "pixel_unshuffle", "interpolate", "upsample", "identity",
}  # fmt: skip


class _Unsupported(Exception):
    """The network does something whose paths are not known."""


class _Structural(TorchFunctionMode):
    """Runs a network so that a value is positive exactly where a path from the input leads to it.

    Gradients are then positive exactly where a path leads on to the output.
    """

    def __torch_function__(
        self,
        func: Callable,
        types: Any,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> Any:
        """Run `func`, or what stands for it in the network of paths."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in CONNECT:
            return _Binary.apply(func(*args, **kwargs))
        if name in PASS:
            return args[0]
        if name in GATE:
            return _open(args[0])
        if name in POOL:
            return _average(POOL[name], *args, **kwargs)
        if name in JOIN:
            return _join(args[0], args[1])
        if name == "lerp":
            return _Binary.apply(args[2] * _join(args[0], args[1]))
        if name == "lstm":
            return _lstm(*args)
        if name in KEEP:
            return func(*args, **kwargs)
        raise _Unsupported(name)


class _Binary(torch.autograd.Function):
    """1 where positive, forwards and backwards: reachability has no size."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return (value > 0).to(value.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return (gradients[0] > 0).to(gradients[0].dtype)


def _open(value: Tensor) -> Tensor:
    return _Binary.apply(value) + 1


def _join(left: Any, right: Any) -> Tensor:
    """Return the union of two paths; a constant (it needs no gradient) is no path."""
    for value, other in ((left, right), (right, left)):
        if not isinstance(other, Tensor):
            return value
        if not other.requires_grad:
            return value + torch.zeros_like(other)
    return left + right


def _lstm(sequence: Tensor, start: Any, weights: Any, *settings: Any) -> tuple[Tensor, ...]:
    """Return what torch.lstm does, for one layer in one direction, batch first."""
    has_biases, layers, _dropout, _train, bidirectional, batch_first = settings
    if layers != 1 or bidirectional or not batch_first or len(weights) != (4 if has_biases else 2):
        raise _Unsupported("lstm of several layers or directions")
    into, back = weights[:2]
    hidden, cell = (state[0] for state in start)
    bias = weights[2] if has_biases else None
    outputs = []
    for step in sequence.unbind(1):
        gates = _Binary.apply(F.linear(step, into, bias) + F.linear(hidden, back))
        entry, forget, candidate, out = gates.chunk(4, 1)
        cell = _Binary.apply(_open(forget) * cell + _open(entry) * candidate)
        hidden = _Binary.apply(_open(out) * cell)
        outputs.append(hidden)
    return torch.stack(outputs, 1), hidden[None], cell[None]


def _average(
    pool: Callable,
    value: Tensor,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Return the average over the windows of a maximum: every input of a window has a path."""
    if return_indices or dilation not in (1, (1,), (1, 1), (1, 1, 1), [1], [1, 1], [1, 1, 1]):
        raise _Unsupported("max_pool with dilation or indices")
    if "adaptive" in pool.__name__:
        return pool(value, size)
    return pool(value, size, stride or size, padding, ceil_mode)


def effective(model: nn.Module, masks: Masks, in_shape: tuple[int, ...]) -> Masks | None:
    """Return the masks without the weights that lie on no path from the input to the output.

    A weight counts if the mask keeps it, some non-zero input can reach it, and its result can
    reach a logit. What biases alone feed does not count as reached. In a convolution a path runs
    through positions, so a kernel entry that only ever meets padding lies on none. A gate counts
    as open when nothing reaches it, since sigmoid(0) is a half.

    Parameters
    ----------
    model : nn.Module
        Not changed. Its weights do not matter, only its connections.
    masks : Masks
    in_shape : tuple of int
        Of one example, without the batch: (C, H, W).

    Returns
    -------
    Masks or None
        None if the network uses an operation whose paths are not known here, such as attention:
        then effective density is not defined, rather than guessed.

    Raises
    ------
    Refused
        If the masks do not fit the model.

    References
    ----------
    Vysogorets and Kempe 2023 (arXiv 2107.02306).

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> masks = Masks(
    ...     {
    ...         "0.weight": torch.tensor([[True, True], [False, False]]),
    ...         "2.weight": torch.tensor([[False, True]]),
    ...     }
    ... )
    >>> effective(net, masks, (2,)).density
    0.0
    """
    parameters = masks.parameters_of(model)
    network = Network(model, dtype="float64")
    biases = set(prunable(model, "counted")) - set(network.weights)
    # Biases carry no input; what is left are gains, such as a frozen skip's, and they are open.
    fixed = {
        name: torch.zeros_like(tensor) if name in biases else torch.ones_like(tensor)
        for name, tensor in network.fixed.items()
        if tensor.is_floating_point()
    }
    leaves = {
        name: (torch.zeros_like(mask).double() if name in biases else mask.double())
        .to(parameters[name].device)
        .requires_grad_()
        for name, mask in masks.items()
    }
    image = torch.ones(1, *in_shape, requires_grad=True)
    try:
        with network.scoring(), _Structural():
            logits = network(image, {**fixed, **leaves})
    except _Unsupported:
        return None
    gradients = torch.autograd.grad(logits.sum(), list(leaves.values()), materialize_grads=True)
    return Masks(
        {
            name: mask & (gradient > 0).to(mask.device)
            for (name, mask), gradient in zip(masks.items(), gradients, strict=True)
        }
    )


def effective_density(model: nn.Module, masks: Masks, in_shape: tuple[int, ...]) -> float | None:
    """Return the density of :func:`effective`, or None where that is not known.

    Examples
    --------
    >>> net = nn.Linear(2, 2)
    >>> effective_density(net, Masks.full(net), (2,))
    1.0
    """
    found = effective(model, masks, in_shape)
    return None if found is None else found.density
