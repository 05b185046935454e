"""What `analyse_masks` measures, against counting and identities."""

from fnmatch import fnmatchcase

import pytest
import torch
from small_runs import settings, spec

from common import names
from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.pruning import Masks, prunable

CPU = torch.device("cpu")
TOTAL = 784 * 30 + 30 * 10 + 10 * 10  # weights of the narrow LeNet-300-100


def measured(*measures, **changes):
    arm = settings(procedure="analyse_masks", measures=list(measures), **changes)
    rows, _ = execute(spec(arm), None, CPU)
    assert {row.step for row in rows} == {0}
    return {(row.split, row.metric): row.value for row in rows}


def stage(**changes):
    return Stage(namespace(spec(settings(**changes))["settings"]), 0, CPU)


@pytest.mark.parametrize("density", [1.0, 0.2, 0.05, 0.001])
def test_counts_are_exact(density):
    found = measured("counts", density=density)
    assert found["mask", "prunable"] == TOTAL
    assert found["mask", "kept"] == round(density * TOTAL)
    assert found["mask", "excess"] == 0


def test_counted_biases_are_prunable_and_rounded_as_the_authors_do():
    found = measured("counts", density=0.05, scoring={"biases": "counted"})
    assert found["mask", "prunable"] == TOTAL + 50
    assert found["mask", "kept"] == round((TOTAL + 50) * (1 - 0.95))


def test_layer_densities_add_up():
    found = measured("layer_density")
    sizes = {"fc1.weight": 784 * 30, "fc2.weight": 300, "fc3.weight": 100}
    kept = sum(found["mask", f"density:{name}"] * size for name, size in sizes.items())
    assert kept == pytest.approx(found["mask", "density"] * TOTAL)


def test_connectivity_of_a_mask_written_by_hand(monkeypatch):
    model = stage().model()
    cut = {name: torch.zeros_like(w, dtype=torch.bool) for name, w in prunable(model).items()}
    cut["fc1.weight"][3, 5] = cut["fc2.weight"][2, 3] = cut["fc2.weight"][4, 1] = True
    monkeypatch.setattr(Stage, "masks", lambda self, model, **_: Masks(cut))
    found = measured("connectivity")
    assert found["mask", "empty_layers"] == 1 and found["mask", "path"] == 0
    assert found["mask", "units"] == 40 and found["mask", "dead_units"] == 29 + 8
    cut["fc3.weight"][0, 2] = True
    found = measured("connectivity")
    assert found["mask", "empty_layers"] == 0 and found["mask", "path"] == 1


@pytest.mark.parametrize("model", ["lenet_300_100", "lenet5_caffe"])
def test_multipliers_give_the_scores(model):
    found = measured("multiplier_identity", model=model, scoring={"batch": 4})
    assert found["score", "identity_float32"] < 1e-5
    assert found["score", "identity_float64"] < 1e-13


def test_signed_scores_are_conserved_over_layers():
    assert measured("conservation")["score", "conservation_spread"] < 1e-10


def test_the_mask_image_is_the_share_kept_of_each_pixel():
    found = measured("mask_image")
    one = stage()
    mask = one.masks(one.model())["fc1.weight"]
    assert len(found) == 784
    for index in (0, 300, 406, 783):
        assert found["image", f"pixel:{index}"] == pytest.approx(int(mask[:, index].sum()) / 30)


def test_masks_see_the_digits_and_random_masks_do_not():
    seen = measured("image_correlation", density=0.1)
    blind = measured("image_correlation", density=0.1, criterion="random")
    assert seen["image", "correlation"] > 0.3
    assert abs(blind["image", "correlation"]) < 0.2


def test_masks_scored_on_one_class_draw_that_class():
    found = measured("class_images", density=0.1, scoring={"batch": 50})
    assert found["image", "hits"] >= 8
    assert found["image", "good"] == 1
    assert found["image", "own"] > found["image", "other"]
    blind = measured("class_images", density=0.1, criterion="random", scoring={"batch": 50})
    assert blind["image", "hits"] < 8
    assert blind["image", "good"] == 0


def test_masks_of_several_classes_are_drawn_independently():
    one = stage(criterion="random", density=0.1)
    model = one.model()
    first, second, again = (one.masks(model, c)["fc1.weight"] for c in (0, 1, 0))
    assert torch.equal(first, again) and not torch.equal(first, second)


def test_every_measure_in_the_registry_gives_rows():
    for name in names.MEASURES:
        found = measured(name, scoring={"batch": 20})
        assert found, name
        for metric in map("_".join, found):
            assert any(fnmatchcase(metric, p) for p in names.METRICS[name]), (name, metric)
    assert set(names.METRICS) == {*names.MEASURES, "training", "follow_training"}
