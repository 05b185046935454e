"""Batch norm differentiated twice: the same numbers as PyTorch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.models import build
from common.pruning import score
from common.pruning.norm import TwiceDifferentiableNorm


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).double()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 2)])
def test_second_derivatives_by_finite_differences(shape, affine):
    x = seeded(*shape).requires_grad_()
    weight, bias = (seeded(3), seeded(3)) if affine else (None, None)

    def norm(x):
        with TwiceDifferentiableNorm():
            return F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-3)

    assert torch.equal(norm(x), F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-3))
    assert torch.autograd.gradcheck(norm, (x,))
    assert torch.autograd.gradgradcheck(norm, (x,))


def test_grasp_scores_of_a_deep_network_are_those_of_plain_double_backward():
    model = build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.25).double().train()
    images, labels = seeded(10, 3, 32, 32), torch.arange(10)
    weights = {n: p for n, p in model.named_parameters() if p.dim() > 1}
    loss = F.cross_entropy(model(images) / 200, labels)
    first = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    inner = sum((g.detach() * g).sum() for g in first)
    products = torch.autograd.grad(inner, list(weights.values()))
    scores = score(model, "grasp", batches=[(images, labels)], dtype="float64")
    for (name, weight), product in zip(weights.items(), products, strict=True):
        expected = (weight * product).detach()
        assert torch.allclose(scores[name], expected, rtol=1e-8, atol=1e-12 * expected.abs().max())


def test_evaluation_mode_and_trained_norms_are_left_to_pytorch():
    layer = nn.BatchNorm2d(3)
    images = torch.randn(4, 3, 2, 2, requires_grad=True)
    with TwiceDifferentiableNorm():
        assert type(layer(images).grad_fn).__name__ == "NativeBatchNormBackward0"
        layer.requires_grad_(False)
        assert type(layer(images).grad_fn).__name__ == "_NormBackward"
        assert type(layer.eval()(images).grad_fn).__name__ == "NativeBatchNormBackward0"
