"""Masks: which weights of a network are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from common.errors import Refused
from common.files import write_whole
from common.pruning.prunable import Biases, prunable

KIND = "pruning masks"  # in the file's metadata, so that no other safetensors file passes


class Masks(Mapping[str, Tensor]):
    """A mapping from parameter name to a boolean tensor of the parameter's shape, True = kept.

    The entries stand in the order of :func:`common.pruning.prunable`. Masks are values: no method
    changes them.

    Raises
    ------
    Refused
        If an entry is not a boolean tensor, or there is none.

    Examples
    --------
    >>> masks = Masks({"fc.weight": torch.tensor([[True, False], [False, False]])})
    >>> masks.density, masks.counts()
    (0.25, {'fc.weight': (1, 4)})
    """

    def __init__(self, masks: Mapping[str, Tensor]) -> None:
        if not masks:
            raise Refused("masks need at least one parameter, none was given")
        for name, mask in masks.items():
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
                kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
                raise Refused(f"the mask of {name!r} is {kind}, it must be a boolean tensor")
        self._masks = dict(masks)

    @classmethod
    def full(cls, model: nn.Module, biases: Biases = "free") -> Masks:
        """Return the masks that keep every prunable parameter of `model`."""
        return cls(
            {
                name: torch.ones_like(p, dtype=torch.bool, requires_grad=False)
                for name, p in prunable(model, biases).items()
            }
        )

    def __getitem__(self, name: str) -> Tensor:
        """Return the boolean mask of the parameter `name`."""
        return self._masks[name]

    def jaccard(self, other: Masks) -> float:
        """Return the weights that both keep over those that either keeps, in [0, 1]; empty: 1.

        Examples
        --------
        >>> one = Masks({"w": torch.tensor([True, True, False, False])})
        >>> one.jaccard(Masks({"w": torch.tensor([False, True, True, False])}))
        0.3333333333333333
        """
        both = sum(int((mask & other[name]).sum()) for name, mask in self.items())
        either = sum(int((mask | other[name]).sum()) for name, mask in self.items())
        return both / either if either else 1.0

    def __iter__(self) -> Iterator[str]:
        """Iterate over the parameter names in their order."""
        return iter(self._masks)

    def __len__(self) -> int:
        """Return the number of masked parameters."""
        return len(self._masks)

    def __eq__(self, other: object) -> bool:
        """Return whether both keep exactly the same weights of the same parameters."""
        if not isinstance(other, Masks):
            return NotImplemented
        return list(self) == list(other) and all(
            torch.equal(mask.cpu(), other[name].cpu()) for name, mask in self.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the kept and total counts by parameter."""
        layers = ", ".join(
            f"{name} {kept}/{total}" for name, (kept, total) in self.counts().items()
        )
        return f"Masks({layers})"

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return ``{parameter name: (kept, total)}``."""
        return {name: (int(mask.count_nonzero()), mask.numel()) for name, mask in self.items()}

    @property
    def kept(self) -> int:
        """The number of weights kept."""
        return sum(kept for kept, _ in self.counts().values())

    @property
    def total(self) -> int:
        """The number of weights that could have been kept."""
        return sum(mask.numel() for mask in self.values())

    @property
    def density(self) -> float:
        """The share of prunable weights kept, in [0, 1]."""
        return self.kept / self.total

    def to(self, device: torch.device | str) -> Masks:
        """Return the same masks on `device`."""
        return Masks({name: mask.to(device) for name, mask in self.items()})

    def parameters_of(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """Return the masked parameters of `model` by name.

        Raises
        ------
        Refused
            If `model` lacks a masked parameter or its shape differs.
        """
        named = dict(model.named_parameters(remove_duplicate=False))
        for name, mask in self.items():
            if name not in named:
                raise Refused(
                    f"the masks name a parameter {name!r} that {type(model).__name__} lacks"
                )
            if named[name].shape != mask.shape:
                raise Refused(
                    f"the mask of {name!r} has shape {tuple(mask.shape)}, "
                    f"the parameter {tuple(named[name].shape)}"
                )
        return {name: named[name] for name in self}

    @torch.no_grad()
    def apply_to(self, model: nn.Module) -> None:
        """Set the pruned weights of `model` to zero, in place; a masked NaN becomes zero too.

        Raises
        ------
        Refused
            If `model` lacks a masked parameter or its shape differs; nothing is then changed.
        """
        for name, parameter in self.parameters_of(model).items():
            parameter.masked_fill_(~self[name].to(parameter.device), 0)

    @torch.no_grad()
    def mask_gradients_(self, model: nn.Module) -> None:
        """Set the gradients of pruned weights to zero, in place, between backward and update.

        On weights that :meth:`apply_to` has zeroed, every update by SGD or Adam, with momentum
        and weight decay, then leaves exactly zero.
        """
        for name, parameter in self.parameters_of(model).items():
            if parameter.grad is not None:
                parameter.grad.masked_fill_(~self[name].to(parameter.device), 0)

    def save(self, path: str | Path) -> None:
        """Write the masks to `path` as safetensors, whole or not at all."""
        metadata = {"kind": KIND, "order": json.dumps(list(self))}
        write_whole(path, save({n: m.cpu().contiguous() for n, m in self.items()}, metadata))

    @classmethod
    def load(cls, path: str | Path, model: nn.Module | None = None) -> Masks:
        """Return the masks in the file `path`, on the CPU.

        Parameters
        ----------
        path : str or Path
            Written by :meth:`save`.
        model : nn.Module, optional
            The masks must fit this network's parameters.

        Raises
        ------
        Refused
            If the file is missing, is not one of masks, or does not fit `model`.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("kind") != KIND:
                    raise Refused(f"{path} is a safetensors file, but not one of masks")
                masks = cls({name: file.get_tensor(name) for name in json.loads(metadata["order"])})
        except (OSError, SafetensorError) as error:
            raise Refused(f"{path} is not a readable file of masks: {error}") from error
        if model is not None:
            masks.parameters_of(model)
        return masks
