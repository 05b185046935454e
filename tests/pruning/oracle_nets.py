"""The network on which independent values were computed: bias-free, or with positive biases."""

from itertools import pairwise

import torch
from torch import nn

SIZES = (784, 300, 100, 10)


def plain_mlp(sizes=SIZES, biases=False, seed=0, activation=nn.ReLU):
    """A float64 MLP drawn from one generator: weights in order, then |0.05 normal| biases."""
    stream = torch.Generator().manual_seed(seed)
    layers = [
        nn.Linear(into, out, bias=biases, dtype=torch.float64) for into, out in pairwise(sizes)
    ]
    with torch.no_grad():
        for layer in layers:
            draw = torch.randn(*layer.weight.shape, generator=stream, dtype=torch.float64)
            layer.weight.copy_(draw * (2 / layer.in_features) ** 0.5)
        for layer in layers if biases else ():
            draw = torch.randn(layer.out_features, generator=stream, dtype=torch.float64)
            layer.bias.copy_((0.05 * draw).abs())
    parts = [part for layer in layers for part in (layer, activation())]
    return nn.Sequential(*parts[:-1])


def noise(count=100, pixels=784, classes=10):
    """Normal images and as many labels of each class, in order."""
    stream = torch.Generator().manual_seed(1000)
    images = torch.randn(count, pixels, generator=stream, dtype=torch.float64)
    return images, torch.arange(classes).repeat_interleave(count // classes)


def totals(scores):
    return [float(score.sum()) for score in scores.values()]
