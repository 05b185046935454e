import numpy as np
import pytest
import torch
from synthetic_data import random_split

from common.data import (
    AUGMENTATIONS,
    Batcher,
    Split,
    draw_moves,
    evaluation_batches,
    moments,
    move,
    normalise,
    scoring_batches,
)
from common.errors import Refused

MEAN, SD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batcher(split=None, batch=8, **options):
    split = split or random_split(43, 3, 6, 5)
    options = {"order_seed": 1, "augment_seed": 2, **options}
    return Batcher(split, MEAN, SD, batch, **options)


def numbered(n):
    """n images, each of one colour, and the images' own numbers as labels."""
    images = torch.arange(n, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    return Split(images, torch.arange(n))


def slowly(images, pixels):
    """Normalised images, one number at a time in double precision."""
    result = np.empty(images.shape)
    for i, c, y, x in np.ndindex(*images.shape):
        value = int(images[i, c, y, x]) / 255
        result[i, c, y, x] = value if pixels == "unit" else (value - MEAN[c]) / SD[c]
    return result


@pytest.mark.parametrize("pixels", ["standard", "unit"])
def test_normalise_against_a_loop(pixels):
    images = random_split(3, 3, 4, 5).images
    expected = slowly(images, pixels)
    assert np.allclose(normalise(images, MEAN, SD, pixels), expected, atol=1e-6)
    exact = normalise(images, MEAN, SD, pixels, torch.float64)
    assert exact.dtype == torch.float64 and np.allclose(exact, expected, atol=1e-14)


def test_unit_pixels_are_exact():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(normalise(images, (), (), "unit"), images.float() / 255)


def test_normalised_training_images_have_mean_0_and_sd_1():
    images = random_split(50, 3, 6, 6).images
    result = normalise(images, *moments(images), dtype=torch.float64)
    assert torch.allclose(result.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-12)
    assert torch.allclose(result.std((0, 2, 3), correction=0), torch.ones(3).double(), atol=1e-12)


def test_every_epoch_is_a_permutation_of_whole_batches():
    batches = batcher(random_split(43, 3, 6, 5), batch=8)
    assert batches.steps_per_epoch == 5
    sheet = Batcher(numbered(43), (0.5,), (0.2,), 8, order_seed=1)
    epochs = [
        torch.cat([sheet.batch(5 * epoch + step)[1] for step in range(5)]).tolist()
        for epoch in range(30)
    ]
    assert all(len(set(epoch)) == 40 for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 30
    # Those dropped differ from epoch to epoch: each image has its turn.
    assert set().union(*epochs) == set(range(43))


def test_labels_stay_with_their_images():
    sheet = Batcher(numbered(43), (0.0,), (1.0,), 8, order_seed=1)
    images, labels = sheet.batch(3)
    assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), labels)


@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_batches_are_a_pure_function_of_seeds_and_step(augment):
    steps = [0, 1, 2, 3, 4, 5, 11, 12, 13, 27]
    first = batcher(augment=augment)
    inorder = {step: first.batch(step) for step in steps}
    torch.manual_seed(12345)
    state = torch.get_rng_state()
    resumed = batcher(augment=augment)
    for step in [12, 0, 27, 13, 5, 4, 12, 1]:
        images, labels = resumed.batch(step)
        assert torch.equal(images, inorder[step][0]) and torch.equal(labels, inorder[step][1])
    assert torch.equal(torch.get_rng_state(), state)


def test_each_seed_decides_its_own_part():
    split = random_split(43, 3, 6, 5)
    plain = batcher(split)
    base = batcher(split, augment="flip_shift")
    other_order = batcher(split, augment="flip_shift", order_seed=7)
    other_moves = batcher(split, augment="flip_shift", augment_seed=7)
    assert torch.equal(plain.batch(6)[1], base.batch(6)[1])
    assert torch.equal(plain.batch(6)[1], other_moves.batch(6)[1])
    assert not torch.equal(base.batch(6)[0], other_moves.batch(6)[0])
    assert not torch.equal(base.batch(6)[1], other_order.batch(6)[1])
    assert torch.equal(plain.batch(6)[0], batcher(split, augment_seed=7).batch(6)[0])


