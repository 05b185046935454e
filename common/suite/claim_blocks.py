"""The blocks a claim is written with: its estimand, controls, planned power, published cells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from common.suite.selectors import Ref, Selector
from common.suite.settings import Name, Strict

SAMPLED = ("greater", "at_least", "at_most", "equivalent", "proportion")
COMPOSITE = ("all_of", "any_of", "monotone", "ranking", "crossover")
Kind = Literal[
    "greater", "equivalent", "at_least", "at_most", "proportion", "monotone", "ranking",
    "crossover", "exact", "all_of", "any_of", "none",
]  # fmt: skip
# Keys that only some kinds read; parts inherit them only where they are read.
READ_BY = {
    "direction": ("monotone", "proportion"),
    "tolerance": ("monotone",),
    "success": ("proportion",),
    "around": ("equivalent", "exact"),
}
Metric = Annotated[str, Field(pattern=r"^[a-z0-9]+_\S+$")]  # <split>_<metric>


def _step(value: object) -> object:
    if value in ("last", "first") or (isinstance(value, int | float) and value > 0):
        return value
    raise ValueError("must be last, first, a logged step, or a share of the last one below 1")


Step = Annotated[Literal["last", "first"] | float, BeforeValidator(_step)]


class Term(Strict):
    """One arm of a linear combination; what is not given is the estimand's."""

    of: Selector
    times: float = 1.0
    experiment: Name | None = None
    metric: Metric | None = None
    step: Step | None = None


class Choose(Strict):
    """The best of a grid, chosen on the first half of the replicates and judged on the rest."""

    grid: Annotated[list[Selector], Field(min_length=2)]  # each laid over `of`
    best: Literal["lowest", "highest"]
    metric: Metric | None = None  # chosen by it; None: the estimand's


class Estimand(Strict):
    """One number a replicate: a metric of one arm, or of arms that share their replicates."""

    experiment: Name | None = None
    metric: Metric | None = None
    within: Selector | None = None  # laid under every selector; a leaf has none left
    step: Step = "last"  # last, first, a logged step, or a share of the last step below 1
    of: Selector | None = None
    minus: Selector | None = None  # paired difference
    over: Selector | None = None  # paired ratio, judged on logarithms
    every: Selector | None = None  # all matching arms, for `exact`
    terms: list[Term] | None = None  # the sum of times x metric
    per: list[Term] | None = None  # `terms` divided by this sum, replicate by replicate
    choose: Choose | None = None
    along: list[Selector] | None = None  # ordered settings, each laid over `of` and `minus`
    compare: Literal["difference", "ratio"] = "difference"  # neighbours of `along`
    statistic: Literal["mean", "median", "spread"] = "mean"  # spread: variance of / variance over

    @property
    def is_ratio(self) -> bool:
        """Whether boundaries are factors: around 1, judged on a logarithmic scale or by F."""
        return self.over is not None or (self.along is not None and self.compare == "ratio")

    def refs(self) -> list[Ref]:
        """Return the arms that the estimand reads, in the order of its keys."""
        common = (self.experiment or "", self.metric or "", self.step)
        if self.choose:
            grid = [Ref(*common, {**(self.of or {}), **cell}) for cell in self.choose.grid]
        else:
            grid = [Ref(*common, self.of)] if self.of is not None else []
        plain = [
            Ref(*common, selector) for selector in (self.minus, self.over) if selector is not None
        ]
        every = [Ref(*common, self.every, several=True)] if self.every is not None else []
        terms = [
            Ref(
                term.experiment or common[0],
                term.metric or common[1],
                term.step or common[2],
                term.of,
            )
            for term in [*(self.terms or []), *(self.per or [])]
        ]
        return grid + plain + every + terms


class Floor(Strict):
    """A level that an arm must reach on average, so that the runs can tell anything."""

    of: Selector
    experiment: Name | None = None
    metric: Metric | None = None
    step: Step | None = None
    at_most: float | None = None
    at_least: float | None = None
    only_where: bool = False  # where it is not reached the part is left out of its claim

    @model_validator(mode="after")
    def _one_side(self) -> Floor:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a floor has either at_most or at_least")
        return self


class Contrast(Strict):
    """A known difference that the same runs must show: its interval lies above `greater`."""

    of: Selector
    minus: Selector
    greater: float
    experiment: Name | None = None
    metric: Metric | None = None
    step: Step | None = None


def listed(value: object) -> tuple:
    """Return control items, given as one, as a list or by name, as a tuple.

    Names let the bodies of parts add an item, change one, or leave one out by None.
    """
    if isinstance(value, dict) and not value.keys() & {*Floor.model_fields, *Contrast.model_fields}:
        return tuple(item for item in value.values() if item is not None)
    return () if value is None else tuple(value) if isinstance(value, list | tuple) else (value,)


class Control(Strict):
    """What must show in the same runs before they may decide anything."""

    floor: Annotated[tuple[Floor, ...], BeforeValidator(listed)] = ()
    contrast: Annotated[tuple[Contrast | str, ...], BeforeValidator(listed)] = ()  # str: ID/part


class Power(Strict):
    """The true effect expected and the standard deviation over replicates, fixed beforehand.

    Of a ratio: the true ratio and the standard deviation of its logarithm; of a proportion or a
    spread the effect alone. `monotone` and `ranking` may list one effect a step.
    """

    effect: float | list[float]
    sd: Annotated[float, Field(ge=0)] | None = None


class Success(Strict):
    """When a replicate counts as a success; without it the values must be 0 or 1."""

    at_least: float | None = None
    at_most: float | None = None


class Cell(Strict):
    """A published number, or the difference of two, by the columns of published.csv."""

    of: Selector
    minus: Selector | None = None


class Sides(Strict):
    """What a published cell lays over `of`, and over `minus`."""

    of: Selector = Field(default_factory=dict)
    minus: Selector = Field(default_factory=dict)


def _sides(value: object) -> object:
    """Return settings that are laid over both sides as what is laid over each."""
    if isinstance(value, dict) and not {"of", "minus"} & set(value):
        return {"of": value, "minus": value}
    return value


class Published(Cell):
    """Published cells as evidence: how many of them agree.

    With `across` and `cells` together, every listed cell is taken for every combination.
    """

    across: tuple[str, ...] = ()  # a cell for each combination of these columns' values
    cells: tuple[Annotated[Sides, BeforeValidator(_sides)], ...] = ()  # or written out
    test: Literal["greater", "at_least", "at_most", "equivalent"]
    beyond: float = 0.0
    # A cell is undecided this close to the boundary; None: where its printed spread straddles.
    undecided_within: Annotated[float, Field(ge=0)] | None = None
    quantifier: Literal["all", "most"] = "all"
