"""The tests of the battery: each yields findings about the criterion under test."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from common.battery.subject import CONVOLUTIONAL, DEEP_MLP, MLP, Finding, Subject
from common.benchmarks.measure import paired
from common.procedures import Stage
from common.pruning import effective_density, prunable

DENSITIES = (0.1, 0.02)
ABLATIONS = ("none", "shuffle", "redraw", "invert")
STEP = 0.25  # of log10 compression
MASKS = 3  # networks for tests of structure


def accuracy(subject: Subject) -> Iterator[Finding]:
    """Train the small network dense, pruned, pruned at random, and under the three ablations.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576).
    """
    for replicate in range(subject.replicates):
        stage = subject.stage(MLP, replicate, criterion="dense")
        value = subject.error(stage, stage.model(), None)
        yield Finding(subject.name, "accuracy", MLP, "dense", replicate, "test_error", value)
        for density in DENSITIES:
            for ablation in (*ABLATIONS, "random"):
                own = "none" if ablation == "random" else ablation
                stage = subject.stage(MLP, replicate, ablation=own)
                model = stage.model()
                criterion = "random" if ablation == "random" else subject.criterion
                masks = stage.masks(model, density=density, criterion=criterion)
                value = subject.error(stage, model, masks)
                setting = f"{ablation} at {density:g}"
                yield Finding(
                    subject.name, "accuracy", MLP, setting, replicate, "test_error", value
                )


def collapse(subject: Subject) -> Iterator[Finding]:
    """Prune further and further until no path leads through, up to one weight a layer.

    ``path_lost`` is the first log10 compression without a path, ``layer_lost`` the first with an
    empty layer; where there is none, the largest that any criterion can reach, ``largest``.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), critical compression; Vysogorets, Kempe 2023 (arXiv
    2107.02306), effective density.
    """
    for network, replicate in itertools.product((MLP, DEEP_MLP), range(MASKS)):
        stage = subject.stage(network, replicate)
        model = stage.model()
        weights = prunable(model)
        largest = math.log10(sum(w.numel() for w in weights.values()) / len(weights))
        lost = {"path_lost": largest, "layer_lost": largest}
        points = [STEP * step for step in range(1, math.ceil(largest / STEP))]
        for alpha in [*points, largest]:
            masks = subject.masks(stage, model, min(1.0, 10**-alpha))
            found = effective_density(model, masks, stage.data.in_shape) or 0.0
            empty = any(kept == 0 for kept, _ in masks.counts().values())
            if not found:
                lost["path_lost"] = min(lost["path_lost"], alpha)
            if empty:
                lost["layer_lost"] = min(lost["layer_lost"], alpha)
            setting = f"{alpha:.4g}"
            for metric, value in (("density", masks.density), ("effective_density", found)):
                yield Finding(subject.name, "collapse", network, setting, replicate, metric, value)
        for metric, value in {**lost, "largest": largest}.items():
            yield Finding(subject.name, "collapse", network, "end", replicate, metric, value)


def conservation(subject: Subject) -> Iterator[Finding]:
    """Compare the total scores of layers, and of each hidden unit's two sides, in float64.

    ``layer_ratio`` is the largest layer total over the smallest; ``unit_gap`` the largest
    difference between what comes in and what goes out of a hidden unit, over the largest total.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), theorems 1 and 2.
    """
    for network, replicate in itertools.product((MLP, DEEP_MLP), range(MASKS)):
        stage = subject.stage(network, replicate)
        scores = list(subject.scores(stage, stage.model(), dtype="float64").values())
        totals = [abs(float(s.sum())) for s in scores]
        into = [s.sum(1) for s in scores[:-1]]
        out = [s.sum(0) for s in scores[1:]]
        largest = max(float(t.abs().max()) for t in (*into, *out)) or 1.0
        gap = max(float((a - b).abs().max()) for a, b in zip(into, out, strict=True)) / largest
        ratio = max(totals) / min(totals) if min(totals) else math.inf
        for metric, value in (("layer_ratio", ratio), ("unit_gap", gap)):
            yield Finding(subject.name, "conservation", network, "scores", replicate, metric, value)


def stability(subject: Subject) -> Iterator[Finding]:
    """Change what should not matter, and see how much of the mask stays: the Jaccard index.

    Masks are scored in float32, whatever the criterion's own arithmetic; the seed is that of its
    draws.

    References
    ----------
    de Jorge et al. 2021 (arXiv 2006.09081): iterated masks of deep networks amplify rounding.
    """
    density = DENSITIES[1]
    for network, replicate in itertools.product((MLP, CONVOLUTIONAL), range(MASKS)):
        stage = subject.stage(network, replicate)
        model = stage.model()
        other = subject.stage(network, replicate + 1000)
        changes: dict[str, dict[str, Any]] = {
            "again": {},
            "threads": {},
            "float64": {"dtype": "float64"},
            "batch": {"batches": other.scoring_batches()},
            "seed": {"generator": other.stream("mask")},
        }
        base = subject.masks(stage, model, density, dtype="float32")
        for setting, changed in changes.items():
            with _threads(2 if setting == "threads" else 1):
                masks = subject.masks(stage, model, density, **{"dtype": "float32", **changed})
            value = base.jaccard(masks)
            yield Finding(subject.name, "stability", network, setting, replicate, "jaccard", value)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cost(subject: Subject) -> Iterator[Finding]:
    """Compare the time of pruning with that of one training batch of 128, in turn."""
    stage = subject.stage(CONVOLUTIONAL, 0)
    model, batch = stage.model(), _training_batch(stage)
    prune = lambda: subject.masks(stage, model, DENSITIES[1], batches=[batch])  # noqa: E731
    train = lambda: _pass(model, *batch)  # noqa: E731
    _, _, ratio = paired(prune, train, pairs=3)
    yield Finding(subject.name, "cost", CONVOLUTIONAL, "pruning", 0, "passes", ratio)


def _training_batch(stage: Stage) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = stage.batcher(stage.training, batch=128, channels_last=True).batch(0)
    return images, labels


def _pass(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()


TRIALS = (accuracy, collapse, conservation, stability, cost)