def moved_slowly(images, moves, fill):
    """Each image mirrored, then every pixel fetched from where it was."""
    result = torch.empty_like(images)
    _, _, height, width = images.shape
    for i, c, y, x in np.ndindex(*images.shape):
        row, column = y - int(moves.down[i]), x - int(moves.right[i])
        inside = 0 <= row < height and 0 <= column < width
        if moves.flip[i]:
            column = width - 1 - column
        result[i, c, y, x] = images[i, c, row, column] if inside else fill[c]
    return result


@pytest.mark.parametrize("augment", ["flip_shift", "flip_crop", "some_of_flip_shift"])
@pytest.mark.parametrize("pixels", ["standard", "unit"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_augmented_batches_against_a_slow_reference(augment, pixels, channels_last):
    split = random_split(60, 3, 7, 6)
    options = {"batch": 30, "pixels": pixels, "channels_last": channels_last}
    plain = batcher(split, **options)
    images, labels = batcher(split, augment=augment, **options).batch(1)
    still, same = plain.batch(1)
    assert torch.equal(labels, same)
    black = normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8), MEAN, SD, pixels).flatten()
    fill = black if augment == "flip_crop" else torch.zeros(3)
    moves = draw_moves(augment, 60, batcher(split, batch=30)._generator("augment", 0))
    assert torch.equal(images, moved_slowly(still, moves[30:60], fill))
    assert not torch.equal(images, still)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert images.is_contiguous(memory_format=layout) and images.dtype == torch.float32


def test_move_changes_nothing_that_it_is_given():
    images = torch.rand(5, 3, 6, 6, generator=generator())
    before = images.clone()
    move(images, draw_moves("flip_shift", 5, generator(1)))
    assert torch.equal(images, before)


@pytest.mark.parametrize("augment", ["flip_shift", "flip_crop"])
def test_moves_have_their_distribution(augment):
    moves = draw_moves(augment, 81_000, generator())
    assert abs(moves.flip.double().mean() - 0.5) < 0.009  # five standard deviations, as below
    places = (moves.down + 4) * 9 + moves.right + 4
    counts = places.bincount(minlength=81)
    assert len(counts) == 81 and (counts - 1000).abs().max() < 160


def test_some_of_flip_shift_picks_none_one_or_both_equally_often():
    n = 90_000
    moves = draw_moves("some_of_flip_shift", n, generator())
    moved = (moves.down != 0) | (moves.right != 0)
    share = 80 / 81  # of shifts that are not (0, 0)
    expected = {
        (False, False): 1 / 3 + 1 / 6 * (1 / 2) + 1 / 6 * (1 - share) + 1 / 6 * (1 - share),
        (True, False): 1 / 6 * (1 / 2) + 1 / 6 * (1 - share),
        (False, True): (1 / 6 + 1 / 6) * share,
        (True, True): 1 / 6 * share,
    }
    assert sum(expected.values()) == pytest.approx(1)
    for (flip, shift), probability in expected.items():
        found = ((moves.flip == flip) & (moved == shift)).double().mean()
        sd = (probability * (1 - probability) / n) ** 0.5
        assert abs(found - probability) < 5 * sd
    assert moves.down.abs().max() == moves.right.abs().max() == 4


def test_scoring_batches_are_distinct_and_have_their_turn():
    split = numbered(10)
    drawn = list(scoring_batches(split, 4, 5, generator(), mean=(0.0,), sd=(1.0,)))
    labels = [batch[1].tolist() for batch in drawn]
    assert [len(set(batch)) for batch in labels] == [4] * 5
    assert len({*labels[0], *labels[1]}) == 8 and len({*labels[2], *labels[3]}) == 8
    for images, numbers in drawn:
        assert torch.equal((images[:, 0, 1, 1] * 255).round().long(), numbers)


