"""Law 7: named streams of a replicate, shared by all arms and depending on nothing else."""

import itertools

import pytest
import torch
from small_runs import dense, settings, spec

from common import data as datasets
from common.data import Data, Split
from common.errors import Refused
from common.models import build, initialise_linear_
from common.procedures import Stage, generator, seed
from common.procedures.execute import namespace
from common.procedures.stage import _fitted
from common.pruning import Criterion, prune

STREAMS = ["init", "split", "order", "augment", "criterion", "mask", "scored", "redraw", "labels"]


def stage(arm, replicate=0):
    return Stage(namespace(spec(arm, replicate)["settings"]), replicate, torch.device("cpu"))


def test_seeds_are_those_of_the_stored_runs():
    assert seed(0, "init") == 3330654677893223573
    assert seed(12, "order") == 2724365978391650168


def test_a_stream_begins_anew_each_time():
    first, second = (torch.rand(5, generator=generator(3, "init")) for _ in range(2))
    assert torch.equal(first, second)


def test_seeds_of_replicates_and_streams_are_all_different():
    seeds = [seed(replicate, stream) for replicate in range(50) for stream in STREAMS]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= value < 2**63 for value in seeds)


def test_streams_are_uncorrelated():
    n = 20_000
    keys = [(replicate, stream) for replicate in (0, 1) for stream in STREAMS]
    draws = torch.stack([torch.randn(n, generator=generator(*key)) for key in keys])
    correlations = torch.corrcoef(draws)
    pairs = torch.tensor(list(itertools.combinations(range(len(keys)), 2)))
    assert correlations[pairs[:, 0], pairs[:, 1]].abs().max() < 5 / n**0.5


def test_streams_do_not_touch_the_global_generator():
    before = torch.get_rng_state()
    torch.rand(3, generator=generator(0, "init"))
    assert torch.equal(torch.get_rng_state(), before)


