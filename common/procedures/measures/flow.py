"""Synaptic saliency per layer and per unit: totals, their spread, and what they owe to size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from common.procedures.stage import SCORING, Found, Stage
from common.pruning import Masks, Options, allocate, densities
from common.pruning.allocate import Ties
from common.pruning.criterion import Scores, find
from common.pruning.effective import JOIN
from common.pruning.network import Network
from common.pruning.score import score_with

JOINED = JOIN | {"cat", "concat", "stack", "lerp", "lstm", "gru"}

Scorer = Callable[[Masks | None], Scores]


def scorer(stage: Stage, model: nn.Module) -> tuple[Options, Scorer]:
    """Return the arm's options, and a function from the masks in force to scores of `model`.

    Every call sees the arm's scoring batches and the same draw of the stream ``mask``.
    """
    scoring = stage.settings.scoring
    method = find(stage.settings.criterion)
    given = {name: getattr(scoring, name) for name in SCORING if name != "reading"}
    options = method.options(scoring.reading, given)
    batches = stage.criterion_batches()

    def scores(masks: Masks | None = None) -> Scores:
        return score_with(method, options, model, batches, stage.stream("mask"), masks)

    return options, scores


def layer_totals(stage: Stage) -> Found:
    """Return the sum of the arm's scores over each layer, and how it depends on the layer's size.

    Sums are in float64, whatever the arithmetic of scoring (``scoring.dtype``).

    Returns
    -------
    rows
        ``score total:<parameter>``; ``score total_spread`` = (largest - smallest total) / largest
        magnitude. Where all totals are positive also ``score total_ratio`` = largest / smallest
        and ``score size_slope``, over layers, of log10 of the mean score on log10 of 1 / size.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), theorem 2 and Fig. 4: the totals of a conserved score
    are equal, so that its slope is 1.
    """
    _, scores = scorer(stage, stage.model())
    found = scores(None)
    totals = {name: float(score.double().sum()) for name, score in found.items()}
    values = list(totals.values())
    rows: Found = [("score", f"total:{name}", total) for name, total in totals.items()]
    largest = max(abs(value) for value in values)
    if largest:
        rows.append(("score", "total_spread", (max(values) - min(values)) / largest))
    if min(values) > 0:
        sizes = [score.numel() for score in found.values()]
        means = [total / size for total, size in zip(values, sizes, strict=True)]
        rows.append(("score", "total_ratio", max(values) / min(values)))
        rows.append(("score", "size_slope", log_slope([1 / size for size in sizes], means)))
    return rows


def log_slope(x: list[float], y: list[float]) -> float:
    """Return the least-squares slope of log10 y on log10 x; of equal x it is 0.

    Examples
    --------
    >>> round(log_slope([0.01, 0.1, 1.0], [0.1, 1.0, 10.0]), 6)
    1.0
    """
    logs = torch.tensor(
        [[math.log10(value) for value in values] for values in (x, y)], dtype=torch.float64
    )
    across, up = logs - logs.mean(1, keepdim=True)
    return float((across * up).sum() / across.square().sum()) if across.any() else 0.0


def unit_totals(stage: Stage) -> Found:
    """Return how far the scores into a hidden unit differ from those out of it.

    A unit is a channel or a hidden neuron; its incoming weights are the row of its layer, its
    outgoing ones the column (of a flattened image: the columns) of the next. Biases must be zero,
    as they are at initialisation: their scores are not added.

    Returns
    -------
    rows
        ``score unit_difference`` = the largest |in - out| of a unit over the largest total of one;
        ``score unit_correlation``: Pearson's r of in and out over all hidden units; ``score
        unit_count``. None where the network is no chain of layers.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), theorem 1 and Fig. 3.
    """
    model = stage.model()
    if not is_chain(model, stage.data.in_shape):
        return []
    _, scores = scorer(stage, model)
    into, out = unit_flows(scores(None))
    if not len(into):
        return []
    largest = float(torch.stack([into, out]).abs().max())
    rows: Found = [("score", "unit_count", float(len(into)))]
    if largest:
        rows.append(("score", "unit_difference", float((into - out).abs().max()) / largest))
    both = torch.stack([into, out])
    if len(into) > 1 and (both.std(1) > 0).all():
        rows.append(("score", "unit_correlation", float(torch.corrcoef(both)[0, 1])))
    return rows


def unit_flows(scores: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the incoming and the outgoing total of every hidden unit of a chain of layers.

    Parameters
    ----------
    scores : mapping of parameter name to Tensor
        In the order of the layers, each (out, in, ...); a flattened image has its channel first.

    Returns
    -------
    tuple of Tensor
        Float64 (hidden units,), layer after layer.

    Examples
    --------
    >>> scores = {"fc1": torch.tensor([[2.0, 4.0], [3.0, 0.5]]), "fc2": torch.tensor([[6.0, 3.5]])}
    >>> [flow.tolist() for flow in unit_flows(scores)]
    [[6.0, 3.5], [6.0, 3.5]]
    """
    into, out = [], []
    for before, after in pairwise(scores.values()):
        units = before.shape[0]
        into.append(before.double().flatten(1).sum(1))
        out.append(after.double().reshape(after.shape[0], units, -1).sum((0, 2)))
    if not into:
        return torch.empty(0, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
    return torch.cat(into), torch.cat(out)


class _Joins(TorchFunctionMode):
    """Notes whether a network adds or joins tensors, or computes with a recurrent cell."""

    seen = False

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run `func` as it is."""
        self.seen = self.seen or getattr(func, "__name__", "") in JOINED
        return func(*args, **(kwargs or {}))


def is_chain(model: nn.Module, in_shape: tuple[int, ...]) -> bool:
    """Return whether the layers of `model` follow each other: nothing is added or joined.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    in_shape : tuple of int
        Of one example, (C, H, W).
    """
    joins = _Joins()
    network = Network(model, dtype="float32")
    with network.scoring(), torch.no_grad(), joins:
        network(torch.zeros(1, *in_shape, device=network.device))
    return not joins.seen


def prune_size(stage: Stage) -> Found:
    """Return the largest share of the flow that a step of the arm's schedule removes at once.

    The masks go down as `common.pruning.prune` takes them; before each step the scores of the
    weights that it removes are summed and divided by the flow through the network, which is the
    total of the output layer where biases are zero.

    Returns
    -------
    rows
        ``score prune_size_ratio``: the maximum over steps; left out where no flow is left.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), theorem 3 (below 1 no cut is removed at once) and Fig. 7.
    """
    settings = stage.settings
    options, scores = scorer(stage, stage.model())
    masks: Masks | None = None
    largest = 0.0
    for target in densities(settings.density, options.steps, options.schedule):
        found = scores(masks)
        flow = float(found[list(found)[-1]].double().sum())
        if flow <= 0:
            return []
        kept = cut(found, target, options, None if options.returning else masks)
        removed = 0.0
        for name, value in found.items():
            gone = ~kept[name] if masks is None else masks[name] & ~kept[name]
            removed += float(value[gone].double().sum())
        largest = max(largest, removed / flow)
        masks = kept
    return [("score", "prune_size_ratio", largest)]


def cut(scores: Scores, density: float, options: Options, alive: Masks | None = None) -> Masks:
    """Return the masks of `density` that the options of a method make of `scores`."""
    return allocate(
        scores,
        density,
        options.allocation,
        ties=cast(Ties, options.ties),
        rounding=options.rounding,
        alive=alive,
    )
