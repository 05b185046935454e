"""CIFAR-10 and CIFAR-100 from the batches of their Python version."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import datafiles, files
from common.data.cache import Source, Sources, cached
from common.data.sets import Data
from common.errors import Refused


def cifar10() -> Data:
    """Return CIFAR-10: 50,000 + 10,000 colour images (3, 32, 32) in ten classes.

    Raises
    ------
    Refused
        If one of the six files is missing, truncated or corrupt.

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    train = [f"data_batch_{number}" for number in range(1, 6)]
    return _load("cifar10", "cifar-10-batches-py", train, "test_batch", "labels", 10)


def cifar10_batch1() -> Data:
    """Return the first of CIFAR-10's five training batches (10,000 images) and its test images.

    A stand-in for CIFAR-10 that needs two of its files; a result on it is one of a proxy.

    Raises
    ------
    Refused
        If one of the two files is missing, truncated or corrupt.
    """
    return _load(
        "cifar10_batch1", "cifar-10-batches-py", ["data_batch_1"], "test_batch", "labels", 10
    )


def cifar100() -> Data:
    """Return CIFAR-100: 50,000 + 10,000 colour images (3, 32, 32) with its hundred fine labels.

    Raises
    ------
    Refused
        If one of the two files is missing, truncated or corrupt.

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    return _load("cifar100", "cifar-100-python", ["train"], "test", "fine_labels", 100)


def _load(
    name: str, folder: str, train: Sequence[str], test: str, labels: str, classes: int
) -> Data:
    datafiles.check(name)
    root = files.data_root() / folder

    def read() -> Sources:
        batches = [read_batch(root / file, labels, classes) for file in train]
        return Sources(
            train=Source(
                labels=np.concatenate([batch[1] for batch in batches]),
                shape=(3, 32, 32),
                chunks=[batch[0] for batch in batches],
            ),
            test=Source.of(*read_batch(root / test, labels, classes)),
            classes=classes,
        )

    return cached(name, datafiles.checksum(name), read)


class _Reader(pickle.Unpickler):
    """Reads plain values and NumPy arrays; anything else a pickle may ask for is refused.

    These files are pickles, and a pickle may name any function to be called. Python's manual
    ("Restricting globals") gives this way out: only what is listed is ever looked up.
    """

    # Under NumPy's new name and the one in files written before NumPy 2.
    _reconstruct = np.empty(0).__reduce__()[0]  # type: ignore[index]
    _allowed = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        """Return what makes an array; refuse every other name."""
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_batch(path: Path, key: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, 3, 32, 32), uint8, and labels (N,), int64, of one batch file.

    Nothing the file names is called, but for the makers of NumPy arrays.

    Parameters
    ----------
    path : Path
        The batch, a pickle written by Python 2.
    key : str
        ``"labels"`` in CIFAR-10, ``"fine_labels"`` in CIFAR-100.
    classes : int
        Labels must lie in 0..classes-1.

    Raises
    ------
    Refused
        If the file is not such a batch.
    """
    try:
        batch = _Reader(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        images, labels = batch[b"data"], np.array(batch[key.encode()], dtype=np.int64)
    except Exception as error:  # a damaged pickle may fail in any way
        raise Refused(f"{path} is not a batch of CIFAR ({error})") from error
    if not (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.shape == (len(labels), 3 * 32 * 32)
        and len(labels) > 0
        and 0 <= labels.min() <= labels.max() < classes
    ):
        raise Refused(f"{path} does not hold as many 32x32 colour images as labels")
    return images.reshape(-1, 3, 32, 32), labels
