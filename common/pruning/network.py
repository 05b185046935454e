"""A network as a criterion sees it: masked weights to differentiate, the model itself untouched."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from common.errors import unknown
from common.pruning.masks import Masks
from common.pruning.prunable import Biases, prunable

NormMode = Literal["eval", "train"]
NORM_MODES: tuple[NormMode, ...] = ("eval", "train")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Network:
    """`model` with the masks in force, called as a function of its tensors.

    Nothing is copied that need not be: forward passes run through ``torch.func.functional_call``
    on the model itself, with its buffers replaced by clones. On LeNet-300-100 with 100 images such
    a pass takes 1.05 times a plain forward and backward pass, one on a deep copy 2 times.

    Attributes
    ----------
    model : nn.Module
        The caller's; never written to.
    dense : dict of str to Tensor
        The prunable parameters before masking, in the order of :func:`prunable`, detached.
    masks : dict of str to Tensor
        Those in force, empty where nothing is pruned yet.
    weights : dict of str to Tensor
        The dense ones with pruned entries zero: leaves that require gradients, so that the
        gradient with respect to a masked weight exists also where the mask is False.
    fixed : dict of str to Tensor
        All other parameters (detached) and buffers (cloned).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        biases: Biases = "free",
        norm_mode: NormMode = "eval",
        dtype: str | torch.dtype | None = None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        if norm_mode not in NORM_MODES:
            raise unknown("batch-norm mode", norm_mode, NORM_MODES)
        if isinstance(dtype, str) and dtype not in DTYPES:
            raise unknown("dtype", dtype, DTYPES)
        self.model = model
        self.norm_mode = norm_mode
        self.dtype = DTYPES[dtype] if isinstance(dtype, str) else dtype
        chosen = prunable(model, biases)
        self.device = next(iter(chosen.values())).device
        self.dense = {name: self.cast(p.detach()) for name, p in chosen.items()}
        if isinstance(masks, Masks):
            masks.parameters_of(model)
        self.masks = {name: mask.to(self.device) for name, mask in (masks or {}).items()}
        self.weights = {
            name: (
                weight.masked_fill(~self.masks[name], 0) if name in self.masks else weight.detach()
            ).requires_grad_()
            for name, weight in self.dense.items()
        }
        others = {n: p.detach() for n, p in model.named_parameters() if n not in chosen}
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        self.fixed = {name: self.cast(tensor) for name, tensor in (others | buffers).items()}

    def __call__(self, images: Tensor, tensors: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (N, classes) of `images`, with other `tensors` where they are given."""
        own = {**self.fixed, **self.weights, **(tensors or {})}
        return functional_call(self.model, own, (self.cast(images),))

    def cast(self, tensor: Tensor) -> Tensor:
        """Return `tensor` on the device and in the dtype of scoring; integers stay integers."""
        dtype = self.dtype if tensor.is_floating_point() else None
        return tensor.to(self.device, dtype)

    @contextlib.contextmanager
    def scoring(self) -> Iterator[None]:
        """Put the model in evaluation mode, batch norm in `norm_mode`, and restore all flags.

        So dropout is off in either mode. The state of torch's global random generator is restored
        as well, whatever the forward pass draws from it.
        """
        flags = [(module, module.training) for module in self.model.modules()]
        try:
            set_modes(self.model, self.norm_mode)
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            for module, flag in flags:
                module.training = flag

    def copy(self) -> nn.Module:
        """Return a deep copy of the model, with the masked weights, dtype and modes of scoring."""
        model = copy.deepcopy(self.model)
        if self.dtype:
            model.to(self.dtype)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.weights:
                    parameter.copy_(self.weights[name]).requires_grad_()
        set_modes(model, self.norm_mode)
        return model


def set_modes(model: nn.Module, norm_mode: NormMode) -> None:
    """Put `model` in evaluation mode, in place, but its batch norms in `norm_mode`."""
    for module in model.modules():
        module.training = norm_mode == "train" and isinstance(module, _NormBase)