OTHERS = {
    "dense": dense(holdout=0.1),
    "another density": settings(density=0.05, holdout=0.1),
    "another criterion": settings(criterion="random", holdout=0.1),
    "an ablation": settings(ablation="shuffle", holdout=0.1),
    "an independent scoring draw": settings(scoring={"init": "rn", "batches": 3}, holdout=0.1),
    "another recipe": settings(recipe={"optimizer": "adam", "lr": 0.01}, holdout=0.1),
    "another procedure": settings(procedure="analyse_masks", measures=["counts"], holdout=0.1),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_replicate_of_two_arms_shares_init_split_and_order(name):
    one, other = stage(settings(holdout=0.1)), stage(OTHERS[name])
    other.masks(other.model())  # what an arm draws of its own must not shift what is shared
    weights, others = one.model().state_dict(), other.model().state_dict()
    assert list(weights) == list(others)
    assert all(torch.equal(weights[key], others[key]) for key in weights)
    for mine, its in zip(one.splits, other.splits, strict=True):
        assert torch.equal(mine.images, its.images)
        assert torch.equal(mine.labels, its.labels)
    batches, its = (s.batcher(s.training, batch=20) for s in (one, other))
    for step in (0, 1, batches.steps_per_epoch, 3 * batches.steps_per_epoch):
        assert torch.equal(batches.batch(step)[0], its.batch(step)[0])
        assert torch.equal(batches.batch(step)[1], its.batch(step)[1])


def test_arms_of_one_replicate_share_the_scoring_batches():
    one, other = stage(settings()), stage(settings(density=0.05, criterion="magnitude"))
    for (images, labels), (its, its_labels) in zip(
        one.scoring_batches(), other.scoring_batches(), strict=True
    ):
        assert torch.equal(images, its)
        assert torch.equal(labels, its_labels)


def test_replicates_differ_in_everything_that_is_drawn():
    one, other = stage(settings(holdout=0.1)), stage(settings(holdout=0.1), replicate=1)
    assert not torch.equal(one.model().fc1.weight, other.model().fc1.weight)
    assert not torch.equal(one.splits[1].images, other.splits[1].images)
    assert not torch.equal(one.scoring_batches()[0][0], other.scoring_batches()[0][0])
    first, second = (s.batcher(s.training, batch=20).batch(0)[0] for s in (one, other))
    assert not torch.equal(first, second)


def test_random_labels_and_subsets_are_shared_too():
    arms = (settings(labels="random", subset=300), dense(labels="random", subset=300))
    one, other = map(stage, arms)
    assert torch.equal(one.training.labels, other.training.labels)
    assert torch.equal(one.training.images, other.training.images)
    assert len(one.training) == 300
    assert not torch.equal(one.training.labels, one.splits[0].labels)


def test_an_independent_scoring_draw_is_not_the_trained_one():
    found = stage(settings(scoring={"init": "vs"}))
    model = found.model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    masks = found.masks(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert masks != stage(settings()).masks(model)


def drawn(changes, steps):
    """Return the labels of the batches that an iterated method sees at its steps."""
    one = stage(settings(**changes))
    seen = []

    def watch(network, batches, loss, generator, options):
        seen.append(torch.cat([labels for _, labels in batches]))
        return {name: weight.abs() for name, weight in network.dense.items()}

    method = Criterion("watch", watch)
    prune(one.model(), method, 0.5, one.criterion_batches(), steps=steps)
    return seen


def test_an_iterated_method_sees_fresh_batches_where_it_is_asked_for():
    first, second, third = drawn({"scoring": {"batch": 30}}, 3)
    assert torch.equal(first, second) and torch.equal(second, third)
    fresh = drawn({"scoring": {"batch": 30, "fresh": True}}, 3)
    assert torch.equal(fresh[0], first)
    assert not torch.equal(fresh[0], fresh[1]) and not torch.equal(fresh[1], fresh[2])
    assert all(
        torch.equal(a, b)
        for a, b in zip(fresh, drawn({"scoring": {"batch": 30, "fresh": True}}, 3), strict=True)
    )


def test_a_redrawn_head_leaves_the_other_layers():
    net = build("lenet5_caffe", classes=10, in_shape=(1, 28, 28))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    initialise_linear_(net, "xavier_normal", torch.Generator().manual_seed(1))
    changed = {n for n, value in net.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"fc1.weight", "fc2.weight"}


def test_labels_and_pixels_may_be_spoilt_for_scoring_alone():
    plain = stage(settings())
    (images, labels), *_ = plain.scoring_batches()
    shuffled = stage(settings(scoring={"pixels": "shuffled"}))
    spoilt, same = shuffled.scoring_batches()[0]
    assert torch.equal(same, labels) and not torch.equal(spoilt, images)
    sums = [batch.flatten(1).sum(1) for batch in (spoilt, images)]
    assert torch.allclose(*sums, atol=1e-3)
    random = stage(settings(scoring={"labels": "random"}))
    kept, drawn = random.scoring_batches()[0]
    assert torch.equal(kept, images)
    assert 0.02 < (drawn == labels).double().mean() < 0.25
    for other in (shuffled, random):
        assert torch.equal(other.training.labels, plain.training.labels)
        assert torch.equal(other.training.images, plain.training.images)


def test_images_larger_than_usual_are_left_as_they_are(monkeypatch):
    """CIFAR networks take the 64x64 images of Tiny ImageNet, by adaptive pooling."""
    split = Split(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    tiny = Data("tiny_imagenet", split, split, 2, (0.5,) * 3, (0.25,) * 3)
    monkeypatch.setattr(datasets, "load", lambda name: tiny)
    _fitted.cache_clear()
    try:
        one = stage(settings(data="tiny_imagenet", model="cifar_resnet18", width=0.05))
        assert one.data.in_shape == (3, 64, 64)
        assert one.model().eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
        with pytest.raises(Refused, match="cannot be enlarged"):
            _ = stage(settings(data="tiny_imagenet")).data
    finally:
        _fitted.cache_clear()
