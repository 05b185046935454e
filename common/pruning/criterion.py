"""What a criterion is, how it is registered, and how a name or a user's function becomes one."""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from common import names
from common.errors import Refused, unknown
from common.pruning.network import Network, NormMode
from common.pruning.prunable import Biases

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Reduction = Literal["joint", "per_batch"]
Scores = dict[str, Tensor]
Score = Callable[[Network, Iterable[Batch], Loss, torch.Generator, "Options"], Scores]
UserCriterion = Callable[[Any, list[Batch], Loss], Mapping[str, Tensor]]

READINGS = ("paper", "authors_code")
REDUCTIONS: tuple[Reduction, ...] = ("joint", "per_batch")


@dataclass(frozen=True)
class Options:
    """What a method leaves open, at the values of its reading unless the caller says otherwise.

    Attributes
    ----------
    allocation, steps, schedule, returning, ties, rounding, ablation
        See :func:`common.pruning.prune`.
    norm_mode, reduction, biases, dtype, loss, temperature
        See :func:`common.pruning.score`.
    reading : {"paper", "authors_code"}
        For a criterion whose readings differ in more than these.
    """

    reading: str = "paper"
    allocation: Any = "global"
    steps: int = 1
    schedule: str = "exponential"
    returning: bool = False
    ties: str = "lower_index"
    rounding: Any = "half_even"
    norm_mode: NormMode = "eval"
    reduction: Reduction = "joint"
    biases: Biases = "free"
    dtype: str | torch.dtype | None = None
    loss: Loss = F.cross_entropy
    temperature: float = 1.0


@dataclass(frozen=True)
class Criterion:
    """A registered method: how it scores, and the defaults of its readings.

    Attributes
    ----------
    name : str
    scores : callable
        (network, batches, loss, generator, options) -> one score per prunable weight.
    allocation : str, optional
        The allocation that defines the method (``"er"``), where one does.
    readings : mapping of reading to mapping
        The options in which a reading differs from :class:`Options`.
    """

    name: str
    scores: Score
    allocation: str | None = None
    readings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def options(self, reading: str, given: Mapping[str, Any]) -> Options:
        """Return the options of a reading, with every value in `given` that is not None.

        Raises
        ------
        Refused
            If the reading is unknown, or `given` contradicts the method's own allocation.
        """
        if reading not in READINGS:
            raise unknown("reading", reading, READINGS)
        chosen = {key: value for key, value in given.items() if value is not None}
        if self.allocation:
            # "global" is every other method's allocation, hence what a table of settings holds.
            if chosen.get("allocation", "global") not in ("global", self.allocation):
                raise Refused(
                    f"criterion {self.name!r} is defined by its allocation {self.allocation!r}, "
                    f"not {chosen['allocation']!r}"
                )
            chosen["allocation"] = self.allocation
        options = Options(reading, **{**self.readings.get(reading, {}), **chosen})
        if options.reduction not in REDUCTIONS:
            raise unknown("reduction", options.reduction, REDUCTIONS)
        if not 0 < options.temperature < math.inf:
            raise Refused(f"temperature {options.temperature} must be a finite number above 0")
        if isinstance(options.loss, str):
            options = replace(options, loss=_loss(options.loss))
        if options.biases == "counted" and options.rounding == "half_even":
            # Only SNIP's authors count biases, and their code sets the sparsity.
            options = replace(options, rounding="of_sparsity")
        return options

    def variant(
        self, name: str, *, allocation: str | None = None, **readings: Mapping[str, Any]
    ) -> Criterion:
        """Return the method `name`, which scores like this one and differs in the rest."""
        return Criterion(name, self.scores, allocation, _readings(**readings))


def criterion(
    *, allocation: str | None = None, **readings: Mapping[str, Any]
) -> Callable[[Score], Criterion]:
    """Return a decorator that makes a scoring function a :class:`Criterion` of the same name.

    Parameters
    ----------
    allocation : str, optional
        See :class:`Criterion`.
    both, paper, authors_code : mapping, optional
        Options of both readings, and of each beyond them.
    """

    def decorate(scores: Score) -> Criterion:
        return Criterion(scores.__name__, scores, allocation, _readings(**readings))

    return decorate


def _readings(
    both: Mapping[str, Any] | None = None,
    paper: Mapping[str, Any] | None = None,
    authors_code: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    own = {"paper": paper, "authors_code": authors_code}
    return {reading: {**(both or {}), **(options or {})} for reading, options in own.items()}


def logit_nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Return minus the mean logit of the true class: `F.nll_loss` without the log-softmax.

    References
    ----------
    naver/force, pruning_algos.py, and StijnVerdenius/SNIP-it score with it.
    """
    return F.nll_loss(logits, labels)


LOSSES: dict[str, Loss] = {"cross_entropy": F.cross_entropy, "logit_nll": logit_nll}


def _loss(name: str) -> Loss:
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]


def find(given: str | Criterion | UserCriterion) -> Criterion:
    """Return the criterion meant by a registered name, or by a user's function.

    Raises
    ------
    Refused
        If the name is not in ``names.CRITERIA``, or `given` is neither.
    """
    if isinstance(given, str):
        if given not in names.CRITERIA:
            raise unknown("criterion", given, names.CRITERIA)
        given = pkgutil.resolve_name(names.CRITERIA[given])
    if isinstance(given, Criterion):
        return given
    if not callable(given):
        raise Refused(f"a criterion is a name or a function, not {type(given).__name__}")
    return _of_user(given)


def _of_user(function: UserCriterion) -> Criterion:
    """Return the criterion of a function (model, batches, loss) -> {parameter name: tensor}."""
    name = getattr(function, "__name__", type(function).__name__)

    def scores(
        network: Network,
        batches: Iterable[Batch],
        loss: Loss,
        generator: torch.Generator,
        options: Options,
    ) -> Scores:
        # A copy, since a function that is not ours may change what it is given.
        seen = [(network.cast(images), labels.to(network.device)) for images, labels in batches]
        found = function(network.copy(), seen, loss)
        return _checked(name, found, network)

    return Criterion(name, scores)


def _checked(name: str, found: object, network: Network) -> Scores:
    """Return the scores of the prunable parameters in their order; those of others are left out."""
    if not isinstance(found, Mapping):
        raise Refused(
            f"criterion {name!r} returned {type(found).__name__}, it must return a mapping from "
            "parameter name to tensor"
        )
    strange = set(found) - set(network.dense) - set(network.fixed)
    if strange:
        raise unknown("parameter", sorted(map(str, strange))[0], network.dense, f"criterion {name}")
    scores = {}
    for key, weight in network.dense.items():
        score = found.get(key)
        if not isinstance(score, Tensor) or score.shape != weight.shape:
            given = tuple(score.shape) if isinstance(score, Tensor) else type(score).__name__
            raise Refused(
                f"criterion {name!r} must score {key!r} by a tensor of shape "
                f"{tuple(weight.shape)}, it gave {given}"
            )
        scores[key] = score.detach().to(weight.device, weight.dtype)
    return scores
