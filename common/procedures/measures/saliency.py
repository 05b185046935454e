"""Connection sensitivity after pruning, and how well derivatives before pruning foretell it.

Everything is in double precision, with batch norm in training mode (as FORCE's code scores) and
under the loss of the arm, cross-entropy unless it says otherwise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from common import data as datasets
from common.procedures.stage import SCORING, Batch, Found, Stage
from common.pruning import Masks, Network, Options, sensitivity
from common.pruning.criteria import mean_gradients
from common.pruning.criterion import Loss, find

FLOOR = 1e-6  # of the dense network's objective: a network without a path has none
SINGLES = 40  # weights that are removed one at a time


def options_of(stage: Stage) -> Options:
    """Return the arm's options of scoring, the gaps filled by its criterion and reading."""
    scoring = stage.settings.scoring
    given = {name: getattr(scoring, name) for name in SCORING if name != "reading"}
    return find(stage.settings.criterion).options(scoring.reading, given)


def objective(stage: Stage) -> Found:
    """Return the FORCE objective of the arm's mask: connection sensitivity once it is in force.

    S(c) is the sum over kept weights of |w dL/dw|, the gradient taken at the masked weights, on a
    batch of test images (stream ``objective``) of the size of a scoring batch.

    Returns
    -------
    rows
        ``score objective`` S(c) and ``score dense_objective`` S(1), in nats under cross-entropy;
        ``score log_objective``: log10 of S(c), at least 1e-6 of S(1).

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), section 4.
    """
    loss, batches = options_of(stage).loss, _held_out(stage)
    pruned = sensitivity_after(stage, batches, loss, stage.path[-1])
    dense = sensitivity_after(stage, batches, loss, None)
    return [
        ("score", "objective", pruned),
        ("score", "dense_objective", dense),
        ("score", "log_objective", math.log10(max(pruned, FLOOR * dense))),
    ]


def sensitivity_after(
    stage: Stage, batches: Iterable[Batch], loss: Loss, masks: Masks | None
) -> float:
    """Return the sum over kept weights of |w dL/dw| at the weights masked by `masks`."""
    signed = sensitivity(
        stage.model(), batches, loss=loss, norm_mode="train", dtype="float64", masks=masks
    )
    kept = (value[masks[name]] if masks else value for name, value in signed.items())
    return float(sum(value.abs().sum() for value in kept))


def _held_out(stage: Stage) -> list[Batch]:
    scoring = stage.settings.scoring
    return list(
        datasets.scoring_batches(
            stage.data.test, scoring.batch, 1, stage.stream("objective"),
            mean=stage.data.mean, sd=stage.data.sd, sampling=scoring.sampling,
            pixels=stage.settings.pixels, device=stage.device,
        )
    )  # fmt: skip


def gradient_cosine(stage: Stage) -> Found:
    """Return the cosine of the gradients before and after pruning, over the kept weights.

    ``score gradient_cosine``, in [-1, 1], on the batches that the mask was scored on; 0 where one
    of the gradients is exactly 0.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), section 4: SNIP takes the gradients for the same.
    """
    loss, batches, masks = options_of(stage).loss, stage.scoring_batches(), stage.path[-1]
    before = _on(masks, _gradients(stage, batches, loss, None))
    after = _on(masks, _gradients(stage, batches, loss, masks))
    norms = float(before.norm() * after.norm())
    return [("score", "gradient_cosine", float(before @ after) / norms if norms else 0.0)]


def _gradients(
    stage: Stage, batches: Iterable[Batch], loss: Loss, masks: Masks | None
) -> dict[str, Tensor]:
    network = Network(stage.model(), norm_mode="train", dtype="float64", masks=masks)
    with network.scoring():
        return mean_gradients(network, batches, loss)


def _on(chosen: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([values[name][mask] for name, mask in chosen.items()])


def relative_error(predicted: float, measured: float) -> float:
    """Return |a - b| / (|a| + |b|): 0 if they agree, 1/3 if one is twice the other, at most 1.

    Examples
    --------
    >>> relative_error(2.0, 1.0) == 1 / 3, relative_error(1.0, -1.0), relative_error(0.0, 0.0)
    (True, 1.0, 0.0)
    """
    size = abs(predicted) + abs(measured)
    return abs(predicted - measured) / size if size else 0.0


def expansion(stage: Stage) -> Found:
    """Return how far the first-order expansion of the loss misses, for a group and for single ones.

    Removing weights is predicted to change the loss by minus the sum of their w dL/dw. The group is
    all that the arm's mask removes; the single ones are 40 weights drawn uniformly (stream
    ``expansion``), each removed alone. Both on the scoring batches.

    Returns
    -------
    rows
        ``score group_error`` and ``score single_error`` (the median): `relative_error` of the
        predicted and the measured change; ``score group_excess``, the first minus the second.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081), section 3, on removing weights together.
    """
    loss, batches, masks = options_of(stage).loss, stage.scoring_batches(), stage.path[-1]
    network = Network(stage.model(), norm_mode="train", dtype="float64")
    with network.scoring():
        gradients = mean_gradients(network, batches, loss)
        signed = {name: network.dense[name] * g for name, g in gradients.items()}
        dense = _loss(network, batches, loss, {})
        removed = {name: ~mask for name, mask in masks.items()}
        without = {name: w.masked_fill(removed[name], 0) for name, w in network.dense.items()}
        change = _loss(network, batches, loss, without) - dense
        group = relative_error(-float(_on(removed, signed).sum()), change)
        errors = []
        for name, index in _drawn(network.dense, stage.stream("expansion")):
            weight = network.dense[name].clone()
            place = torch.unravel_index(torch.tensor(index), weight.shape)
            weight[place] = 0
            change = _loss(network, batches, loss, {name: weight}) - dense
            errors.append(relative_error(-float(signed[name][place]), change))
    single = float(torch.tensor(errors, dtype=torch.float64).median())
    return [
        ("score", "group_error", group),
        ("score", "single_error", single),
        ("score", "group_excess", group - single),
    ]


@torch.no_grad()
def _loss(
    network: Network, batches: Sequence[Batch], loss: Loss, tensors: Mapping[str, Tensor]
) -> float:
    values = [float(loss(network(images, tensors), labels)) for images, labels in batches]
    return sum(values) / len(values)


def _drawn(weights: Mapping[str, Tensor], generator: torch.Generator) -> list[tuple[str, int]]:
    """Return the parameter and flat index of weights drawn uniformly, without repetition."""
    sizes = [weight.numel() for weight in weights.values()]
    ends, names = list(accumulate(sizes)), list(weights)
    chosen = torch.randperm(ends[-1], generator=generator)[:SINGLES].tolist()
    owners = [(bisect_right(ends, index), index) for index in chosen]
    return [(names[at], index - ends[at] + sizes[at]) for at, index in owners]
