"""Tiny ImageNet and ImageNet from their folders of JPEG files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common import datafiles, files
from common.data.cache import Source, Sources, cached
from common.data.sets import Data
from common.errors import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

CHUNK = 256  # images decoded before they are written

Samples = Sequence[tuple[str, int]]


def tiny_imagenet() -> Data:
    """Return Tiny ImageNet: 100,000 + 10,000 colour images (3, 64, 64) in 200 classes.

    Classes are numbered in the order of their WordNet names. The test set is the validation part:
    the labels of the original test part were never published.

    Raises
    ------
    Refused
        If the folder ``tiny-imagenet-200`` is not laid out as it is distributed.

    References
    ----------
    Y. Le, X. Yang, Tiny ImageNet visual recognition challenge, Stanford CS 231N, 2015.
    """
    datafiles.check("tiny_imagenet")
    root = files.data_root() / "tiny-imagenet-200"
    return cached("tiny_imagenet", _key(root), lambda: _read_tiny(root))


def imagenet() -> Data:
    """Return ImageNet (ILSVRC 2012) as colour images (3, 224, 224), the validation part as test.

    The shorter side is resized to 256 and the centre of 224 x 224 kept, for training images too:
    random resized crops, as in many ImageNet recipes, are not possible from this file. For the
    full set it takes about 200 GB.

    Raises
    ------
    Refused
        If ``imagenet/train`` and ``imagenet/val`` do not hold the same classes, one folder each.

    References
    ----------
    O. Russakovsky et al., ImageNet large scale visual recognition challenge, IJCV 2015.
    """
    datafiles.check("imagenet")
    root = files.data_root() / "imagenet"
    return cached("imagenet", _key(root), lambda: _read_imagenet(root))


def _read_tiny(root: Path) -> Sources:
    classes, train = _image_folder(root / "train")
    numbers = {name: number for number, name in enumerate(classes)}
    annotations = root / "val" / "val_annotations.txt"
    test = []
    for line in annotations.read_text().splitlines():
        file, wnid = [*line.split("\t"), "", ""][:2]
        if wnid not in numbers:
            raise Refused(f"{annotations}: {line!r} names no class of {root / 'train'}")
        test.append((str(root / "val" / "images" / file), numbers[wnid]))
    if not test:
        raise Refused(f"{annotations} names no image")
    return Sources(
        train=_source(train, (3, 64, 64), _pixels),
        test=_source(test, (3, 64, 64), _pixels),
        classes=len(classes),
    )


def _read_imagenet(root: Path) -> Sources:
    classes, train = _image_folder(root / "train")
    others, test = _image_folder(root / "val")
    if classes != others:
        different = sorted(set(classes) ^ set(others))
        raise Refused(f"{root}: class {different[0]!r} is in one of train and val only")
    return Sources(
        train=_source(train, (3, 224, 224), _centre),
        test=_source(test, (3, 224, 224), _centre),
        classes=len(classes),
    )


def _image_folder(folder: Path) -> tuple[list[str], Samples]:
    from torchvision.datasets import ImageFolder  # takes seconds, and only conversion needs it

    try:
        found = ImageFolder(str(folder))
    except FileNotFoundError as error:
        raise Refused(f"{folder} does not hold one folder of images per class: {error}") from error
    return found.classes, found.samples


def _source(
    samples: Samples, shape: tuple[int, int, int], prepare: Callable[[Image], np.ndarray]
) -> Source:
    return Source(
        labels=np.array([label for _, label in samples], dtype=np.int64),
        shape=shape,
        chunks=_decoded([path for path, _ in samples], prepare),
    )


def _decoded(paths: Sequence[str], prepare: Callable[[Image], np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the images at `paths` in order, in chunks of (n, C, H, W) uint8."""
    from PIL import Image

    def decode(path: str) -> np.ndarray:
        try:
            with Image.open(path) as image:
                return prepare(image.convert("RGB"))
        except (OSError, SyntaxError) as error:  # PIL raises SyntaxError on some broken files
            raise Refused(f"{path} cannot be read as an image ({error})") from error

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for start in range(0, len(paths), CHUNK):
            decoded = list(pool.map(decode, paths[start : start + CHUNK]))
            for path, image in zip(paths[start:], decoded, strict=False):
                if image.shape != decoded[0].shape:
                    raise Refused(f"{path} is {image.shape[1:]} pixels large, others are not")
            yield np.stack(decoded)


def _pixels(image: Image) -> np.ndarray:
    return np.asarray(image).transpose(2, 0, 1)


def _centre(image: Image) -> np.ndarray:
    from torchvision.transforms import functional

    return _pixels(functional.center_crop(functional.resize(image, [256]), [224, 224]))


def _key(root: Path) -> str:
    """Return a digest of where the folder is and of every file's name in it.

    These sets have no published checksums, and reading them whole before every job would take
    longer than many jobs do.
    """
    digest = hashlib.md5(str(root.resolve()).encode(), usedforsecurity=False)
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        digest.update("\0".join([folder, *sorted(names)]).encode())
    return digest.hexdigest()
