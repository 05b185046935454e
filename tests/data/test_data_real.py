"""The real files, where DATA_ROOT has them: known counts, labels and moments."""

import numpy as np
import pytest
import torch

from common.data import load

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mnist(real):
    real("mnist")
    data = load("mnist")
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert data.train.labels.bincount().tolist() == MNIST_TRAIN
    assert data.test.labels.bincount().tolist() == MNIST_TEST
    assert data.in_shape == (1, 28, 28)
    assert data.mean == pytest.approx([0.13066], abs=5e-6)
    assert data.sd == pytest.approx([0.30811], abs=5e-6)


def test_fashion_mnist(real):
    real("fashion_mnist")
    data = load("fashion_mnist")
    assert data.train.labels.bincount().tolist() == [6000] * 10
    assert data.test.labels.bincount().tolist() == [1000] * 10
    assert data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert data.mean == pytest.approx([0.2860], abs=5e-5)
    assert data.sd == pytest.approx([0.3530], abs=5e-5)


def test_cifar10_batch1(real):
    real("cifar10_batch1")
    data = load("cifar10_batch1")
    assert data.train.labels.bincount().tolist() == [
        1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981
    ]  # fmt: skip
    assert data.test.labels.bincount().tolist() == [1000] * 10
    assert data.train.labels[:5].tolist() == [6, 9, 9, 4, 1]  # frog, truck, truck, deer, car
    assert data.in_shape == (3, 32, 32)
    # A fifth of the training set: near the moments of the whole (.4914 .4822 .4465).
    assert data.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.003)
    assert data.sd == pytest.approx((0.2470, 0.2435, 0.2616), abs=0.003)


@pytest.mark.parametrize("name, reader", [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_torchvision_reads_the_same(real, name, reader):
    real(name)
    from torchvision.datasets.mnist import read_image_file, read_label_file

    from common import files

    raw = files.data_root() / reader / "raw"
    if not (raw / "t10k-images-idx3-ubyte").is_file():
        pytest.skip("DATA_ROOT lacks the unpacked files that torchvision reads")
    test = load(name).test
    assert torch.equal(test.images[:, 0], read_image_file(str(raw / "t10k-images-idx3-ubyte")))
    assert torch.equal(test.labels, read_label_file(str(raw / "t10k-labels-idx1-ubyte")))


def test_cifar_pixels_are_planes_of_red_green_blue(real):
    real("cifar10_batch1")
    from common import files

    content = (files.data_root() / "cifar-10-batches-py/test_batch").read_bytes()
    image = load("cifar10_batch1").test.images[0].numpy()
    assert content.count(np.ascontiguousarray(image).tobytes()) == 1
