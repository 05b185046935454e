"""Sensitivity after pruning and first-order expansions, against plain autograd and identities."""

import math

import pytest
import torch
from measured import measured, nothing_kept, stage
from torch import nn
from torch.nn import functional as F

from common import data as datasets
from common.procedures import Stage
from common.procedures.measures import saliency
from common.pruning import Masks, prunable

TEN = {"batch": 10, "dtype": "float64"}


def plain(one, masks=None, images=None, labels=None, temperature=1.0):
    """The loss, the weights and their gradients in a copy of the network, by plain autograd."""
    model = one.model().double()
    weights = prunable(model)
    with torch.no_grad():
        for name, weight in weights.items():
            if masks is not None:
                weight *= masks[name]
    loss = F.cross_entropy(model(images.double()) / temperature, labels)
    return loss, weights, torch.autograd.grad(loss, list(weights.values()), create_graph=True)


def dot(a, b):
    return float(sum((x.detach() * y.detach()).sum() for x, y in zip(a, b, strict=True)))


def test_the_objective_is_the_sensitivity_of_kept_weights_on_test_images():
    one = stage(density=0.1, scoring=TEN)
    generator = one.stream("objective")
    (batch,) = datasets.scoring_batches(
        one.data.test, 10, 1, generator, mean=one.data.mean, sd=one.data.sd
    )
    found = dict(((s, m), v) for s, m, v in saliency.objective(one))
    masks = one.masks(one.model())
    for metric, mask in (("objective", masks), ("dense_objective", None)):
        _, weights, gradients = plain(one, mask, *batch)
        expected = sum(
            float((w * g).detach().abs().sum())
            for w, g in zip(weights.values(), gradients, strict=True)
        )
        assert found["score", metric] == pytest.approx(expected, rel=1e-9)
    assert found["score", "log_objective"] == math.log10(found["score", "objective"])


def test_the_objective_of_a_mask_that_cuts_everything_stops_at_the_floor(monkeypatch):
    one = stage(scoring=TEN)
    monkeypatch.setattr(Stage, "path", [nothing_kept(one.model())])
    found = {metric: value for _, metric, value in saliency.objective(one)}
    assert found["objective"] == 0
    assert found["log_objective"] == pytest.approx(math.log10(found["dense_objective"]) - 6)


def test_the_cosine_is_that_of_the_gradients_over_kept_weights():
    one = stage(density=0.1, scoring=TEN)
    ((_, _, found),) = saliency.gradient_cosine(one)
    (batch,) = one.scoring_batches()
    masks = one.masks(one.model())
    before, after = (plain(one, mask, *batch)[2] for mask in (None, masks))
    before, after = (
        [g * mask for g, mask in zip(gradients, masks.values(), strict=True)]
        for gradients in (before, after)
    )
    norms = math.sqrt(dot(before, before) * dot(after, after))
    assert found == pytest.approx(dot(before, after) / norms, rel=1e-9)
    assert 0 < found < 1


def test_the_cosine_is_one_without_pruning_and_zero_without_a_gradient(monkeypatch):
    dense = measured("gradient_cosine", density=1.0, scoring=TEN)
    assert dense["score", "gradient_cosine"] == pytest.approx(1, abs=1e-12)
    monkeypatch.setattr(Stage, "path", [nothing_kept(stage().model())])
    cut = measured("gradient_cosine", scoring=TEN)
    assert cut["score", "gradient_cosine"] == 0


def linear(self, stream="init"):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.normal_(model[1].weight, generator=self.stream(stream))
    return model


def test_of_a_loss_that_is_linear_in_the_weights_the_expansions_are_exact(monkeypatch):
    monkeypatch.setattr(Stage, "model", linear)
    found = measured("expansion", scoring={"loss": "logit_nll", **TEN})
    assert found["score", "group_error"] < 1e-9
    assert found["score", "single_error"] < 1e-6  # some weights change the loss by rounding alone


def test_the_group_s_error_is_that_of_the_change_of_the_loss():
    one = stage(density=0.05, scoring=TEN)
    found = {metric: value for _, metric, value in saliency.expansion(one)}
    (batch,) = one.scoring_batches()
    masks = one.masks(one.model())
    dense, weights, gradients = plain(one, None, *batch)
    pruned, _, _ = plain(one, masks, *batch)
    predicted = -sum(
        float((w * g).detach()[~mask].sum())
        for w, g, mask in zip(weights.values(), gradients, masks.values(), strict=True)
    )
    change = float(pruned) - float(dense)
    expected = abs(predicted - change) / (abs(predicted) + abs(change))
    assert found["group_error"] == pytest.approx(expected, rel=1e-9)
    assert found["single_error"] < 0.1 < found["group_error"]
    assert found["group_excess"] == found["group_error"] - found["single_error"]


def test_single_weights_are_drawn_from_all_layers_in_proportion():
    weights = {"a": torch.zeros(3, 2), "b": torch.zeros(1), "c": torch.zeros(33)}
    drawn = saliency._drawn(weights, torch.Generator().manual_seed(0))
    assert sorted(drawn) == [
        *(("a", i) for i in range(6)), ("b", 0), *(("c", i) for i in range(33)),
    ]  # fmt: skip


def test_the_reading_decides_the_loss_of_the_objective():
    paper = stage(criterion="force", scoring=TEN)
    code = stage(criterion="force", scoring={"reading": "authors_code", **TEN})
    logits, labels = torch.tensor([[2.0, 1.0]]), torch.tensor([1])
    assert float(saliency.options_of(code).loss(logits, labels)) == -1
    assert float(saliency.options_of(paper).loss(logits, labels)) == pytest.approx(
        math.log(1 + math.e)
    )
    assert isinstance(paper.path[-1], Masks)
