"""Layer densities of SNIP on LeNet-300-100 and real MNIST, by the sheet's own rule."""

import pytest
import torch
from pruning_nets import generator

from common import files, names
from common.pruning import prune

SEEDS = 5
# Density in % and the standard deviation of one seed, scoring with weights alone, kappa 13,331.
EXPECTED = {"fc1": (3.25, 0.09), "fc2": (17.1, 0.66), "fc3": (55.8, 2.6)}


@pytest.fixture(scope="module")
def mnist():
    data = pytest.importorskip("common.data")
    missing = [name for name in names.FILES["mnist"] if not (files.data_root() / name).exists()]
    if missing:
        pytest.skip(f"MNIST is not below {files.data_root()} (DATA_ROOT)")
    return data.load("mnist")


def test_layer_densities_at_five_percent(mnist):
    models = pytest.importorskip("common.models")
    net = models.build("lenet_300_100", classes=10, in_shape=(1, 28, 28))
    rows = []
    for seed in range(SEEDS):
        stream = generator(1000 + seed)
        models.initialise_(net, "vs", stream)
        chosen = torch.randperm(len(mnist.train.labels), generator=stream)[:100]
        images = mnist.train.images[chosen].float().div(255).sub(0.13066).div(0.30811)
        masks = prune(net, "snip", 13_331 / 266_200, [(images, mnist.train.labels[chosen])])
        assert masks.kept == 13_331
        rows.append([100 * kept / total for kept, total in masks.counts().values()])
    means = torch.tensor(rows).mean(0).tolist()
    for mean, (value, sd) in zip(means, EXPECTED.values(), strict=True):
        assert abs(mean - value) < 3 * sd / SEEDS**0.5
