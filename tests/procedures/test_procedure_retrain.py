"""Training, pruning and training again: what each round starts from, and resuming in the middle."""

import itertools

import pytest
import torch
from small_runs import settings, spec

from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.pruning import prune
from common.training import Recipe, loop, train

CPU = torch.device("cpu")
RECIPE = {
    "lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "batch": 50, "steps": 8,
    "milestones": [4], "evaluations": 2,
}  # fmt: skip


def arm(procedure="prune_and_retrain", **changes):
    given = {"procedure": procedure, "criterion": "magnitude", "density": 0.25, "recipe": RECIPE}
    return settings(**{**given, **changes})


def rows_of(given, checkpoint=None):
    rows, _ = execute(spec(given), checkpoint, CPU)
    return rows


def without_trainings(rows):
    return [row for row in rows if row.metric != "trainings"]


def test_pruning_after_no_training_is_pruning_at_initialisation():
    rows = rows_of(arm(rounds={"after": 0.0}))
    assert without_trainings(rows) == rows_of(arm("prune_then_train"))
    assert rows[0].metric == "trainings" and rows[0].value == 0


def by_hand(share, rewind):
    """Magnitude pruning after training, step by step with the parts of the engine."""
    stage = Stage(namespace(spec(arm())["settings"]), 0, CPU)
    recipe = Recipe(
        **{**RECIPE, "steps": round(8 * share), "milestones": [4] if share > 0.5 else []}
    )
    model = stage.model()
    train(model, stage.training_batches(model), recipe)
    masks = prune(model, "magnitude", 0.25)
    if rewind:
        model = stage.model()
    history = train(
        model,
        stage.training_batches(model),
        Recipe(**RECIPE),
        masks=masks,
        evaluation=lambda net: {"test": {"weight": float(net.fc1.weight.detach().abs().sum())}},
    )
    return masks, history


@pytest.mark.parametrize("share, rewind", [(1.0, None), (1.0, 0.0), (0.5, None)])
def test_one_round_is_train_prune_train(share, rewind):
    masks, history = by_hand(share, rewind is not None)
    rows = rows_of(arm(rounds={"after": share, "rewind": rewind}))
    found = {(row.step, row.split, row.metric): row.value for row in rows}
    for name, (kept, total) in masks.counts().items():
        assert found[0, "mask", f"density:{name}"] == kept / total
    losses = [row[3] for row in history.rows if row[1:3] == ["train", "loss"]]
    assert [found[4, "train", "loss"], found[8, "train", "loss"]] == losses
    assert found[0, "run", "trainings"] == share


def test_rounds_keep_equal_shares_and_never_bring_a_weight_back(monkeypatch):
    seen = []
    original = Stage.masks

    def watched(self, *args, **options):
        seen.append(original(self, *args, **options))
        return seen[-1]

    monkeypatch.setattr(Stage, "masks", watched)
    rows = rows_of(arm(density=0.2**3, rounds={"count": 3, "rewind": 0.0}))
    assert [masks.kept for masks in seen] == [round(0.2**n * seen[0].total) for n in (1, 2, 3)]
    for before, after in itertools.pairwise(seen):
        assert all((before[name] | ~after[name]).all() for name in before)
    assert rows[0].value == 3


def test_rewinding_returns_to_the_step_named(monkeypatch):
    stage = Stage(namespace(spec(arm())["settings"]), 0, CPU)
    model = stage.model()
    train(model, stage.training_batches(model), Recipe(**{**RECIPE, "steps": 2, "milestones": []}))
    begun = []
    original = loop.train

    def watched(net, *args, **options):
        begun.append(net.fc1.weight.detach().clone())
        return original(net, *args, **options)

    monkeypatch.setattr("common.procedures.prune_then_train.train", watched)
    rows_of(arm(rounds={"rewind": 0.25}))
    assert torch.equal(begun[0], model.fc1.weight)


def last_training(monkeypatch, **changes):
    """Return the weights that the last training begins with, and its masks."""
    begun = []
    original = loop.train

    def watched(net, *args, **options):
        weights = {name: tensor.detach().clone() for name, tensor in net.named_parameters()}
        begun.append((weights, options["masks"]))
        return original(net, *args, **options)

    monkeypatch.setattr("common.procedures.prune_then_train.train", watched)
    rows_of(arm(rounds={"count": 2, "rewind": 0.0}, **changes))
    return begun[0]


def test_shuffling_is_of_the_last_masks_alone_and_keeps_the_weights(monkeypatch):
    weights, masks = last_training(monkeypatch)
    same, shuffled = last_training(monkeypatch, ablation="shuffle")
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    # Had the first round been shuffled, the second would keep other numbers of each layer.
    assert shuffled != masks and shuffled.counts() == masks.counts()


def test_new_weights_are_drawn_for_the_last_training_alone(monkeypatch):
    weights, masks = last_training(monkeypatch)
    drawn, same = last_training(monkeypatch, ablation="redraw")
    assert same == masks
    fresh = dict(
        Stage(namespace(spec(arm())["settings"]), 0, CPU).model("redraw").named_parameters()
    )
    assert all(torch.equal(drawn[name], fresh[name]) for name in fresh)
    assert not torch.equal(drawn["fc1.weight"], weights["fc1.weight"])


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("kill_at", [1, 9, 14, 21, 30])
def test_an_interrupted_run_ends_with_the_same_rows(tmp_path, monkeypatch, kill_at):
    given = arm(rounds={"count": 3, "rewind": 0.25})
    undisturbed = rows_of(given)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    original = Stage.training_batches
    calls = []

    def dying(self, model):
        batches = original(self, model)

        def batch(step):
            calls.append(step)
            if len(calls) == kill_at:
                raise Killed
            return batches(step)

        return batch

    monkeypatch.setattr(Stage, "training_batches", dying)
    checkpoint = tmp_path / "run.ckpt"
    with pytest.raises(Killed):
        rows_of(given, checkpoint)
    resumed = rows_of(given, checkpoint)
    assert resumed == undisturbed
    assert len(calls) < 2 * (2 + 4 * 8)  # it did not start over
