"""The 8x8 digits that come with scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np

from common import datafiles
from common.data.cache import Source, Sources, cached
from common.data.sets import Data
from common.errors import Refused


def digits() -> Data:
    """Return the 1,797 digits (1, 8, 8) of scikit-learn: 1,437 to train, 360 to test.

    Values 0..16 are stored times 15 (0..240). scikit-learn has no split: here the images are
    shuffled by ``numpy.random.RandomState(0)`` (a stream that NumPy keeps for good), sorted by
    label without changing the order within one, and every fifth is a test image: of
    each class a fifth, to within one image.

    Raises
    ------
    Refused
        If the installed scikit-learn gives other digits than those the suite was made with.

    References
    ----------
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its
    test part).
    """
    return cached("digits", datafiles.checksum("digits"), _read)


def _read() -> Sources:
    import sklearn  # takes seconds, and only the conversion needs it
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)
    labels = bunch.target.astype(np.uint8)
    if hashlib.md5(images.tobytes() + labels.tobytes()).hexdigest() != datafiles.DIGITS:
        raise Refused(f"data set 'digits': those of scikit-learn {sklearn.__version__} differ")
    order = np.random.RandomState(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    tested = np.zeros(len(labels), dtype=bool)
    tested[order[::5]] = True
    images = images[:, None] * np.uint8(15)
    return Sources(
        train=Source.of(images[~tested], labels[~tested]),
        test=Source.of(images[tested], labels[tested]),
        classes=10,
    )
