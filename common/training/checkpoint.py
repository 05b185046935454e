"""The state of an interrupted run, in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from common.files import temporary


@dataclass
class Checkpoint:
    """Everything from which training goes on as if it had never stopped.

    Attributes
    ----------
    step : int
        Finished steps.
    model : dict of str to Tensor
        Parameters and buffers.
    optimizer : dict of str to Tensor
        What `common.training.optimizer.Optimizer.tensors` returns.
    masks : dict of str to Tensor
        The mask in force, so that a resumed run cannot find another one.
    losses : Tensor
        The training losses of the last steps.
    rows : list
        What was measured so far.
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    masks: dict[str, Tensor]
    losses: Tensor
    rows: list[list] = field(default_factory=list)

    def fits(self, model: Mapping[str, Tensor], optimizer: Mapping[str, Tensor]) -> bool:
        """Return whether its tensors have the names and shapes of these.

        One left by another version of the code need not; such a run starts over.
        """
        pairs = ((self.model, model), (self.optimizer, optimizer))
        return all(
            saved.keys() == now.keys() and all(saved[key].shape == now[key].shape for key in now)
            for saved, now in pairs
        )


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path` under a temporary name, then rename it."""
    tensors = {f"model/{name}": value for name, value in checkpoint.model.items()}
    tensors |= {f"optimizer/{name}": value for name, value in checkpoint.optimizer.items()}
    tensors |= {f"masks/{name}": value for name, value in checkpoint.masks.items()}
    tensors["losses"] = checkpoint.losses
    # A clone, since safetensors refuses tensors that share memory or are not contiguous.
    copies = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"step": str(checkpoint.step), "rows": json.dumps(checkpoint.rows)}
    save_file(copies, temporary(path), metadata)
    os.replace(temporary(path), path)


def load_checkpoint(path: Path | None) -> Checkpoint | None:
    """Return the checkpoint at `path`, or None if there is none or it is no checkpoint."""
    if path is None or not path.exists():
        return None
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "masks": {}}
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            for key in file.keys():  # noqa: SIM118 (the file is no mapping)
                kind, _, name = key.partition("/")
                if name:
                    groups[kind][name] = file.get_tensor(key)
            losses = file.get_tensor("losses")
        return Checkpoint(
            int(metadata["step"]), **groups, losses=losses, rows=json.loads(metadata["rows"])
        )
    except (SafetensorError, KeyError, TypeError, ValueError):
        return None  # not ours or damaged: the run starts over
