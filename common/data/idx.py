"""MNIST and Fashion-MNIST from their gzipped IDX files."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from common import datafiles, files
from common.data.cache import Source, Sources, cached
from common.data.sets import Data
from common.errors import Refused


def mnist() -> Data:
    """Return MNIST: 60,000 + 10,000 grey images (1, 28, 28) of the digits 0 to 9.

    Raises
    ------
    Refused
        If a file is missing, truncated or corrupt.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
    """
    return _load("mnist", "MNIST")


def fashion_mnist() -> Data:
    """Return Fashion-MNIST: 60,000 + 10,000 grey images (1, 28, 28) of ten kinds of clothing.

    Raises
    ------
    Refused
        If a file is missing, truncated or corrupt.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv 1708.07747, 2017.
    """
    return _load("fashion_mnist", "FashionMNIST")


def _load(name: str, folder: str) -> Data:
    datafiles.check(name)
    raw = files.data_root() / folder / "raw"

    def read() -> Sources:
        train, test = (
            Source.of(
                read_idx(raw / f"{part}-images-idx3-ubyte.gz", 3)[:, None],
                read_idx(raw / f"{part}-labels-idx1-ubyte.gz", 1),
            )
            for part in ("train", "t10k")
        )
        return Sources(train, test, classes=10)

    return cached(name, datafiles.checksum(name), read)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the bytes of a gzipped IDX file as an array with so many `dimensions`, uint8.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each size as
    a big-endian 32-bit number, then the values, last dimension fastest.

    Raises
    ------
    Refused
        If the file is not such a file.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Refused(f"{path} is not a whole gzip file ({error})") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, 8, dimensions)):
        raise Refused(f"{path} is not an IDX file of bytes in {dimensions} dimensions")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) != start + math.prod(shape):
        raise Refused(
            f"{path} has {len(content) - start} values, but its head says {math.prod(shape)}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
