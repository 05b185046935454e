"""What masks do from step to step, against schedules and masks written by hand."""

from itertools import pairwise

import pytest
import torch
from measured import measured, stage

from common.procedures import Stage
from common.procedures.measures import steps
from common.pruning import Masks, prune

TOTAL = 784 * 30 + 30 * 10 + 10 * 10  # weights of the narrow LeNet-300-100
EXPONENTIAL = [0.39811, 0.15849, 0.06310, 0.02512, 0.01000]
LINEAR = [0.802, 0.604, 0.406, 0.208, 0.010]


@pytest.mark.parametrize(("schedule", "shares"), [("exponential", EXPONENTIAL), ("linear", LINEAR)])
@pytest.mark.parametrize("criterion", ["force", "iter_snip"])
def test_kept_counts_follow_the_printed_shares(criterion, schedule, shares):
    found = measured(
        "pruning_steps", criterion=criterion, density=0.01,
        scoring={"steps": 5, "schedule": schedule, "batch": 20, "dtype": "float64"},
    )  # fmt: skip
    kept = [found["steps", f"kept:{step}"] for step in range(1, 6)]
    assert kept == [pytest.approx(TOTAL * share, abs=0.6) for share in shares]
    assert found["steps", "count"] == 5
    assert found["steps", "kept_error"] <= 0.5
    removed = [before - after for before, after in pairwise([TOTAL, *kept])]
    assert found["steps", "removed_spread"] == max(removed) - min(removed)
    falls = all(after <= before for before, after in pairwise(removed))
    assert (found["steps", "removed_rise"] == 0) == falls
    assert found["steps", "removed_rise"] <= 1 or schedule == "linear"


def test_the_released_counts_lie_up_to_one_weight_below():
    found = measured(
        "pruning_steps", criterion="iter_snip", density=0.01,
        scoring={"steps": 5, "batch": 20, "reading": "authors_code", "dtype": "float64"},
    )  # fmt: skip
    assert found["steps", "kept:1"] == int(TOTAL * 0.01**0.2) == int(TOTAL * 0.398107)
    assert 0.5 < found["steps", "kept_error"] < 1


def test_weights_return_under_force_alone():
    scoring = {"steps": 5, "batch": 20, "dtype": "float64"}
    force = measured("pruning_steps", criterion="force", density=0.02, scoring=scoring)
    nested = measured("pruning_steps", criterion="iter_snip", density=0.02, scoring=scoring)
    assert force["steps", "returned"] > 0 and force["steps", "returned_any"] == 1
    assert nested["steps", "returned"] == nested["steps", "returned_any"] == 0
    assert 0 < nested["steps", "new_share"] < 1 and nested["steps", "new_any"] == 1


def test_returns_are_counted_step_by_step(monkeypatch):
    rows = [[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0]]
    path = [Masks({"w": torch.tensor(row, dtype=torch.bool)}) for row in rows]
    once = Masks({"w": torch.tensor([False, False, False, True])})
    monkeypatch.setattr(Stage, "path", path)
    monkeypatch.setattr(Stage, "masks", lambda self, model, **_: once)
    one = stage(criterion="force", density=0.25, scoring={"steps": 4, "schedule": "linear"})
    found = {metric: value for _, metric, value in steps.pruning_steps(one)}
    assert found["returned"] == 2  # the third weight, then the first
    assert found["new_share"] == 1
    # Kept 3, 2, 2, 1 of four along 3.25, 2.5, 1.75, 1; removed 1, 1, 0, 1.
    assert found["kept_error"] == pytest.approx(0.5)
    assert found["removed_rise"] == 1 and found["removed_spread"] == 1


def test_a_single_step_is_the_one_shot_mask():
    found = measured("pruning_steps", criterion="force", scoring={"steps": 1, "batch": 20})
    assert found["steps", "new_share"] == found["steps", "returned"] == 0


@pytest.mark.parametrize("reading", ["paper", "authors_code"])
def test_one_step_of_all_three_is_the_highest_products(reading):
    scoring = {"batch": 20, "reading": reading, "steps": 1}
    found = measured("one_step", criterion="force", density=0.05, scoring=scoring)
    assert found["steps", "one_step_differences"] == 0
    one = stage(criterion="force", density=0.05, scoring=scoring)
    model, ((images, labels),) = one.model(), one.scoring_batches()
    loss = steps.options_of(one).loss(model(images), labels)
    weights = [p for p in model.parameters() if p.dim() > 1]
    flat = torch.cat(
        [
            (w * g).abs().flatten()
            for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True)
        ]
    )
    kept = torch.cat([mask.flatten() for mask in one.path[-1].values()])
    assert set(flat.topk(int(kept.sum())).indices.tolist()) == set(kept.nonzero()[:, 0].tolist())


def test_masks_that_differ_at_one_step_are_noticed(monkeypatch):
    def masks(self, model, criterion, **_):
        return Masks({"w": torch.tensor([criterion == "force", True, criterion != "force"])})

    monkeypatch.setattr(Stage, "masks", masks)
    ((_, _, found),) = steps.one_step(stage(criterion="force"))
    assert found == 2


@pytest.mark.parametrize(
    ("criterion", "scoring", "expected"),
    [
        ("snip", {}, 1),
        ("grasp", {}, 1),
        ("snip", {"batches": 6}, 6),
        ("grasp", {"batches": 6}, 6),  # which goes through them twice
        ("force", {"steps": 6, "fresh": True}, 6),
        ("iter_snip", {"steps": 3, "batches": 2, "fresh": True}, 6),
        ("force", {"steps": 6}, 1),
    ],
)
def test_different_batches_are_counted(criterion, scoring, expected):
    found = measured("batches_scored", criterion=criterion, scoring={"batch": 10, **scoring})
    assert found["steps", "batches"] == expected


def test_snip_it_s_schedule_beside_the_exponential_one():
    scoring = {"batch": 20, "steps": 7, "dtype": "float64"}
    found = measured("snip_it_likeness", criterion="iter_snip", density=0.02, scoring=scoring)
    one = stage(criterion="iter_snip", density=0.02, scoring=scoring)
    batches = one.scoring_batches()
    own, other = (
        prune(one.model(), "iter_snip", 0.02, batches, schedule=schedule, steps=7, dtype="float64")
        for schedule in ("exponential", "halving")
    )
    assert found["steps", "jaccard"] == pytest.approx(own.jaccard(other))
    logs = sorted(
        abs(float(torch.log(torch.tensor(own.counts()[n][0] / other.counts()[n][0])))) for n in own
    )
    assert found["steps", "layer_log_ratio"] == pytest.approx(logs[1], abs=1e-6)


def test_a_single_step_leaves_the_schedules_alike():
    scoring = {"batch": 20, "steps": 1}
    found = measured("snip_it_likeness", criterion="iter_snip", density=0.02, scoring=scoring)
    assert found["steps", "layer_log_ratio"] == 0 and found["steps", "jaccard"] == 1


def test_one_shot_masks_do_not_depend_on_the_arithmetic():
    found = measured("mask_stability", scoring={"batch": 20})
    assert found["steps", "jaccard_dtypes"] > 0.99
