"""Allocation: exact counts, ties, layer densities, and laws that hold for all scores."""

import csv
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Refused
from common.pruning import Degenerate, Masks, allocate, densities, layer_densities
from common.pruning.allocate import ceil_removed, of_sparsity, one_fewer, smart_densities

LENET = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}

# A few distinct values, so that ties are common.
layers = st.lists(
    st.lists(st.sampled_from([-1.5, 0.0, 0.25, 0.5, 1.0, 3.0]), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
).map(lambda rows: {f"w{i}": torch.tensor(row) for i, row in enumerate(rows)})
density = st.floats(0.01, 1.0)


def by_sorting(flat, kept):
    """Return the positions of the `kept` highest values, the first of equal ones, by a sort."""
    order = sorted(range(len(flat)), key=lambda i: (-flat[i], i))
    return sorted(order[:kept])


@settings(deadline=None, max_examples=150)
@given(layers, density)
def test_global_keeps_exactly_the_first_of_the_highest(scores, share):
    masks = allocate(scores, share)
    flat = torch.cat(list(scores.values())).tolist()
    kept = torch.cat(list(masks.values())).nonzero().flatten().tolist()
    assert kept == by_sorting(flat, round(share * len(flat)))


@settings(deadline=None, max_examples=60)
@given(layers, density)
def test_layerwise_rounds_once_a_layer(scores, share):
    masks = allocate(scores, share, "layerwise")
    for name, score in scores.items():
        kept = masks[name].nonzero().flatten().tolist()
        assert kept == by_sorting(score.tolist(), round(share * len(score)))


@settings(deadline=None, max_examples=60)
@given(layers, density, st.sampled_from([0.5, 2.0, 64.0]))
def test_scaling_all_scores_changes_no_mask(scores, share, factor):
    scaled = {name: score * factor for name, score in scores.items()}
    assert allocate(scaled, share) == allocate(scores, share)


@settings(deadline=None, max_examples=60)
@given(layers, density, density)
def test_alive_masks_are_nested(scores, first, second):
    outer = allocate(scores, max(first, second))
    inner = allocate({n: -s for n, s in scores.items()}, min(first, second), alive=outer)
    assert all((inner[name] <= outer[name]).all() for name in scores)
    total = outer.total
    assert inner.kept == round(min(first, second) * total)


def test_ties_keep_the_first_or_all():
    scores = {"w": torch.tensor([1.0, 0.5, 0.5, 0.25])}
    assert allocate(scores, 0.5)["w"].tolist() == [True, True, False, False]
    assert allocate(scores, 0.5, ties="keep")["w"].tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("total", "share", "kept"), [(10, 0.25, 2), (10, 0.35, 4), (6, 0.25, 2), (2, 0.25, 0)]
)
def test_halves_go_to_the_even_number(total, share, kept):
    assert allocate({"w": torch.arange(float(total))}, share).kept == kept


def test_floor_is_that_of_the_float_product():
    assert allocate({"w": torch.arange(10.0)}, 0.39, rounding="floor").kept == 3
    assert allocate({"w": torch.arange(10.0)}, 0.39).kept == 4


# Weights with biases, sparsity in %, kappa and the text of the paper's Table 2 (snip sheet, 5).
PUBLISHED = """model,m,sparsity,kappa,printed
AlexNet-s,5070218,90,507022,507k
AlexNet-b,8490378,90,849038,849k
VGG-C,10526538,95,526327,526k
VGG-D,15245130,95,762257,762k
VGG-like,14982474,97,449474,449k
WRN-16-8,10958666,95,547933,548k
WRN-16-10,17113258,95,855663,856k
WRN-22-8,17153610,95,857681,858k
LSTM-s,136586,95,6829,6.8k
LSTM-b,535306,95,26765,26.8k
GRU-s,103690,95,5185,5.2k
GRU-b,403978,95,20199,20.2k
"""


@pytest.mark.parametrize(
    "row", list(csv.DictReader(PUBLISHED.splitlines())), ids=lambda r: r["model"]
)
def test_published_kept_counts(row):
    kappa = of_sparsity(int(row["m"]), 1 - int(row["sparsity"]) / 100)
    assert kappa == int(row["kappa"])
    printed = row["printed"].removesuffix("k")
    digits = len(printed.partition(".")[2])
    assert f"{kappa / 1000:.{digits}f}" == printed


def test_lenet_kappa_of_the_authors():
    assert [of_sparsity(266_610, d) for d in (0.05, 0.02)] == [13_331, 5_332]
    assert [of_sparsity(431_080, d) for d in (0.02, 0.01)] == [8_622, 4_311]
    assert round(266_610 * 0.05) == 13_330  # the rule matters


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.1, (0.0796, 0.2302, 1.0)),
        (0.05, (0.0385, 0.1113, 0.9185)),
        (0.01, (0.0077, 0.0223, 0.1837)),
    ],
)
def test_erk_densities_of_lenet(share, expected):
    """Against the values computed from VITA-Group/Random_Pruning's rule."""
    for allocation in ("er", "erk"):
        found = layer_densities(LENET, share, allocation).values()
        assert list(found) == pytest.approx(expected, abs=5e-5)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(*[st.integers(1, 40)] * 2, *[st.integers(1, 5)] * 2), min_size=1, max_size=6
    ),
    density,
    st.sampled_from(["er", "erk"]),
)
def test_er_reaches_the_density_without_exceeding_one(shapes, share, allocation):
    shapes = {f"w{i}": shape for i, shape in enumerate(shapes)}
    found = layer_densities(shapes, share, allocation)
    assert all(0 < d <= 1 for d in found.values())
    kept = sum(found[name] * math.prod(shape) for name, shape in shapes.items())
    assert kept == pytest.approx(share * sum(map(math.prod, shapes.values())))


