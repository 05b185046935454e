"""Critical and maximal compression, against masks cut one by one and independent values."""

import pytest
import torch
from small_runs import settings, spec
from test_measures_flow import plain_stage

from common.procedures import Stage
from common.procedures.execute import namespace
from common.procedures.measures.collapse import (
    alphas,
    class_collapse,
    critical_compression,
    data_bits,
    empties,
    first_to_empty,
    maximal_compression,
)
from common.pruning import allocate, prunable, prune, score

CPU = torch.device("cpu")


def stage(replicate=0, **changes):
    arm = settings(procedure="analyse_masks", **changes)
    return Stage(namespace(spec(arm)["settings"]), replicate, CPU)


def values(found):
    return {metric: value for _, metric, value in found}


def test_the_grid_ends_with_one_weight_a_layer():
    grid = alphas(266200, 3)
    assert grid[0] == 0.25 and grid[-2:] == [4.75, pytest.approx(4.948, abs=5e-4)]
    assert alphas(1000, 10) == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, pytest.approx(2)]


@pytest.mark.parametrize(
    "model, criterion, steps, low, high, first",
    [
        ("lenet_300_100", "magnitude", None, 2.75, 3.25, 1),
        ("lenet_300_100", "snip", None, 2.25, 3.0, 1),
        ("lenet_300_100", "grasp", None, 2.0, 2.5, 1),
        ("lenet_300_100", "random", None, 2.5, 3.25, 3),
        ("lenet_300_100", "synflow", 1, 1.25, 1.25, 1),
        ("mlp6", "magnitude", None, 1.5, 1.75, 1),
        ("mlp6", "snip", None, 1.75, 2.25, 1),
        ("mlp6", "synflow", 1, 0.75, 0.75, 1),
    ],
)
def test_one_shot_methods_collapse_where_they_are_known_to(
    model, criterion, steps, low, high, first
):
    """Ranges and medians of twenty networks of the same kind, computed independently."""
    arm = {"model": model, "criterion": criterion, "scoring": {"steps": steps}}
    paths = []
    for seed in range(3):
        one = plain_stage(seed=seed, **arm)
        found = values(critical_compression(one))
        assert found["alpha_path"] <= found["alpha_empty"] <= found["alpha_max"]
        assert found["alpha_left"] == found["alpha_max"] - found["alpha_path"]
        paths.append(found["alpha_path"])
        assert values(first_to_empty(one))["first_empty"] == first
    assert low <= min(paths) and max(paths) <= high


def test_the_first_empty_layer_is_that_of_nested_masks():
    one = plain_stage(criterion="snip")
    found = score(one.model(), "snip", one.criterion_batches())
    for kept in range(3000, 0, -20):
        counts = [k for k, _ in allocate(found, kept / 266200).counts().values()]
        if 0 in counts:
            break
    first = values(first_to_empty(one))
    assert counts.index(0) + 1 == first["first_empty"] and first["first_empty_size"] == 235200


def test_iterating_keeps_the_path_that_one_step_cuts():
    small = {"width": 0.1, "criterion": "synflow", "density": 0.5}
    once = values(critical_compression(stage(**small, scoring={"steps": 1})))
    often = values(critical_compression(stage(**small, scoring={"steps": 30})))
    assert once["alpha_path"] <= 2 < 3.5 <= often["alpha_path"]


def test_paths_that_are_not_known_are_left_out(monkeypatch):
    monkeypatch.setattr("common.procedures.measures.collapse.effective", lambda *_: None)
    found = values(critical_compression(stage(width=0.1, criterion="magnitude")))
    assert set(found) == {"alpha_max", "alpha_empty"}


def test_maximal_compression_of_an_iterated_and_a_one_shot_method():
    found = values(maximal_compression(stage(width=0.1, criterion="synflow")))
    assert found == {"survives": 1.0, "layers_alive": 3.0, "kept": 3.0}
    found = values(maximal_compression(stage(width=0.1, criterion="snip")))
    assert found["survives"] == 0 and found["layers_alive"] < 3


def test_layers_alive_without_a_path_do_not_survive(monkeypatch):
    one = stage(width=0.1, criterion="synflow")
    masks = one.masks(one.model(), density=3 / 23920)
    cut = {
        name: torch.roll(mask, 1, 0) if name == "fc2.weight" else mask
        for name, mask in masks.items()
    }
    monkeypatch.setattr(Stage, "masks", lambda *_, **__: type(masks)(cut))
    assert values(maximal_compression(one)) == {"survives": 0.0, "layers_alive": 3.0, "kept": 3.0}


def test_only_criteria_that_look_at_data_change_with_it():
    for criterion, changes in (("synflow", False), ("magnitude", False), ("snip", True)):
        found = values(data_bits(stage(width=0.1, criterion=criterion, density=0.1)))
        assert (found["data_bits"] > 100) is changes, criterion


@pytest.mark.parametrize("init", ["fan_out_default_head", "kaiming_normal"])
def test_ranks_find_the_first_empty_layer_that_masks_find(init):
    one = stage(model="resnet20", width=0.25, criterion="magnitude", init=init)
    model = one.model()
    alpha, layer = empties(score(model, "magnitude"))
    sizes = [w.numel() for w in prunable(model).values()]
    for point in alphas(sum(sizes), len(sizes)):
        counts = [k for k, _ in prune(model, "magnitude", 10**-point).counts().values()]
        if 0 in counts:
            break
    assert point == alpha and counts[layer - 1] == 0
    found = values(class_collapse(one))
    assert (found["alpha_empty:10"], found["alpha_first:10"]) == (alpha, layer)
    assert set(found) == {
        f"alpha_{kind}:{classes}" for kind in ("empty", "first") for classes in (10, 100, 200)
    }
