import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic_data import random_split

from common.data import (
    Data,
    Split,
    enlarge,
    holdout,
    moments,
    one_class,
    pixel_sequence,
    random_labels,
    rows,
    shuffled_pixels,
    subset,
)
from common.errors import Refused


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(*shape):
    train, test = random_split(6, *shape), random_split(4, *shape, seed=1)
    return Data("small", train, test, 10, *moments(train.images))


@pytest.mark.parametrize(
    "shape, wanted, factor, top, left",
    [
        ((1, 8, 8), (1, 28, 28), 3, 2, 2),
        ((1, 8, 8), (3, 32, 32), 4, 0, 0),
        ((1, 28, 28), (3, 32, 32), 1, 2, 2),
        ((3, 8, 8), (3, 17, 19), 2, 0, 1),
        ((1, 2, 3), (1, 9, 6), 2, 2, 0),
    ],
)
def test_enlarge_against_a_loop_over_pixels(shape, wanted, factor, top, left):
    data = small(*shape)
    larger = enlarge(data, wanted)
    for before, after in ((data.train, larger.train), (data.test, larger.test)):
        expected = np.zeros((len(before), *wanted), np.uint8)
        for i, c, y, x in np.ndindex(len(before), *wanted):
            row, column = (y - top) // factor, (x - left) // factor
            if 0 <= row < shape[1] and 0 <= column < shape[2]:
                expected[i, c, y, x] = before.images[i, c % shape[0], row, column]
        assert np.array_equal(after.images.numpy(), expected)
        assert torch.equal(after.labels, before.labels)
    assert larger.in_shape == wanted and (larger.name, larger.classes) == ("small", 10)
    scaled = larger.train.images.double() / 255
    assert np.allclose(larger.mean, scaled.mean((0, 2, 3)), rtol=1e-12)
    assert np.allclose(larger.sd, scaled.std((0, 2, 3), correction=0), rtol=1e-12)


def test_enlarge_leaves_what_fits_as_it_is():
    data = small(3, 8, 8)
    assert enlarge(data, (3, 8, 8)) is data


@pytest.mark.parametrize("wanted", [(1, 8, 8), (3, 7, 8), (3, 8, 7), (4, 8, 8)])
def test_enlarge_refuses_to_shrink_or_to_drop_colours(wanted):
    with pytest.raises(Refused, match=r"small.*\(3, 8, 8\) cannot be enlarged"):
        enlarge(small(3, 8, 8), wanted)


@given(st.integers(2, 400), st.integers(1, 99), st.integers(0, 3))
def test_holdout_has_the_exact_count(n, hundredths, seed):
    exact, half = divmod(n * hundredths, 100)
    count = exact + (half > 50 or (half == 50 and exact % 2 == 1))
    if count in (0, n):
        with pytest.raises(Refused, match="holdout"):
            holdout(n, hundredths / 100, generator(seed))
        return
    train, held = holdout(n, hundredths / 100, generator(seed))
    assert len(held) == count
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(n))
    assert train.tolist() == sorted(train.tolist()) and held.tolist() == sorted(held.tolist())


def test_holdout_of_nothing_and_of_too_much():
    train, held = holdout(5, 0.0, generator())
    assert train.tolist() == [0, 1, 2, 3, 4] and len(held) == 0
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(Refused, match=r"must lie in \[0, 1\)"):
            holdout(5, share, generator())


def test_holdouts_are_nested_and_depend_on_the_generator_alone():
    torch.manual_seed(0)
    _, tenth = holdout(100, 0.1, generator(3))
    torch.manual_seed(1)
    _, half = holdout(100, 0.5, generator(3))
    assert set(tenth.tolist()) < set(half.tolist())
    assert not torch.equal(tenth, holdout(100, 0.1, generator(4))[1])


def test_subset():
    split = random_split(50, 1, 2, 2)
    few, more = subset(split, 5, generator()), subset(split, 20, generator())
    keys = {image.numpy().tobytes() for image in more.images}
    assert len(few) == 5 and len(keys) == 20
    assert all(image.numpy().tobytes() in keys for image in few.images)
    assert torch.equal(subset(split, 50, generator()).images, split.images)
    for size in (0, 51):
        with pytest.raises(Refused, match=f"subset {size} must lie in 1..50"):
            subset(split, size, generator())


def test_one_class():
    split = random_split(50, 1, 2, 2, classes=3)
    part = one_class(split, 2)
    assert torch.equal(part.images, split.images[split.labels == 2])
    assert part.labels.unique().tolist() == [2]
    with pytest.raises(Refused, match="one_class 3"):
        one_class(split, 3)


def test_random_labels_are_uniform_and_of_the_generator_alone():
    split = random_split(5000, 1, 1, 1)
    torch.manual_seed(0)
    drawn = random_labels(split, 10, generator(1))
    torch.manual_seed(1)
    assert torch.equal(drawn.labels, random_labels(split, 10, generator(1)).labels)
    assert not torch.equal(drawn.labels, random_labels(split, 10, generator(2)).labels)
    assert drawn.images is split.images
    counts = drawn.labels.bincount(minlength=10)
    # 500 +- 21 a class, and 10 % +- 0.4 % of labels right by chance: five standard deviations.
    assert (counts - 500).abs().max() < 106
    assert abs((drawn.labels == split.labels).double().mean() - 0.1) < 0.021


def test_shuffled_pixels_keep_each_image_s_values_and_not_their_places():
    split = random_split(1200, 3, 6, 6)
    shuffled = shuffled_pixels(split, generator(1))
    assert shuffled.images.shape == split.images.shape and shuffled.labels is split.labels
    before, after = split.images.flatten(1), shuffled.images.flatten(1)
    assert torch.equal(after.sort(1).values, before.sort(1).values)
    # A value stays in its place with a chance of 1/108, or by being equal to another.
    assert (after == before).double().mean() < 0.03
    assert torch.equal(shuffled.images, shuffled_pixels(split, generator(1)).images)
    assert not torch.equal(shuffled.images, shuffled_pixels(split, generator(2)).images)


def test_each_image_has_a_permutation_of_its_own():
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).repeat(5, 1, 1, 1)
    shuffled = shuffled_pixels(Split(ramp, torch.zeros(5, dtype=torch.int64)), generator())
    orders = shuffled.images.flatten(1)
    assert len(orders.unique(dim=0)) == 5


def test_sequences():
    images = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    by_row, by_pixel = rows(images), pixel_sequence(images)
    assert by_row.shape == (2, 4, 15) and by_pixel.shape == (2, 20, 3)
    for i, c, y, x in np.ndindex(2, 3, 4, 5):
        assert by_row[i, y, c * 5 + x] == images[i, c, y, x] == by_pixel[i, y * 5 + x, c]
    mnist = torch.zeros(7, 1, 28, 28)
    assert rows(mnist).shape == (7, 28, 28) and pixel_sequence(mnist).shape == (7, 784, 1)


def test_moments_of_constant_and_two_valued_images():
    constant = torch.full((3, 2, 4, 4), 51, dtype=torch.uint8)
    assert moments(constant) == ((0.2, 0.2), (0.0, 0.0))
    black_and_white = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    black_and_white[0] = 255
    assert moments(black_and_white) == ((0.5,), (0.5,))


def test_a_split_on_its_own_is_not_changed_by_its_variants():
    split = random_split(20, 1, 2, 2)
    before = Split(split.images.clone(), split.labels.clone())
    random_labels(split, 10, generator())
    subset(split, 5, generator()).images.zero_()
    assert torch.equal(split.images, before.images) and torch.equal(split.labels, before.labels)
