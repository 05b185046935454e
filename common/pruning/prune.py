"""Score, allocate, mask, and again: the one path from a network to masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import nn

from common.errors import Refused
from common.pruning.ablate import check_ablation, empty_layer, invert, shuffle
from common.pruning.allocate import (
    OF_WHAT_IS_LEFT,
    Count,
    Ties,
    allocate,
    check_density,
    of_what_is_left,
)
from common.pruning.criterion import (
    Batch,
    Criterion,
    Loss,
    Reduction,
    UserCriterion,
    find,
)
from common.pruning.masks import Masks
from common.pruning.network import NormMode
from common.pruning.prunable import Biases, prunable
from common.pruning.schedule import densities
from common.pruning.score import check_given, redrawn, score_with


def prune(
    model: nn.Module,
    criterion: str | Criterion | UserCriterion,
    density: float,
    batches: Iterable[Batch] | None = None,
    *,
    reading: str = "paper",
    allocation: str | Mapping[str, int] | None = None,
    steps: int | None = None,
    schedule: str | None = None,
    returning: bool | None = None,
    ties: Ties | None = None,
    rounding: str | Count | None = None,
    loss: str | Loss | None = None,
    temperature: float | None = None,
    norm_mode: NormMode | None = None,
    reduction: Reduction | None = None,
    biases: Biases | None = None,
    dtype: str | torch.dtype | None = None,
    generator: torch.Generator | None = None,
    like: Masks | str | Criterion | UserCriterion | None = None,
    within: Masks | None = None,
    ablation: str = "none",
    redraw: Callable[[nn.Module], object] | None = None,
    on_step: Callable[[Masks], object] | None = None,
) -> Masks:
    """Return the masks that `criterion` finds for `model` at `density`.

    At each step the network is scored with the masks in force, the highest scores of all weights
    (of those still kept, unless pruned weights may return) are kept, and so on down to `density`.
    SNIP is one such step. Neither the model nor torch's global random generator is changed.

    Parameters
    ----------
    model, criterion, batches, reading, loss, temperature, norm_mode, reduction, biases, dtype,
    generator, redraw
        See :func:`score`. A list of batches is seen anew at every step; a loader is read again.
    density : float
        Share of the prunable weights to keep, in (0, 1].
    allocation : {"global", "layerwise", "er", "erk"} or mapping of name to int, optional
        How the kept weights are spread over the layers, see :func:`allocate`. The criteria
        ``uniform``, ``er``, ``erk``, ``smart_ratio`` and ``smart_ratio_vgg`` bring their own.
    steps : int, optional
        Rounds of scoring and pruning; default the method's, mostly 1.
    schedule : {"exponential", "linear", "halving"}, optional
        The densities on the way, see :func:`densities`.
    returning : bool, optional
        Whether a weight pruned at one step competes again at the next.
    ties : {"lower_index", "keep", "drop"}, optional
        Of equal scores at the threshold the lower flat index is kept, or all, or none.
    rounding : {"half_even", "floor", "of_sparsity", "floor_removed", "one_more"} or callable
        Of the kept count, see :func:`allocate`. Where biases are counted, half_even means
        of_sparsity, the rule of SNIP's authors. ``"ceil_removed"`` and ``"one_fewer"`` round at
        every step what the step before has left, over all layers at once.
    like : Masks or criterion, optional
        The number that each layer keeps is taken from these masks, or from those of this other
        criterion on the same model, data and options; biases are counted if they are there. With
        criterion ``"random"``: random masks of the same layer densities.
    within : Masks, optional
        In force from the start: what they prune stays pruned, unless weights may return.
    ablation : {"none", "shuffle", "invert", "empty_layer", "redraw"}
        ``"shuffle"`` permutes the final masks within layers by `generator`, ``"invert"`` keeps the
        lowest scores, for good at every step, ``"empty_layer"`` empties the layer in the middle of
        the final masks; ``"redraw"`` concerns the weights trained under them, not the masks.
    on_step : callable, optional
        Called with the masks after each step, before any ablation of the final ones.

    Returns
    -------
    Masks

    Raises
    ------
    Refused
        If an argument is not one of the above or contradicts another.
    Degenerate
        If the scores contain NaN.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> batch = (torch.ones(6, 4), torch.tensor([0, 1, 0, 1, 0, 1]))
    >>> prune(net, criterion="snip", density=0.25, batches=[batch]).density
    0.25
    """
    check_ablation(ablation)
    check_given(model, batches)
    check_density(density)
    if isinstance(batches, Iterator):
        batches = list(batches)  # an iterator could be read once only
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    scored = redrawn(model, redraw)
    method = find(criterion)
    given: dict[str, Any] = {
        "allocation": allocation,
        "steps": steps,
        "schedule": schedule,
        "returning": returning,
        "ties": ties,
        "rounding": rounding,
        "loss": loss,
        "temperature": temperature,
        "norm_mode": norm_mode,
        "reduction": reduction,
        "biases": biases,
        "dtype": dtype,
    }
    if like is not None:
        if not isinstance(like, Masks):
            other: dict[str, Any] = {**given, "reading": reading, "generator": generator}
            like = prune(scored, like, density, batches, **other)
        elif abs(like.kept - density * like.total) > len(like):
            raise Refused(f"density is {density}, but that of the masks in like is {like.density}")
        given["biases"] = "counted" if set(like) > set(prunable(model)) else "free"
    options = method.options(reading, given)
    spread = options.allocation if like is None else {n: k for n, (k, _) in like.counts().items()}
    if method.name == "dense" and density != 1:
        raise Refused(f"criterion 'dense' keeps every weight, but density is {density}")
    masks, before = within, 1.0 if within is None else within.density
    if options.rounding in OF_WHAT_IS_LEFT and spread != "global":
        raise Refused(f"rounding {options.rounding!r} counts the network as a whole: allocation "
                      f"must be 'global', not {spread!r}")  # fmt: skip
    for target in densities(density, options.steps, options.schedule):
        scores = score_with(method, options, scored, batches, generator, masks)
        if ablation == "invert":
            scores = invert(scores)
        masks = allocate(
            scores,
            target,
            spread,
            ties=cast(Ties, options.ties),
            rounding=of_what_is_left(options.rounding, target / before, masks),
            # A weight that is pruned scores 0 for some criteria, which turned round would be best.
            alive=masks if ablation == "invert" or not options.returning else None,
        )
        before = target
        if on_step is not None:
            on_step(masks)
    assert masks is not None  # `densities` refuses fewer than one step
    if ablation == "shuffle":
        return shuffle(masks, generator)
    return empty_layer(masks) if ablation == "empty_layer" else masks
