"""How a network is trained: the optimiser, its rate and the length, all in optimiser steps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from common.models.roles import owner, role
from common.training.optimizer import Optimizer


@dataclass(frozen=True)
class Recipe:
    """A training recipe; fields and defaults are those of the `recipe` of an arm's settings.

    Attributes
    ----------
    optimizer : "sgd" or "adam"
    lr, momentum, nesterov, weight_decay
        As in `torch.optim`; weight decay is added to the gradient (L2), also for Adam.
    decay : "all", "no_norm" or "weights"
        What weight decay acts on: every parameter, all but those of norm layers, or matrices and
        kernels alone.
    batch, steps : int
        Examples a step; number of steps.
    milestones, gamma : list of int, float
        The rate is multiplied by `gamma` after each milestone.
    evaluations : int
        Points at which the network is evaluated, evenly spaced, the last step included.
    augment : str
        A name known to `common.data`.
    precision : "float32" or "bfloat16"
        bfloat16 runs forward and backward passes under autocast; parameters stay float32.
    warmup : int
        Steps over which the rate rises linearly from 0, as a factor on the rest of the schedule.
    """

    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    decay: str = "all"
    batch: int = 128
    steps: int = 1000
    milestones: tuple[int, ...] | list[int] = ()
    gamma: float = 0.1
    evaluations: int = 10
    augment: str = "none"
    precision: str = "float32"
    warmup: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of the update number `step`, counted from 0."""
        rate = self.lr * self.gamma ** sum(step >= milestone for milestone in self.milestones)
        return rate * step / self.warmup if step < self.warmup else rate

    def evaluation_steps(self) -> set[int]:
        """Return the numbers of finished steps at which to evaluate."""
        return {
            round(self.steps * point / self.evaluations) for point in range(1, self.evaluations + 1)
        }

    def build_optimizer(self, model: nn.Module) -> Optimizer:
        """Return the fused optimiser of `model`'s parameters."""
        spared: set[int] = set()
        if self.decay != "all":
            spared = {
                id(p) for name, p in model.named_parameters() if role(*owner(model, name)) == "norm"
            }
        if self.decay == "weights":
            spared |= {id(p) for p in model.parameters() if p.dim() <= 1}
        groups = [
            ([p for p in model.parameters() if (id(p) in spared) == free], decay)
            for free, decay in ((False, self.weight_decay), (True, 0.0))
        ]
        groups = [group for group in groups if group[0]]
        return Optimizer(groups, self.optimizer, self.momentum, self.nesterov)
