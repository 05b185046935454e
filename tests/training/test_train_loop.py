"""What the loop measures and when; diverged runs; evaluation."""

import dataclasses
import math

import pytest
import torch
from small_nets import RECIPES, batches, conv_net, state
from torch import nn
from torch.nn import functional as F

from common.training import evaluate, loop, train


def test_the_training_loss_is_the_mean_of_the_steps_so_far():
    recipe = dataclasses.replace(RECIPES["sgd"], lr=1e-30, weight_decay=0.0, steps=6, evaluations=3)
    net = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
    losses = [F.cross_entropy(net(images), y).item() for images, y in map(batches, range(6))]
    rows = train(net, batches, recipe).rows
    assert [row[:3] for row in rows] == [[step, "train", "loss"] for step in (2, 4, 6)]
    for step, _, _, value in rows:
        assert value == pytest.approx(sum(losses[:step]) / step, rel=1e-6)


def test_the_training_loss_forgets_what_is_older_than_its_window(monkeypatch):
    monkeypatch.setattr(loop, "LOSS_WINDOW", 2)
    recipe = dataclasses.replace(RECIPES["sgd"], lr=1e-30, weight_decay=0.0, steps=6, evaluations=1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
    losses = [F.cross_entropy(net(images), y).item() for images, y in map(batches, range(6))]
    assert train(net, batches, recipe).last("train", "loss") == pytest.approx(sum(losses[4:]) / 2)


def test_a_run_whose_loss_is_no_number_ends_there_as_diverged():
    recipe = dataclasses.replace(RECIPES["momentum"], lr=1e6, steps=40, evaluations=20)
    asked = []

    def counted(step):
        asked.append(step)
        return batches(step)

    history = train(conv_net(), counted, recipe, evaluation=lambda net: {"test": {"error": 1.0}})
    assert history.diverged
    assert len(asked) == history.rows[-1][0] < 40
    assert history.rows[-1][1:3] == ["train", "loss"]


def test_a_trained_run_is_not_diverged():
    assert not train(conv_net(), batches, RECIPES["adam"]).diverged


def test_last_returns_the_last_value_of_a_metric():
    history = loop.History([[1, "test", "error", 9.0], [2, "test", "error", 5.0]], diverged=False)
    assert history.last("test", "error") == 5.0


def test_training_uses_no_global_randomness():
    net, other = conv_net(), conv_net()
    torch.manual_seed(1)
    first = torch.get_rng_state()
    train(net, batches, RECIPES["sgd"])
    assert torch.equal(torch.get_rng_state(), first)
    torch.manual_seed(2)
    train(other, batches, RECIPES["sgd"])
    assert all(torch.equal(state(net)[name], value) for name, value in state(other).items())


def test_bfloat16_keeps_parameters_in_float32_and_changes_the_numbers():
    recipe = dataclasses.replace(RECIPES["sgd"], precision="bfloat16")
    net, other = conv_net(), conv_net()
    train(net, batches, recipe)
    train(other, batches, RECIPES["sgd"])
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert not torch.equal(net[0].weight, other[0].weight)
    torch.testing.assert_close(net[0].weight, other[0].weight, rtol=0.1, atol=0.02)


class Table(nn.Module):
    """Logits read off the images; says in which mode it was called."""

    def __init__(self):
        super().__init__()
        self.modes = []

    def forward(self, images):
        self.modes.append(self.training)
        return images.flatten(1)


def test_evaluate_weighs_examples_alike_whatever_the_batches():
    logits = torch.tensor([[3.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    labels = torch.tensor([0, 1, 1, 0, 0])
    table = Table()
    found = evaluate(table, [(logits[:4], labels[:4]), (logits[4:], labels[4:])])
    assert found["error"] == pytest.approx(100 * 2 / 5)
    surprise = [
        math.log(sum(map(math.exp, row))) - row[label]
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    assert found["loss"] == pytest.approx(sum(surprise) / 5, rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_runs_in_evaluation_mode_and_restores_the_mode(training):
    table = Table().train(training)
    evaluate(table, [(torch.ones(1, 2), torch.zeros(1, dtype=torch.long))])
    assert table.modes == [False]
    assert table.training == training


def test_evaluate_changes_nothing():
    net = conv_net().train()
    before = state(net)
    evaluate(net, [batches(0)])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
