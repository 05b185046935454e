"""SGD and Adam as plain calls of torch's functional optimisers.

The objects of `torch.optim` compute the same to the bit; their bookkeeping costs a small network a
sixth of every step, and their first use imports torch's compiler, seconds for every job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's defaults, and those of Kingma and Ba (2015)


class Optimizer:
    """Updates parameters from their gradients, then clears the gradients.

    Parameters
    ----------
    groups : sequence of (list of Parameter, float)
        Parameters and the weight decay that is added to their gradients.
    kind : "sgd" or "adam"
    momentum, nesterov
        Of SGD, as in `torch.optim.SGD`.
    """

    def __init__(
        self,
        groups: Sequence[tuple[list[nn.Parameter], float]],
        kind: str,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.groups = groups
        self.kind, self.momentum, self.nesterov = kind, momentum, nesterov
        names = ["momentum"] if kind == "sgd" else ["mean", "square", "step"]
        # A buffer lies in memory as its parameter does: fused updates walk through both.
        self._state = [
            {
                name: [
                    torch.zeros((), device=p.device)
                    if name == "step"
                    else torch.zeros_like(p, requires_grad=False)
                    for p in parameters
                ]
                for name in names
            }
            for parameters, _ in groups
        ]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Do one update at learning rate `rate`; a parameter without gradient stays as it is."""
        for (parameters, decay), state in zip(self.groups, self._state, strict=True):
            found = [(i, p, p.grad) for i, p in enumerate(parameters) if p.grad is not None]
            there, chosen = [i for i, _, _ in found], [p.detach() for _, p, _ in found]
            gradients = [gradient for _, _, gradient in found]
            own = {name: [values[i] for i in there] for name, values in state.items()}
            if chosen and self.kind == "sgd":
                self._sgd(chosen, gradients, own["momentum"], rate, decay)
            elif chosen:
                adam(
                    chosen, gradients, own["mean"], own["square"], [], own["step"], fused=True,
                    amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=decay,
                    eps=EPSILON, maximize=False,
                )  # fmt: skip
            for _, parameter, _ in found:
                parameter.grad = None

    def _sgd(self, parameters: list, gradients: list, buffers: list, rate, decay) -> None:
        none: list[Tensor | None] = [None] * len(parameters)
        sgd(
            parameters, gradients, buffers if self.momentum else none, fused=True,
            weight_decay=decay, momentum=self.momentum, lr=rate, dampening=0.0,
            nesterov=self.nesterov, maximize=False,
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """Return the state as ``<group>.<name>.<number>`` -> tensor; the tensors are not copied."""
        return {
            f"{group}.{name}.{number}": value
            for group, state in enumerate(self._state)
            for name, values in state.items()
            for number, value in enumerate(values)
        }

    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Put saved tensors into the state, element by element whatever their memory layout.

        Raises
        ------
        KeyError
            If one is missing.
        """
        for name, value in self.tensors().items():
            value.copy_(saved[name])
