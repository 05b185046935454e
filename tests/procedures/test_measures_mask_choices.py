"""Overlaps of masks and smallest shares, against counting and what cannot matter."""

import math

import pytest
import torch
from small_runs import settings, spec

from common.procedures import Stage, execute
from common.procedures.execute import namespace
from common.procedures.measures.mask_choices import DENSITIES
from common.pruning import Masks, prune, score

CPU = torch.device("cpu")
SCORING = {"batch": 50, "sampling": "balanced"}


def arm(*measures, **changes):
    given = {"criterion": "grasp", "scoring": SCORING, "width": 0.0625, **changes}
    return spec(settings(procedure="analyse_masks", measures=list(measures), **given))


def measured(*measures, **changes):
    rows, _ = execute(arm(*measures, **changes), None, CPU)
    return {f"{row.split}_{row.metric}": row.value for row in rows}


def test_jaccard_by_counting():
    first = Masks({"a": torch.tensor([True, True, False]), "b": torch.tensor([True, False])})
    second = Masks({"a": torch.tensor([True, False, False]), "b": torch.tensor([True, True])})
    assert first.jaccard(second) == 2 / 4
    assert first.jaccard(first) == 1
    assert first.jaccard(Masks({n: ~m for n, m in first.items()})) == 0


@pytest.mark.parametrize("density", DENSITIES)
def test_what_cannot_matter_without_batch_norm_does_not(density):
    """The halves give H g of their sum, and no layer has two modes."""
    found = measured("mask_choices", model="lenet_300_100", width=0.1, init="kaiming_normal")
    assert found[f"overlap_chunks:{density:g}"] > 0.98  # float32 may swap weights at the border
    assert found[f"overlap_eval_mode:{density:g}"] == 1
    assert found[f"overlap_inverted:{density:g}"] == 0
    assert found[f"overlap_redrawn:{density:g}"] < 0.3


def test_choices_move_the_mask_of_a_network_with_batch_norm():
    """As in the sheet's table: temperature above 200 nothing, halves and mode most of the mask."""
    found = measured("mask_choices", model="vgg11", init="fan_out_small_head")
    for density in DENSITIES:
        assert found[f"overlap_temperature_2000:{density:g}"] > 0.97
        assert found[f"overlap_chunks:{density:g}"] < 0.7
        assert found[f"overlap_eval_mode:{density:g}"] < 0.4
        assert found[f"overlap_inverted:{density:g}"] == 0
        assert 0.2 < found[f"overlap_absolute:{density:g}"] < 0.6


def test_an_overlap_is_that_of_the_masks_that_prune_gives():
    found = measured("mask_choices", model="vgg11", init="fan_out_small_head")
    made = arm("mask_choices", model="vgg11", init="fan_out_small_head")
    one = Stage(namespace(made["settings"]), 0, CPU)
    net, batches = one.model(), one.scoring_batches()
    kept = prune(net, "grasp", 0.1, batches)
    for name, masks in {
        "absolute": prune(net, "grasp_abs", 0.1, batches),
        "eval_mode": prune(net, "grasp", 0.1, batches, norm_mode="eval"),
        "temperature_1": prune(net, "grasp", 0.1, batches, temperature=1.0),
    }.items():
        assert found[f"overlap_{name}:0.1"] == kept.jaccard(masks), name


def test_chunks_are_halves_sorted_by_class(monkeypatch):
    seen = []

    def spy(model, criterion, batches, **options):
        seen.append([labels.tolist() for _, labels in batches])
        return score(model, criterion, batches, **options)

    monkeypatch.setattr("common.procedures.measures.mask_choices.score", spy)
    measured("mask_choices", model="lenet_300_100")
    (halves,) = [labels for labels in seen if len(labels) == 2]
    assert halves == [
        [c for c in range(5) for _ in range(5)],
        [c + 5 for c in range(5) for _ in range(5)],
    ]


def test_the_smallest_share_and_an_empty_layer(monkeypatch):
    kept = {"fc1.weight": 8, "fc2.weight": 1, "fc3.weight": 3}
    sizes = {"fc1.weight": (100, 8), "fc2.weight": (10, 20), "fc3.weight": (4, 3)}

    def written(self, model):
        masks = {name: torch.zeros(shape, dtype=torch.bool) for name, shape in sizes.items()}
        for name, mask in masks.items():
            mask.view(-1)[: kept[name]] = True
        return Masks(masks)

    monkeypatch.setattr(Stage, "masks", written)
    found = measured("smallest_share", model="lenet_300_100")
    assert found["mask_log_smallest_share"] == pytest.approx(math.log10(1 / 200))
    assert found["mask_density:fc1.weight"] == 0.01
    kept["fc2.weight"] = 0
    found = measured("smallest_share", model="lenet_300_100")
    assert found["mask_log_smallest_share"] == pytest.approx(math.log10(0.5 / 200))
    assert found["mask_density:fc2.weight"] == 0