def test_erk_of_a_convolution_by_hand():
    # 3x3 from 2 to 4: (4+2+3+3)/72 = 1/6, times 72 = 12; 1x1 from 4 to 4: 10/16, times 16 = 10.
    shapes = {"a": (4, 2, 3, 3), "b": (4, 4, 1, 1)}
    scale = 0.1 * 88 / 22
    expected = {"a": scale / 6, "b": scale * 10 / 16}
    assert layer_densities(shapes, 0.1, "erk") == pytest.approx(expected)


def test_given_counts():
    scores = {"a": torch.arange(4.0), "b": torch.arange(3.0)}
    assert allocate(scores, 1.0, {"a": 1, "b": 3}).counts() == {"a": (1, 4), "b": (3, 3)}
    with pytest.raises(Refused, match="cannot keep 5 of its 4"):
        allocate(scores, 1.0, {"a": 5, "b": 0})
    with pytest.raises(Refused, match="counts were given for a;"):
        allocate(scores, 1.0, {"a": 1})


def test_nan_is_degenerate_and_not_a_refusal():
    with pytest.raises(Degenerate, match="scores of b contain NaN"):
        allocate({"a": torch.ones(2), "b": torch.tensor([1.0, math.nan])}, 0.5)
    assert not issubclass(Degenerate, Refused)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_density_outside_is_refused(share):
    with pytest.raises(Refused, match=r"must lie in \(0, 1\]"):
        allocate({"w": torch.ones(3)}, share)


def test_unknown_words_are_refused():
    scores = {"w": torch.ones(3, 2)}
    for wrong in ({"allocation": "gobal"}, {"ties": "all"}, {"rounding": "up"}):
        with pytest.raises(Refused, match="unknown"):
            allocate(scores, 0.5, **wrong)
    with pytest.raises(Refused, match="it is a vector"):
        allocate({"b": torch.ones(3)}, 0.5, "er")


def test_kept_fractions_of_the_schedules():
    """Against the values in naver/force for k/m = 0.01 and T = 5."""
    exponential = [0.39811, 0.15849, 0.06310, 0.02512, 0.01]
    assert densities(0.01, 5) == pytest.approx(exponential, abs=5e-6)
    assert densities(0.01, 5, "linear") == pytest.approx([0.802, 0.604, 0.406, 0.208, 0.01])
    assert densities(0.3, 1) == [0.3]
    with pytest.raises(Refused, match="at least 1"):
        densities(0.5, 0)
    with pytest.raises(Refused, match="unknown schedule"):
        densities(0.5, 2, "cubic")


def test_masks_keep_the_shapes_and_order_of_the_scores():
    scores = {"b": torch.rand(2, 3, 1), "a": torch.rand(4)}
    masks = allocate(scores, 0.5, "layerwise")
    assert isinstance(masks, Masks)
    assert [(name, mask.shape) for name, mask in masks.items()] == [
        (name, score.shape) for name, score in scores.items()
    ]


# Weights, density and what the missing-the-mark code keeps: in one step where it removes the lowest
# scores and where it removes the highest, and in 100 steps of the lowest.
KEPT = [
    (266_200, 0.8**10, 28_582, 28_583, 28_522),
    (270_896, 0.8, 216_715, 216_716, 216_583),
    (270_896, 0.8**15, 9_530, 9_531, 9_486),
    (14_715_584, 0.8**10, 1_580_072, 1_580_073, 1_580_012),
]


@pytest.mark.parametrize(("total", "share", "lowest", "highest", "stepwise"), KEPT)
def test_kept_counts_of_the_missing_the_mark_code(total, share, lowest, highest, stepwise):
    assert (one_fewer(total, share), ceil_removed(total, share)) == (lowest, highest)
    left = total
    for _ in range(100):
        left = one_fewer(left, share ** (1 / 100))
    assert left == stepwise


def test_smart_ratio_by_hand():
    # Layers 1 to 4 have k = 4..1, so shares 20, 12, 6 and 2; the third is linear and keeps 0.3.
    shapes = {"a": (2, 1, 3, 3), "b": (2, 2, 3, 3), "fc": (4, 5), "c": (2, 2, 1, 1)}
    left = 0.25 * (18 + 36 + 20 + 4) - 0.3 * 20
    scale = left / (20 * 18 + 12 * 36 + 2 * 4)
    expected = {"a": 20 * scale, "b": 12 * scale, "fc": 0.3, "c": 2 * scale}
    assert smart_densities(shapes, 0.25) == pytest.approx(expected)
    scale = left / (20 * 18 + 12 / 4 * 36 + 2 / 16 * 4)
    expected = {"a": 20 * scale, "b": 12 / 4 * scale, "fc": 0.3, "c": 2 / 16 * scale}
    assert smart_densities(shapes, 0.25, vgg=True) == pytest.approx(expected)


def test_what_a_convolution_cannot_hold_goes_to_the_next():
    # Shares 6 and 2 of 9 and 9 weights: 13.5 to be kept would be 10.125 and 3.375.
    shapes = {"a": (1, 1, 3, 3), "b": (1, 1, 3, 3)}
    assert smart_densities(shapes, 0.75) == pytest.approx({"a": 1.0, "b": (3.375 + 1.125) / 9})


def test_the_smart_ratio_is_of_convolutions_and_needs_room_for_them():
    assert set(smart_densities(LENET, 0.1).values()) == {0.1}
    with pytest.raises(Refused, match=r"too much for density 0\.02"):
        smart_densities({"a": (2, 1, 3, 3), "fc": (10, 50)}, 0.02)
