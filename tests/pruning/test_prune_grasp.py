"""GraSP against finite differences, identities, worked examples and independent values."""

import pytest
import torch
from oracle_nets import noise, plain_mlp, totals
from pruning_nets import convnet
from torch import nn
from torch.nn import functional as F

from common.pruning import allocate, half_even, one_more, prunable, prune, score

EXACT = {"dtype": "float64", "temperature": 1.0, "norm_mode": "eval"}


def gradient_norm(net, images, labels):
    loss = F.cross_entropy(net(images), labels)
    gradients = torch.autograd.grad(loss, list(prunable(net).values()))
    return float(sum(g.square().sum() for g in gradients))


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_a_removal_changes_the_norm_as_the_score_says(activation):
    """Central difference of w (1 -+ eps): 2 S = -2 times the score kept here."""
    net = plain_mlp((40, 20, 12, 5), activation=activation)
    images, labels = noise(50, 40, 5)
    scores = score(net, "grasp", [(images, labels)], **EXACT)
    step = 1e-4
    for name, weight in prunable(net).items():
        values = scores[name].flatten()
        chosen = values.abs().argsort(descending=True)[:20]
        for index in chosen.tolist():
            flat = weight.data.view(-1)
            kept = float(flat[index])
            norms = []
            for factor in (1 - step, 1 + step):
                flat[index] = kept * factor
                norms.append(gradient_norm(net, images, labels))
            flat[index] = kept
            quotient = (norms[0] - norms[1]) / (2 * step)
            assert quotient == pytest.approx(-2 * float(values[index]), rel=1e-5)


@pytest.mark.parametrize(("weight", "target", "removed"), [(1.0, 3.0, 2.0), (3.0, 1.0, -6.0)])
def test_one_weight_by_hand(weight, target, removed):
    """L = (w x - y)^2 / 2 at x = 1: S = -w (w - y)."""
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(weight)

    def loss(outputs, labels):
        return (outputs - labels).square().sum() / 2

    batch = (torch.ones(1, 1), torch.full((1, 1), target))
    found = score(net, "grasp", [batch], loss=loss, temperature=1.0)
    assert float(found["weight"]) == -removed


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(1.0, [23.39, 23.47, 28.07]), (200.0, [6.46e-5, 1.90e-4, 2.33e-4])],
)
def test_layer_totals_as_computed_elsewhere(temperature, expected):
    found = totals(score(plain_mlp(), "grasp", [noise()], temperature=temperature))
    assert found == pytest.approx(expected, rel=5e-3)


def test_the_product_equals_that_of_the_full_hessian():
    net = plain_mlp((6, 4, 3), activation=nn.Tanh)
    images, labels = noise(9, 6, 3)
    shapes = [p.shape for p in net.parameters()]

    def loss(flat):
        first, second = (
            part.view(shape)
            for part, shape in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)
        )
        return F.cross_entropy((images @ first.t()).tanh() @ second.t(), labels)

    flat = torch.cat([p.detach().flatten() for p in net.parameters()])
    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    expected = flat * (hessian @ gradient)
    found = torch.cat(
        [v.flatten() for v in score(net, "grasp", [(images, labels)], **EXACT).values()]
    )
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_batches_that_are_scored_as_one_give_the_scores_of_their_union():
    net = plain_mlp((36, 12, 8, 3))
    images, labels = noise(30, 36, 3)
    parts = [(images[:12], labels[:12]), (images[12:], labels[12:])]
    whole = score(net, "grasp", [(images, labels)], **EXACT)
    joint = score(net, "grasp", parts, **EXACT)
    apart = score(net, "grasp", parts, reduction="per_batch", **EXACT)
    each = [score(net, "grasp", [part], **EXACT) for part in parts]
    for name, value in whole.items():
        assert torch.allclose(joint[name], value, rtol=1e-9, atol=1e-15)
        mean = (12 * each[0][name] + 18 * each[1][name]) / 30
        assert torch.allclose(apart[name], mean, rtol=1e-9, atol=1e-15)
    assert not torch.allclose(apart["0.weight"], whole["0.weight"], rtol=1e-3)


def test_a_layer_before_batch_norm_sums_to_minus_its_gradients_norm():
    """Such a layer's scale does not matter, so H w = -g there (Euler) and sum(S) = |g|^2."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4, eps=1e-12), nn.ReLU(),
        nn.Conv2d(4, 5, 3, bias=False), nn.BatchNorm2d(5, eps=1e-12), nn.ReLU(),
        nn.Flatten(), nn.Linear(20, 3, bias=False),
    ).double().train()  # fmt: skip
    stream = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in prunable(net).values():
            p.copy_(torch.randn(p.shape, generator=stream, dtype=p.dtype) / p[0].numel() ** 0.5)
    images = torch.randn(12, 1, 6, 6, generator=stream, dtype=torch.float64)
    labels = torch.arange(12) % 3
    scores = score(net, "grasp", [(images, labels)])
    loss = F.cross_entropy(net(images) / 200, labels)
    for name, gradient in zip(
        ("0.weight", "3.weight"),
        torch.autograd.grad(loss, [net[0].weight, net[3].weight]),
        strict=True,
    ):
        assert float(-scores[name].sum()) == pytest.approx(float(gradient.square().sum()), rel=1e-8)


def test_a_loss_that_is_linear_in_the_weights_scores_zero():
    net = nn.Linear(4, 3, bias=False)
    batch = (torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]))
    assert float(score(net, "grasp", [batch], loss="logit_nll")["weight"].abs().sum()) == 0


def test_the_two_signs_keep_disjoint_weights():
    net, batch = plain_mlp((36, 12, 8, 3)), noise(30, 36, 3)
    kept = prune(net, "grasp", 0.2, [batch])
    other = prune(net, "grasp", 0.2, [batch], ablation="invert")
    assert not any((kept[name] & other[name]).any() for name in kept)
    absolute = score(net, "grasp_abs", [batch])
    assert all(
        torch.equal(absolute[name], value.abs())
        for name, value in score(net, "grasp", [batch]).items()
    )


@pytest.mark.parametrize(
    ("total", "sparsity", "kept"),
    [
        (338_200, 0.9, 33_821), (1_855_584, 0.90, 185_560), (1_855_584, 0.95, 92_781),
        (1_855_584, 0.98, 37_113), (20_024_000, 0.98, 400_481),
    ],
)  # fmt: skip
def test_the_released_code_keeps_its_threshold(total, sparsity, kept):
    assert one_more(total, 1 - sparsity) == kept
    assert kept - half_even(total, 1 - sparsity) in (1, 2)


def test_the_released_codes_mask_is_the_papers_and_one_weight_more():
    net, batch = plain_mlp((36, 12, 8, 3)), noise(30, 36, 3)
    paper = prune(net, "grasp", 0.25, [batch])
    released = prune(net, "grasp", 0.25, [batch], reading="authors_code")
    assert all((released[name] | ~paper[name]).all() for name in paper)
    assert released.kept - paper.kept == 1
    assert released == allocate(
        score(net, "grasp", [batch]), 0.25, ties="keep", rounding="one_more"
    )


def test_batch_norm_stays_in_training_mode_as_released():
    net = convnet().eval()
    images = torch.randn(6, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    batch = (images, torch.tensor([0, 1, 2, 0, 1, 2]))
    default = score(net, "grasp", [batch])["0.weight"]
    assert torch.equal(default, score(net, "grasp", [batch], norm_mode="train")["0.weight"])
    assert not torch.allclose(default, score(net, "grasp", [batch], norm_mode="eval")["0.weight"])
