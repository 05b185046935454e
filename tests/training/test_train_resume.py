"""Law 9 at the level of the loop: an interrupted training run ends as an undisturbed one."""

import math
import os

import pytest
import torch
from safetensors.torch import save_file
from small_nets import RECIPES, batches, conv_net, masks_of, same, state

from common.training import Checkpoint, load_checkpoint, loop, save_checkpoint, train


def evaluation(net):
    images, labels = batches(99)
    with torch.no_grad():
        wrong = (net.eval()(images).argmax(1) != labels).float().mean()
    net.train()
    return {"test": {"error": 100 * float(wrong)}}


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)


@pytest.mark.parametrize("name", RECIPES)
def test_interrupted_at_any_step_it_ends_with_the_same_bytes(name, tmp_path, every_step):
    recipe = RECIPES[name]
    net = conv_net()
    masks = masks_of(net)
    whole = train(net, batches, recipe, masks=masks, evaluation=evaluation)
    for stop in range(1, recipe.steps):
        path = tmp_path / f"{stop}.ckpt"

        def killed(step, stop=stop):
            if step == stop:
                raise InterruptedError
            return batches(step)

        with pytest.raises(InterruptedError):
            train(conv_net(), killed, recipe, masks=masks, evaluation=evaluation, checkpoint=path)
        resumed, asked = conv_net(seed=stop), []

        def counted(step, asked=asked):
            asked.append(step)
            return batches(step)

        history = train(
            resumed, counted, recipe, masks=masks, evaluation=evaluation, checkpoint=path
        )
        assert asked == list(range(stop, recipe.steps))
        assert history == whole
        assert same(state(resumed), state(net)), f"interrupted before step {stop}"


def test_interrupted_many_times_it_ends_with_the_same_bytes(tmp_path, every_step):
    recipe, path = RECIPES["nesterov"], tmp_path / "run.ckpt"
    net = conv_net()
    whole = train(net, batches, recipe)
    calls = []

    def once_a_call(step):
        calls.append(step)
        if len(calls) % 2 == 0:
            raise InterruptedError
        return batches(step)

    while True:
        resumed = conv_net()
        try:
            history = train(resumed, once_a_call, recipe, checkpoint=path)
            break
        except InterruptedError:
            continue
    assert len(calls) > recipe.steps
    assert history == whole
    assert same(state(resumed), state(net))


def test_checkpoints_do_not_change_the_training(tmp_path, every_step):
    net, other = conv_net(), conv_net()
    history = train(net, batches, RECIPES["adam"])
    assert train(other, batches, RECIPES["adam"], checkpoint=tmp_path / "run.ckpt") == history
    assert same(state(net), state(other))
    assert os.listdir(tmp_path) == ["run.ckpt"]


@pytest.fixture
def checkpoint():
    return Checkpoint(
        step=3,
        model={"fc.weight": torch.randn(2, 3), "norm.num_batches_tracked": torch.tensor(3)},
        optimizer={"0.momentum_buffer": torch.randn(3, 2).T, "0.step": torch.tensor(3.0)},
        masks={"fc.weight": torch.tensor([[True, False, True], [False, False, True]])},
        losses=torch.tensor([0.5, math.nan]),
        rows=[[2, "train", "loss", 0.1 + 0.2], [2, "test", "loss", math.inf]],
    )


def test_a_checkpoint_comes_back_as_it_was_saved(checkpoint, tmp_path):
    path = tmp_path / "deep/run.ckpt"
    save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path)
    assert (loaded.step, loaded.rows) == (checkpoint.step, checkpoint.rows)
    assert torch.equal(loaded.losses.nan_to_num(9), checkpoint.losses.nan_to_num(9))
    for kind in ("model", "optimizer", "masks"):
        saved, found = getattr(checkpoint, kind), getattr(loaded, kind)
        assert set(saved) == set(found)
        for name, value in saved.items():
            assert found[name].dtype == value.dtype
            assert torch.equal(found[name], value)
    assert os.listdir(path.parent) == ["run.ckpt"]


def test_a_kill_while_saving_leaves_the_old_checkpoint(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, checkpoint)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    checkpoint.step = 4
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, checkpoint)
    assert path.read_bytes() == before


def test_a_damaged_or_foreign_file_is_no_checkpoint(checkpoint, tmp_path):
    path = tmp_path / "run.ckpt"
    assert load_checkpoint(None) is None
    assert load_checkpoint(path) is None
    save_checkpoint(path, checkpoint)
    whole = path.read_bytes()
    for length in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert load_checkpoint(path) is None, length
    path.write_text("no checkpoint at all")
    assert load_checkpoint(path) is None
    save_file({"weight": torch.ones(2)}, path)
    assert load_checkpoint(path) is None
    save_file({"other/weight": torch.ones(2)}, path, {"step": "1", "rows": "[]"})
    assert load_checkpoint(path) is None


def test_training_starts_over_from_a_damaged_checkpoint(tmp_path):
    net, other = conv_net(), conv_net()
    history = train(net, batches, RECIPES["sgd"])
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"\x00" * 64)
    assert train(other, batches, RECIPES["sgd"], checkpoint=path) == history
    assert same(state(net), state(other))


@pytest.mark.parametrize("group", ["model", "optimizer"])
def test_a_checkpoint_of_another_version_starts_the_run_over(group, tmp_path, every_step):
    path, net = tmp_path / "run.ckpt", conv_net()
    history = train(net, batches, RECIPES["sgd"])

    def killed(step):
        if step == 2:
            raise InterruptedError
        return batches(step)

    with pytest.raises(InterruptedError):
        train(conv_net(), killed, RECIPES["sgd"], checkpoint=path)
    saved = load_checkpoint(path)
    tensors = getattr(saved, group)
    tensors["renamed"] = tensors.pop(next(iter(tensors)))
    save_checkpoint(path, saved)
    assert train(conv_net(), batches, RECIPES["sgd"], checkpoint=path) == history
