"""SNIP's score against the sheet's worked example, multipliers, differences and conservation."""

import itertools

import pytest
import torch
from pruning_nets import NETS, batch, convnet, generator, mlp
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from common.pruning import prunable, prune, score, sensitivity

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def worked_example():
    """Return the 2-2-2 network of the sheet and its two images."""
    net = nn.Sequential(nn.Linear(2, 2, False), nn.ReLU(), nn.Linear(2, 2, False)).double()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.0]]))
        net[2].weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 0.5]]))
    images = torch.tensor([[1.0, 0.25], [2.0, 1.0]], dtype=torch.float64)
    return net, (images, torch.tensor([0, 1]))


def test_worked_example_scores():
    net, data = worked_example()
    signed = sensitivity(net, [data])
    expected = {
        "0.weight": [[0.41774177, -0.20887088], [0.27773692, 0.12108376]],
        "2.weight": [[-0.20887088, 0.26588045], [0.41774177, 0.13294023]],
    }
    for name, values in expected.items():
        assert torch.allclose(signed[name], torch.tensor(values).double(), atol=1e-8)
        assert signed[name].sum().item() == pytest.approx(0.60769157, abs=1e-8)
    scores = score(net, "snip", [data])
    assert sum(s.sum() for s in scores.values()).item() == pytest.approx(2.05086667, abs=1e-8)


@pytest.mark.parametrize(
    ("kappa", "first", "second"),
    [
        (2, [1, 0, 0, 0], [0, 0, 1, 0]),
        (3, [1, 0, 1, 0], [0, 0, 1, 0]),
        (4, [1, 0, 1, 0], [0, 1, 1, 0]),
    ],
)
def test_worked_example_masks(kappa, first, second):
    net, data = worked_example()
    masks = prune(net, criterion="snip", density=kappa / 8, batches=[data])
    assert masks["0.weight"].flatten().tolist() == list(map(bool, first))
    assert masks["2.weight"].flatten().tolist() == list(map(bool, second))


def multiplier_gradients(net, images, labels, biases="free"):
    """Return dL/dc at c = 1 for a multiplier c on every prunable parameter, written out."""
    named = {n: p.detach() for n, p in net.named_parameters()}
    ones = {n: torch.ones_like(named[n], requires_grad=True) for n in prunable(net, biases)}
    scaled = {n: ones[n] * named[n] if n in ones else named[n] for n in named}
    net = net.eval()
    loss = F.cross_entropy(functional_call(net, scaled, (images,)), labels)
    return dict(zip(ones, torch.autograd.grad(loss, list(ones.values())), strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("biases", ["free", "counted"])
def test_score_is_the_derivative_by_a_multiplier(name, dtype, biases):
    net = NETS[name]().to(dtype)
    images, labels = batch(dtype=dtype)
    scores = score(net, "snip", [(images, labels)], biases=biases)
    expected = multiplier_gradients(net, images, labels, biases)
    largest = max(g.abs().max() for g in expected.values())
    assert list(scores) == list(expected)
    for key, gradient in expected.items():
        assert (scores[key] - gradient.abs()).abs().max() <= TOLERANCE[dtype] * largest


def test_central_difference():
    net, (images, labels) = NETS["recurrent"]().double(), batch(dtype=torch.float64)
    signed = sensitivity(net, [(images, labels)])
    step = 1e-5
    for name, parameter in prunable(net).items():
        for index in ((0, 0), (2, 3)):
            losses = []
            for sign in (1, -1):
                moved = parameter.detach().clone()
                moved[index] *= 1 + sign * step
                losses.append(F.cross_entropy(functional_call(net, {name: moved}, images), labels))
            difference = (losses[0] - losses[1]) / (2 * step)
            assert difference.item() == pytest.approx(signed[name][index].item(), abs=1e-9)


def test_conservation_over_layers_and_units():
    net = mlp(biases=False).double()
    signed = list(sensitivity(net, [batch(dtype=torch.float64)]).values())
    totals = torch.stack([s.sum() for s in signed])
    assert (totals - totals[0]).abs().max() < 1e-14
    for into, out in itertools.pairwise(signed):
        assert torch.allclose(into.sum(1), out.sum(0), atol=1e-15)
    absolute = torch.stack([s.abs().sum() for s in signed])
    assert absolute.max() / absolute.min() > 1.1  # the absolute value breaks the law


def test_batch_norm_mode_shows_in_the_sums():
    """In train mode a normalised unit's incoming scores cancel; in eval mode they do not."""
    net = convnet().double()
    net[1].eps = net[5].eps = 1e-12
    data = [batch(n=16, dtype=torch.float64)]
    for layer in ("0.weight", "4.weight"):
        train = sensitivity(net, data, norm_mode="train")[layer]
        evaluation = sensitivity(net, data, norm_mode="eval")[layer]
        assert (train.sum((1, 2, 3)).abs() < 1e-9 * train.abs().sum((1, 2, 3))).all()
        assert evaluation.sum((1, 2, 3)).abs().max() > 1e-3 * evaluation.abs().max()


def test_authors_code_counts_biases():
    net = NETS["mlp"]()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    counted = prune(net, "snip", 0.3, [batch()], reading="authors_code")
    assert counted.total == sum(p.numel() for p in net.parameters())
    assert counted.kept == round(counted.total * (1 - 0.7))
    assert not any(counted[n].any() for n in counted if n.endswith("bias"))  # they score zero
    assert list(prune(net, "snip", 0.3, [batch()])) == list(prunable(net))


@pytest.mark.parametrize(
    ("density", "biases", "kept"),
    [(0.05, "counted", 13_331), (0.05, "free", 13_310), (0.02, "counted", 5_332)],
)
def test_kept_counts_of_lenet(density, biases, kept):
    net = nn.Sequential(nn.Linear(784, 300), nn.Linear(300, 100), nn.Linear(100, 10))
    assert prune(net, "magnitude", density, biases=biases).kept == kept
    assert prune(net, "magnitude", density, biases=biases, rounding="half_even").kept == kept


def test_layer_densities_on_noise():
    """Against values computed for Frankle et al.'s nets: 20 draws, bias-free Kaiming, 10 %."""
    expected = [(0.0637, 0.003), (0.363, 0.020), (0.743, 0.027)]
    labels = torch.arange(10).repeat_interleave(10)
    rows = []
    for seed in range(8):
        stream = generator(seed)
        net = nn.Sequential(
            nn.Linear(784, 300, False),
            nn.ReLU(),
            nn.Linear(300, 100, False),
            nn.ReLU(),
            nn.Linear(100, 10, False),
        )
        for layer in net[::2]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=stream)
        images = torch.randn(100, 784, generator=stream)
        masks = prune(net, "snip", 0.1, [(images, labels)])
        rows.append([kept / total for kept, total in masks.counts().values()])
    means = torch.tensor(rows).mean(0).tolist()
    for mean, (value, sd) in zip(means, expected, strict=True):
        # Both means have an error: ours of 8 draws, theirs of 20.
        assert abs(mean - value) < 3 * sd * (1 / 8 + 1 / 20) ** 0.5
