"""Tiny data sets in their standard file formats."""

import gzip
import pickle

import numpy as np
import torch

from common.data import Split


def idx(array):
    head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def mnist_files(train, test, folder="MNIST"):
    """(images, labels) of both parts -> the four files."""
    return {
        f"{folder}/raw/{part}-{kind}-idx{array.ndim}-ubyte.gz": idx(array)
        for part, pair in (("train", train), ("t10k", test))
        for kind, array in zip(("images", "labels"), pair, strict=True)
    }


def batch_file(images, labels, key="labels"):
    """One batch as Python 2 would name things: a pickle with keys of bytes."""
    pixels = images.reshape(len(images), images[0].size if len(images) else 3072)
    content = {b"data": pixels, key.encode(): list(map(int, labels))}
    return pickle.dumps(content, protocol=3)


def draw(n, *shape, classes=10, seed=0):
    """Random images (n, *shape) and labels (n,)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.integers(0, classes, n)


def random_split(n, *shape, classes=10, seed=0):
    images, labels = draw(n, *shape, classes=classes, seed=seed)
    return Split(torch.from_numpy(images), torch.from_numpy(labels))


def sentence(refused):
    """The text of a refusal, which must be one line."""
    text = str(refused.value)
    assert "\n" not in text and len(text) < 500
    return text
