"""From a spec to the rows of its table: what is recorded, when, and under which accidents."""

import math

import pytest
import torch
from small_runs import dense, settings, spec

from common import names
from common.data import Batcher
from common.errors import Refused
from common.procedures import Stage, execute, prepare
from common.training import loop

CPU = torch.device("cpu")


def rows_of(arm, replicate=0, checkpoint=None):
    rows, _ = execute(spec(arm, replicate), checkpoint, CPU)
    return rows


def values(rows):
    return {(row.step, row.split, row.metric): row.value for row in rows}


def test_a_trained_run_records_masks_losses_errors_and_the_best():
    rows = rows_of(settings(holdout=0.1))
    found = values(rows)
    assert len(found) == len(rows)
    densities = {m for step, split, m in found if (step, split) == (0, "mask")}
    layers = {f"density:fc{n}.weight" for n in (1, 2, 3)}
    assert densities == {"density", "effective_density"} | layers
    assert found[0, "mask", "density"] == pytest.approx(0.2, abs=1e-4)
    assert found[0, "mask", "effective_density"] <= found[0, "mask", "density"]
    for step in (4, 8, 12):
        assert found[step, "train", "loss"] > 0
        for split in ("test", "validation"):
            assert 0 <= found[step, split, "error"] <= 100
            assert found[step, split, "loss"] > 0
    errors = [found[step, "test", "error"] for step in (4, 8, 12)]
    assert found[12, "test", "best_error"] == min(errors)
    assert {row.step for row in rows} == {0, 4, 8, 12}


def test_a_dense_run_has_no_mask_rows_and_no_validation_without_a_holdout():
    assert {row.split for row in rows_of(dense())} == {"train", "test"}


def test_a_trained_network_has_learned_something():
    found = values(
        rows_of(dense(width=0.3, recipe={"lr": 0.02, "steps": 150, "milestones": [100]}))
    )
    assert found[150, "test", "error"] < 10
    assert found[150, "train", "loss"] < found[50, "train", "loss"]


def test_the_best_error_need_not_be_the_last():
    recipe = {"lr": 0.1, "steps": 40, "milestones": [], "evaluations": 20}
    found = values(rows_of(dense(recipe=recipe)))
    errors = [found[step, "test", "error"] for step in range(2, 41, 2)]
    assert found[40, "test", "best_error"] == min(errors) < errors[-1]


def test_results_depend_on_no_global_generator():
    torch.manual_seed(1)
    first = torch.get_rng_state()
    one = rows_of(settings(ablation="shuffle"))
    assert torch.equal(torch.get_rng_state(), first)
    torch.manual_seed(2)
    assert rows_of(settings(ablation="shuffle")) == one


def test_replicates_give_different_results():
    assert rows_of(settings()) != rows_of(settings(), replicate=1)


def test_a_diverged_run_is_recorded():
    rows = rows_of(settings(recipe={"lr": 1e6}))
    assert rows[-1][1:] == ("run", "diverged", 1.0)
    assert rows[0][1:3] == ("mask", "density")
    assert not [row for row in rows if row.split == "test"]


def test_scores_that_are_no_numbers_are_recorded():
    rows = rows_of(settings(scoring={"init": "rn", "init_sd": 1e30}))
    assert [tuple(row) for row in rows] == [(0, "run", "degenerate", 1.0)]


@pytest.mark.parametrize("criterion", ["magnitude", "random"])
def test_a_run_with_emptied_layers_is_recorded(criterion):
    found = values(rows_of(settings(criterion=criterion, density=1e-4)))
    assert found[0, "mask", "density:fc2.weight"] == 0
    assert found[0, "mask", "effective_density"] == 0
    assert found[12, "test", "error"] == pytest.approx(90, abs=2)
    assert found[12, "train", "loss"] == pytest.approx(math.log(10), abs=0.1)


ARMS = {
    "snip": settings(),
    "snip, biases counted": settings(scoring={"biases": "counted", "init": "vs"}),
    "random with SNIP's layers": settings(criterion="random", layers_like="snip"),
    "shuffled": settings(ablation="shuffle"),
    "redrawn": settings(ablation="redraw"),
    "inverted": settings(ablation="invert"),
    "dense": dense(holdout=0.1, labels="random"),
    "augmented": settings(recipe={"augment": "some_of_flip_shift"}),
    "convolutional": settings(model="lenet5_caffe", recipe={"steps": 4, "milestones": [3]}),
    "adam": settings(recipe={"optimizer": "adam", "lr": 0.01}),
}


@pytest.mark.parametrize("name", ARMS)
def test_a_resumed_run_has_the_rows_of_an_undisturbed_one(name, tmp_path, monkeypatch):
    arm, path = ARMS[name], tmp_path / "run.ckpt"
    whole = rows_of(arm)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    batch = Batcher.batch

    def killed(self, step):
        if step == arm.recipe.steps // 2:
            raise KeyboardInterrupt
        return batch(self, step)

    monkeypatch.setattr(Batcher, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        rows_of(arm, checkpoint=path)
    asked = []

    def counted(self, step):
        asked.append(step)
        return batch(self, step)

    monkeypatch.setattr(Batcher, "batch", counted)
    assert rows_of(arm, checkpoint=path) == whole
    assert asked == list(range(arm.recipe.steps // 2, arm.recipe.steps))


def test_a_resumed_run_keeps_its_masks_and_does_not_score_again(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    whole = rows_of(settings(), checkpoint=path)
    monkeypatch.setattr(Stage, "masks", lambda *_: pytest.fail("scored again"))
    assert rows_of(settings(), checkpoint=path) == whole


def test_a_spec_of_another_version_or_procedure_is_refused():
    run = spec()
    with pytest.raises(Refused, match="'prune_then_train' is version 1 here, the spec wants 0"):
        execute(run | {"version": 0}, None, CPU)
    with pytest.raises(Refused, match="did you mean 'prune_then_train'"):
        execute(run | {"procedure": "prune_then_trian"}, None, CPU)


def test_a_spec_of_another_version_of_a_measure_is_refused(monkeypatch):
    run = spec(settings(procedure="analyse_masks", measures=["counts"], criterion="snip"))
    execute(run, None, CPU)
    monkeypatch.setitem(names.MEASURE_VERSIONS, "counts", 2)
    with pytest.raises(Refused, match="measure 'counts' is version 2 here, the spec wants 1"):
        execute(run, None, CPU)


def test_what_is_known_about_the_machine_stands_beside_the_rows():
    _, about = execute(spec(), None, CPU)
    assert set(about) == {"python", "torch", "device", "threads"}
    assert about["torch"] == torch.__version__


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(Refused, match=f"--device {device}: "):
        prepare(device, 1)


def test_every_procedure_in_the_registry_can_be_called():
    for code, version, trains in names.PROCEDURES.values():
        module, _, function = code.partition(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))
        assert version >= 1
        assert isinstance(trains, bool)


def test_a_spec_that_lacks_a_setting_is_refused_by_name():
    run = spec()
    del run["settings"]["scoring"]["labels"]
    with pytest.raises(Refused, match="lacks the setting 'labels': it is of another version"):
        execute(run, None, CPU)
