"""The settings of an arm: every key an experiment may set, its default and what is allowed.

A setting at its default is left out of the digest, so a new key whose default keeps the old
behaviour makes no stored run stale. Changing a default changes results under an old digest: bump
the version of the procedures that read it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common import names
from common.errors import unknown

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Density = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """A block of settings in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _known(kind: str, registry: object):
    def check(value: str | None) -> str | None:
        if value is not None and value not in registry:  # type: ignore[operator]
            raise unknown(kind, value, registry)  # type: ignore[arg-type]
        return value

    return check


class Recipe(Strict):
    """How the network is trained; every length is in optimiser steps."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    decay: Literal["all", "no_norm", "weights"] = "all"  # what weight decay acts on
    batch: Positive = 128
    steps: Positive = 1000
    milestones: list[Positive] = []  # the rate is multiplied by `gamma` after each
    gamma: Annotated[float, Field(gt=0)] = 0.1
    evaluations: Positive = 10  # test and validation points, evenly spaced, the last step included
    augment: Literal["none", "flip_shift", "flip_crop", "some_of_flip_shift"] = "none"
    precision: Literal["float32", "bfloat16"] = "float32"
    warmup: Annotated[int, Field(ge=0)] = 0  # steps over which the rate rises from 0

    @model_validator(mode="after")
    def _milestones_inside(self) -> Recipe:
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones {self.milestones} must increase")
        if self.milestones and self.milestones[-1] >= self.steps:
            raise ValueError(f"milestones {self.milestones} must lie before steps ({self.steps})")
        return self

    @model_validator(mode="after")
    def _nesterov_with_momentum(self) -> Recipe:
        if self.nesterov and self.optimizer == "sgd" and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Scoring(Strict):
    """How a criterion sees the network and the data; None leaves a choice to its reading."""

    batch: Positive = 100  # examples in a scoring batch
    batches: Positive = 1
    sampling: Literal["random", "balanced", "by_class"] = "random"
    fresh: bool = False  # an iterated method sees new batches at every step
    init: Name | None = None  # an independent draw is scored; None: the weights to be trained
    init_sd: Annotated[float, Field(gt=0)] = 1.0  # for rn and tn
    redrawn: Literal["all", "linear"] = "all"  # which layers `init` draws anew
    reading: Literal["paper", "authors_code"] = "paper"
    loss: Literal["cross_entropy", "logit_nll"] | None = None
    temperature: Annotated[float, Field(gt=0)] | None = None  # divides the logits
    norm_mode: Literal["eval", "train"] | None = None  # batch norm while scoring
    reduction: Literal["joint", "per_batch"] | None = None  # several batches as one, or averaged
    biases: Literal["free", "counted"] | None = None  # counted: biases compete, and are pruned
    allocation: Literal["global", "layerwise", "er", "erk"] | None = None
    ties: Literal["lower_index", "keep", "drop"] | None = None
    rounding: (
        Literal["half_even", "floor", "floor_removed", "one_more", "ceil_removed", "one_fewer"]
        | None
    ) = None
    one_class: Annotated[int, Field(ge=0)] | None = None  # score images of this class alone
    # true: scored before labels are randomised; random: labels drawn for scoring alone
    labels: Literal["training", "true", "random"] = "training"
    pixels: Literal["given", "shuffled"] = "given"  # shuffled: within each image, for scoring alone
    steps: Positive | None = None  # rounds of scoring and pruning
    schedule: Literal["exponential", "linear", "halving"] | None = None
    dtype: Literal["float32", "float64"] | None = None

    _init = field_validator("init")(_known("initialiser", names.INITIALISERS))


class Rounds(Strict):
    """When `prune_and_retrain` prunes, and where the weights go then; shares of the recipe."""

    count: Positive = 1  # prunings, each keeps the same share of what is left
    after: Annotated[float, Field(ge=0, le=1)] = 1.0  # trained before each pruning
    rewind: Annotated[float, Field(ge=0, le=1)] | None = None  # where weights return to; None: stay


class Settings(Strict):
    """Everything that decides the numbers of one arm."""

    procedure: Name
    model: str
    width: Annotated[float, Field(gt=0)] = 1.0
    init: Name = "default"
    init_sd: Annotated[float, Field(gt=0)] = 1.0  # for rn and tn
    data: Name
    subset: Positive | None = None  # training images used, before the holdout; None: all
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of training images for validation
    labels: Literal["true", "random"] = "true"  # random: training labels drawn uniformly
    pixels: Literal["standard", "unit"] = "standard"  # unit: raw pixels in [0, 1]
    criterion: str = "dense"
    density: Density = 1.0
    layers_like: str | None = None  # a random mask with the layer densities of this criterion
    scoring: Scoring = Scoring()
    ablation: str = "none"
    recipe: Recipe = Recipe()
    rounds: Rounds = Rounds()
    measures: list[Name] = []  # what `analyse_masks` measures, see names.MEASURES

    _data = field_validator("data")(_known("data set", names.DATA))
    _init = field_validator("init")(_known("initialiser", names.INITIALISERS))
    _criterion = field_validator("criterion", "layers_like")(_known("criterion", names.CRITERIA))
    _ablation = field_validator("ablation")(_known("ablation", names.ABLATIONS))
    _procedure = field_validator("procedure")(_known("procedure", names.PROCEDURES))
    _measures = field_validator("measures")(
        lambda values: [_known("measure", names.MEASURES)(value) for value in values]
    )

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        if value.startswith(names.MODEL_PREFIXES):
            return value
        return _known("model", names.MODELS)(value)  # type: ignore[return-value]

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.criterion == "dense" and self.density != 1.0:
            raise ValueError(f"criterion 'dense' keeps every weight, but density is {self.density}")
        if self.layers_like and self.criterion != "random":
            raise ValueError("layers_like goes with criterion 'random' alone")
        return self

    def explicit(self) -> dict:
        """Return the settings that differ from their defaults, nested: what the digest is of."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @cached_property
    def flat(self) -> dict[str, object]:
        """Every setting with its default, keys dotted (``recipe.lr``), for run tables."""
        found: dict[str, object] = {}
        for key in Settings.model_fields:
            value = getattr(self, key)
            if isinstance(value, Strict):
                found |= {f"{key}.{name}": below for name, below in vars(value).items()}
            else:
                found[key] = value
        return found


def flatten(nested: dict, prefix: str = "") -> dict[str, object]:
    """Return `nested` with dotted keys: ``{"recipe": {"lr": .1}}`` -> ``{"recipe.lr": .1}``."""
    flat: dict[str, object] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
