"""FORCE, Iterative SNIP and SNIP-it: what they share with SNIP, and where weights may return."""

from itertools import pairwise

import pytest
import torch
from oracle_nets import noise, plain_mlp
from torch import nn

from common.errors import Refused
from common.pruning import densities, prune, score

SMALL = (36, 12, 8, 3)
BATCH = noise(30, 36, 3)


@pytest.mark.parametrize("loss", ["cross_entropy", "logit_nll"])
@pytest.mark.parametrize("density", [0.1, 0.01])
def test_one_step_of_either_is_snip(loss, density):
    net, options = plain_mlp(), {"loss": loss, "norm_mode": "train"}
    snip = prune(net, "snip", density, [noise()], **options)
    assert prune(net, "force", density, [noise()], steps=1, **options) == snip
    assert prune(net, "iter_snip", density, [noise()], steps=1, **options) == snip


def chain(criterion, steps, density=0.05, **options):
    """The masks after each step: a longer path begins with a shorter one's targets."""
    path = densities(density, steps)
    net, masks = plain_mlp(SMALL), []
    for step in range(1, steps + 1):
        masks.append(prune(net, criterion, path[step - 1], [BATCH], steps=step, **options))
    return masks


def test_iterative_snips_masks_are_nested_and_forces_are_not():
    nested = chain("iter_snip", 10)
    assert all((wide[n] | ~tight[n]).all() for wide, tight in pairwise(nested) for n in wide)
    returned = chain("force", 10)
    assert any((tight[n] & ~wide[n]).any() for wide, tight in pairwise(returned) for n in wide)


@pytest.mark.parametrize("criterion", ["force", "iter_snip", "synflow"])
def test_every_step_can_be_watched_and_watching_changes_nothing(criterion):
    net, seen = plain_mlp(SMALL), []
    watched = prune(net, criterion, 0.05, [BATCH], steps=4, on_step=seen.append)
    assert watched == prune(net, criterion, 0.05, [BATCH], steps=4)
    assert seen[-1] == watched
    assert [masks.kept for masks in seen] == [round(552 * d) for d in densities(0.05, 4)]


def test_force_scores_pruned_weights_at_their_value_before_masking():
    net = plain_mlp(SMALL)
    masks = prune(net, "random", 0.4)
    force = score(net, "force", [BATCH], masks=masks)
    iterative = score(net, "iter_snip", [BATCH], masks=masks)
    for name, mask in masks.items():
        assert torch.equal(force[name][mask], iterative[name][mask])
        assert float(iterative[name][~mask].abs().sum()) == 0
    assert sum(float(force[name][~mask].sum()) for name, mask in masks.items()) > 0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("exponential", [0.39811, 0.15849, 0.06310, 0.02512, 0.01000]),
        ("linear", [0.802, 0.604, 0.406, 0.208, 0.010]),
    ],
)
def test_kept_shares_on_the_way(schedule, expected):
    assert densities(0.01, 5, schedule) == pytest.approx(expected, abs=5e-6)


def test_snip_it_halves_the_way_that_is_left():
    sparsities = [0.5, 0.74, 0.86, 0.92, 0.95, 0.965, 0.98]
    assert [1 - d for d in densities(0.02, 7, "halving")] == pytest.approx(sparsities)
    assert densities(0.7, 1, "halving") == [0.7]
    with pytest.raises(Refused, match=r"starts at density 0\.5"):
        densities(0.7, 2, "halving")


def test_snip_it_is_snip_along_that_schedule():
    net = plain_mlp(SMALL)
    found = prune(net, "snip_it", 0.05, [BATCH])
    assert found == prune(net, "snip", 0.05, [BATCH], steps=7, schedule="halving")


def test_the_released_code_keeps_everything_once_too_few_scores_are_left():
    """With fewer scores above zero than weights to keep, its threshold is zero and all reach it."""
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 3, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(-torch.ones(4, 4))  # every hidden unit is dead
    batch = (torch.ones(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]))
    for criterion in ("force", "iter_snip"):
        released = prune(net, criterion, 0.25, [batch], steps=3, reading="authors_code")
        assert released.density == 1.0
        assert prune(net, criterion, 0.25, [batch], steps=3).density == 0.25


def test_counts_are_rounded_down_in_the_released_code():
    net = plain_mlp()
    released = prune(net, "force", 0.1, [noise()], steps=3, reading="authors_code")
    assert released.kept == 26_620
    odd = prune(plain_mlp(SMALL), "iter_snip", 0.1, [BATCH], steps=3, reading="authors_code")
    assert odd.kept == int(552 * 0.1) == 55


def test_grasp_it_keeps_large_gradients_among_the_kept():
    net = plain_mlp(SMALL)
    masks = prune(net, "random", 0.4)
    scores = score(net, "grasp_it", [BATCH], masks=masks)
    assert all(float(scores[name][~mask].abs().sum()) == 0 for name, mask in masks.items())
    weights = dict(net.named_parameters())
    snip = score(net, "iter_snip", [BATCH], masks=masks)
    for name, mask in masks.items():
        ratio = snip[name][mask] / weights[name].detach()[mask].abs()
        assert torch.allclose(scores[name][mask], ratio.square())
