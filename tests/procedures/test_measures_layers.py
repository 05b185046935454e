"""How layers differ: against values worked by hand and against the law of magnitudes."""

from statistics import NormalDist

import pytest
import torch
from scipy.optimize import brentq
from small_runs import settings, spec

from common.procedures import execute
from common.procedures.measures.layers import largest_deviation


def measured(measure, replicate=0, **changes):
    arm = settings(procedure="analyse_masks", measures=[measure], width=1.0, **changes)
    rows, _ = execute(spec(arm, replicate), None, torch.device("cpu"))
    return {f"{row.split}_{row.metric}": row.value for row in rows}


def test_deviation_by_hand():
    # Density 40 of 400; a: 30 of 100, sd 3; b: 10 of 300, sd 5.196.
    assert largest_deviation({"a": (30, 100), "b": (10, 300)}) == pytest.approx(20 / 3)
    # Density 110 of 500; a: 2 of 100, sd 4.142; b: 108 of 400, sd 8.285.
    assert largest_deviation({"a": (2, 100), "b": (108, 400)}) == pytest.approx(-4.8280, abs=1e-4)
    assert largest_deviation({"a": (5, 5), "b": (7, 7)}) == 0


def test_magnitude_is_random_pruning_where_every_weight_is_drawn_alike():
    arm = {"criterion": "magnitude", "density": 0.1}
    for replicate in range(3):
        alike = measured("density_deviation", replicate, init="rn", **arm)["mask_deviation"]
        chance = measured("density_deviation", replicate, criterion="random", density=0.1)
        assert abs(alike) < 4 and abs(chance["mask_deviation"]) < 4
    # The last layer's share is 0.53: (527 - 100) / sqrt(1000 * 0.1 * 0.9) = 45.
    told_apart = measured("density_deviation", init="kaiming_normal", **arm)["mask_deviation"]
    assert told_apart == pytest.approx(90, rel=0.15)


def test_magnitude_densities_follow_the_law_of_their_fan_in():
    fans, sizes = (784, 300, 100), (235_200, 30_000, 1_000)

    def density(threshold, fan):
        return 2 * (1 - NormalDist().cdf(threshold * (fan / 2) ** 0.5))

    def excess(threshold):
        kept = sum(n * density(threshold, fan) for n, fan in zip(sizes, fans, strict=True))
        return kept - 0.1 * sum(sizes)

    law = [density(brentq(excess, 0.0, 1.0), fan) for fan in fans]
    assert law == pytest.approx([0.0762, 0.2726, 0.5265], abs=5e-5)
    found = measured("layer_density", criterion="magnitude", density=0.1, init="kaiming_normal")
    for layer, expected, size in zip(("fc1", "fc2", "fc3"), law, sizes, strict=True):
        spread = (expected * (1 - expected) / size) ** 0.5
        assert abs(found[f"mask_density:{layer}.weight"] - expected) < 4 * spread