def test_scoring_batches_depend_on_the_generator_alone():
    split = random_split(30, 3, 4, 4)

    def first(batch, seed, **options):
        torch.manual_seed(seed)
        drawn = scoring_batches(split, batch, 1, generator(seed), mean=MEAN, sd=SD, **options)
        return next(drawn)[0]

    assert torch.equal(first(20, 3), first(20, 3))
    assert torch.equal(first(5, 3), first(20, 3)[:5])
    assert not torch.equal(first(5, 3), first(5, 4))
    double = first(5, 3, dtype=torch.float64)
    assert double.dtype == torch.float64 and torch.allclose(double.float(), first(5, 3))
    assert first(5, 3, pixels="unit").min() >= 0


@pytest.mark.parametrize("sampling", ["balanced", "by_class"])
def test_balanced_batches_hold_as_many_of_each_class(sampling):
    labels = torch.arange(60) % 3
    split = Split(torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1), labels)

    def draw(seed=0, batch=6, batches=2):
        options = {"mean": (0.0,), "sd": (1.0,), "sampling": sampling}
        return list(scoring_batches(split, batch, batches, generator(seed), **options))

    drawn = draw()
    together = torch.cat([labels for _, labels in drawn])
    assert together.bincount().tolist() == [4, 4, 4]
    assert (together.diff() >= 0).all() == (sampling == "by_class")
    images = torch.cat([images.flatten() for images, _ in drawn]).mul(255).round().long()
    assert len(images.unique()) == 12 and torch.equal(images % 3, together)
    assert not torch.equal(draw(seed=1)[0][0], drawn[0][0])
    with pytest.raises(Refused, match="10 images cannot be shared out among 3 classes"):
        draw(batch=10, batches=1)
    with pytest.raises(Refused, match="of at least 20 images each"):
        draw(batch=21, batches=3)


@pytest.mark.parametrize("channels_last", [False, True])
def test_evaluation_batches_are_everything_in_order(channels_last):
    split = random_split(23, 3, 4, 4)
    drawn = list(evaluation_batches(split, 10, mean=MEAN, sd=SD, channels_last=channels_last))
    assert [len(labels) for _, labels in drawn] == [10, 10, 3]
    assert torch.equal(torch.cat([labels for _, labels in drawn]), split.labels)
    images = torch.cat([images for images, _ in drawn])
    assert torch.equal(images, normalise(split.images, MEAN, SD))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert all(images.is_contiguous(memory_format=layout) for images, _ in drawn)


@pytest.mark.parametrize("batch", [0, 44])
def test_batches_that_do_not_fit_are_refused(batch):
    split = random_split(43, 3, 6, 5)
    for call in (
        lambda: batcher(split, batch),
        lambda: next(scoring_batches(split, batch, 1, generator(), mean=MEAN, sd=SD)),
    ):
        with pytest.raises(Refused, match=f"batch {batch} must lie in 1..43"):
            call()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"augment": "flip"}, "unknown augmentation 'flip'"),
        ({"pixels": "raw"}, "unknown pixels 'raw'"),
    ],
)
def test_unknown_options_are_refused(options, sentence):
    with pytest.raises(Refused, match=sentence):
        batcher(**options)


@pytest.mark.parametrize("mean, sd", [((0.5,), (0.2,)), (MEAN, (0.2, 0.0, 0.2)), (MEAN, (0.2,))])
def test_moments_that_do_not_fit_are_refused(mean, sd):
    with pytest.raises(Refused, match="3 values each"):
        Batcher(random_split(9, 3, 2, 2), mean, sd, 3, order_seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_a_gpu_sees_the_batches_of_the_cpu(augment):
    split = random_split(43, 3, 6, 5)
    for step in (0, 7):
        images, labels = batcher(split, augment=augment, device="cuda").batch(step)
        expected, same = batcher(split, augment=augment).batch(step)
        assert images.is_cuda and torch.allclose(images.cpu(), expected, atol=1e-6)
        assert torch.equal(labels.cpu(), same)
