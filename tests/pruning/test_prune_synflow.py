"""SynFlow against its conservation laws, worked examples and independently computed values."""

from itertools import pairwise

import pytest
import torch
from oracle_nets import noise, plain_mlp, totals
from pruning_nets import convnet
from torch import nn

from common.errors import Refused
from common.models import build, initialise_
from common.pruning import allocate, effective_density, prune, score, sensitivity

R = 71338.44256843139


def spread(values):
    return (max(values) - min(values)) / max(values)


def test_layer_totals_are_equal_and_as_computed_elsewhere():
    found = totals(score(plain_mlp(), "synflow", [noise()]))
    assert found == pytest.approx([R] * 3, rel=1e-14)
    assert spread(found) < 1e-15
    single = score(plain_mlp(), "synflow", [noise()], reading="authors_code")
    assert all(value.dtype == torch.float32 for value in single.values())
    assert totals(single) == pytest.approx([R] * 3, rel=1e-6)


def test_units_pass_on_what_they_receive():
    scores = list(score(plain_mlp(), "synflow", [noise()]).values())
    for into, out in pairwise(scores):
        assert float((into.sum(1) - out.sum(0)).abs().max() / into.sum(1).max()) < 1e-14


def test_biases_add_to_the_flow_behind_them():
    scores = score(plain_mlp(biases=True), "synflow", [noise()], biases="counted")
    weights = [float(scores[f"{i}.weight"].sum()) for i in (0, 2, 4)]
    biases = [float(scores[f"{i}.bias"].sum()) for i in (0, 2, 4)]
    assert weights == pytest.approx([71338.44256843, 71425.19234052, 71429.70081896], rel=1e-12)
    assert biases == pytest.approx([86.74977208, 4.50847844, 0.36314396], rel=1e-7)
    for layer, weight in enumerate(weights):
        assert weight + sum(biases[layer:]) == pytest.approx(71430.06396291594, rel=1e-14)


def test_the_worked_example():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    net[0].weight.data = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    net[2].weight.data = torch.tensor([[2.0, -1.0]])
    first, second = score(net, "synflow", [(torch.zeros(1, 2), torch.zeros(1))]).values()
    assert first.tolist() == [[2.0, 4.0], [3.0, 0.5]]
    assert second.tolist() == [[6.0, 3.5]]


def test_snip_conserves_with_signs_and_not_without_them():
    signed = sensitivity(plain_mlp(), [noise()])
    assert totals(signed) == pytest.approx([1.45518280902626] * 3, rel=1e-12)
    unsigned = totals(score(plain_mlp(), "snip", [noise()]))
    assert unsigned == pytest.approx([45.91, 23.88, 4.36], rel=1e-3)


def test_every_layer_of_a_plain_vgg_holds_the_whole_flow():
    net = build("vgg11", classes=10, in_shape=(3, 32, 32), width=0.125)
    # The convolutions' biases are zero at the start, and batch norm only rescales.
    initialise_(net, "kaiming_normal", torch.Generator().manual_seed(0))
    found = totals(score(net, "synflow", [(torch.zeros(1, 3, 32, 32), torch.zeros(1))]))
    assert spread(found) < 1e-13


def test_blocks_of_a_resnet_share_the_flow_with_their_shortcuts():
    net = build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.25)
    initialise_(net, "kaiming_normal", torch.Generator().manual_seed(0))
    scores = score(net, "synflow", [(torch.zeros(1, 3, 32, 32), torch.zeros(1))])
    found = {name: float(value.sum()) for name, value in scores.items()}
    names = list(found)
    assert found[names[0]] == pytest.approx(found[names[-1]], rel=1e-13)
    assert max(found.values()) <= found[names[0]] * (1 + 1e-13)


def test_masks_need_no_data_and_leave_the_global_generator_alone():
    net = plain_mlp((36, 12, 8, 3))
    images, labels = noise(30, 36, 3)
    one = prune(net, "synflow", 0.1, [(images, labels)], steps=5)
    assert one == prune(net, "synflow", 0.1, [(images.square(), 1 - labels)], steps=5)
    with pytest.raises(Refused, match="shape of an image"):
        prune(net, "synflow", 0.1)


def alive(masks, net):
    """Whether every layer keeps a weight and some path leads from input to output."""
    some = all(mask.any() for mask in masks.values())
    return some and effective_density(net, masks, (784,)) > 0


def test_hundred_steps_reach_the_maximal_compression_where_one_collapses():
    net = plain_mlp()
    weights, layers = 266_200, 3
    masks = prune(net, "synflow", layers / weights, [noise()])
    assert masks.kept == layers
    assert alive(masks, net)
    # One shot empties the largest layer once no more is kept than the others hold together.
    once = prune(net, "synflow", 10**-1.25, [noise()], steps=1)
    assert once.counts()["0.weight"][0] == 0
    assert prune(net, "synflow", 10**-0.75, [noise()], steps=1).counts()["0.weight"][0] > 0


def test_average_scores_fall_with_the_size_of_the_layer():
    scores = score(plain_mlp(), "synflow", [noise()])
    sizes = torch.tensor([float(value.numel()) for value in scores.values()]).log()
    means = torch.stack([value.mean() for value in scores.values()]).log().float()
    centred = sizes - sizes.mean()
    slope = float((centred * means).sum() / centred.square().sum())
    assert slope == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "density", "kept"),
    [
        ([1.0, 2, 3, 4, 5], 0.8, 5),  # int((1 - 0.8) 5) is 0 in double precision
        ([float(i) for i in range(10)], 0.9, 10),
        ([0.0, 0, 0, 1, 2], 0.6, 2),  # ties at the threshold all go
        ([1.0] * 10, 0.5, 0),
        ([4.0, 3, 2, 1], 0.5, 2),
    ],
)
def test_the_released_codes_threshold(scores, density, kept):
    masks = allocate({"w": torch.tensor(scores)}, density, ties="drop", rounding="floor_removed")
    assert masks.kept == kept


def test_an_exhausted_network_loses_its_last_weights_in_the_released_code():
    """Once no path is left every score is zero, and the threshold removes whatever equals it."""
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)).double()
    with torch.no_grad():
        for layer in (net[0], net[1]):
            layer.weight.copy_(torch.eye(4, dtype=torch.float64))
    batch = (torch.zeros(1, 4), torch.zeros(1))
    released = prune(net, "synflow", 1 / 32, [batch], reading="authors_code")
    assert released.kept == 0
    assert prune(net, "synflow", 1 / 32, [batch]).kept == 1


def test_training_mode_is_refused():
    with pytest.raises(Refused, match="single image"):
        score(convnet(), "synflow", [(torch.zeros(1, 1, 6, 6), torch.zeros(1))], norm_mode="train")


def test_masked_weights_score_zero():
    net = plain_mlp((36, 12, 8, 3))
    masks = prune(net, "random", 0.4)
    scores = score(net, "synflow", [noise(30, 36, 3)], masks=masks)
    assert all(float(scores[name][~masks[name]].abs().sum()) == 0 for name in masks)


def test_a_pruned_weight_does_not_return_because_the_ranking_is_turned_round():
    """Its score is 0, the lowest of all."""
    net, batch = plain_mlp((36, 12, 8, 3)), noise(30, 36, 3)
    options = {"steps": 3, "returning": True, "ablation": "invert"}
    steps = []
    masks = prune(net, "synflow", 0.2, [batch], on_step=steps.append, **options)
    assert masks.kept > 0
    for before, after in pairwise(steps):
        assert all((after[name] <= before[name]).all() for name in after)
