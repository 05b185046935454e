"""Data sets converted once into a checksummed tensor file, which later uses map into memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from common import datafiles, files
from common.data.moments import histogram, moments_of
from common.data.sets import Data, Split
from common.errors import Refused

FORMAT = 1  # part of the file's name: raise it when a conversion gives other bytes


@dataclass(frozen=True)
class Source:
    """One split on its way into the tensor file.

    Attributes
    ----------
    labels : ndarray
        (N,), whole numbers.
    shape : tuple of int
        Channels, height and width of every image.
    chunks : iterable of ndarray
        The images in order, each chunk (n, C, H, W) uint8, so that a set larger than the memory
        can be converted.
    """

    labels: np.ndarray
    shape: tuple[int, int, int]
    chunks: Iterable[np.ndarray]

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> Source:
        """Return the split of `images` ((N, C, H, W), uint8) and `labels` ((N,)) in memory."""
        size = max(1, len(images) // 16)
        chunks = [images[start : start + size] for start in range(0, len(images), size)]
        return cls(labels, images.shape[1:], chunks)


@dataclass(frozen=True)
class Sources:
    """What a conversion starts from: both splits and the number of classes."""

    train: Source
    test: Source
    classes: int


def cached(name: str, key: str, read: Callable[[], Sources]) -> Data:
    """Return the data set `name`, from its tensor file; `read` is called if there is none yet.

    The file is a safetensors file named by `key`, written whole, with its md5 and the pixel
    statistics in a JSON file beside it. A file that does not have its md5 is made anew. Jobs that
    need the same file take turns, so that one of them makes it.

    Parameters
    ----------
    name : str
        As in `common.names.DATA`.
    key : str
        Stands for the content of the source files.
    read : callable
        Reads the source files.

    Raises
    ------
    Refused
        If the sources are refused, or the disk cannot hold the tensor file.
    OSError
        If the cache folder cannot be written.
    """
    path = files.CACHE / "data" / f"{name}-{key}-{FORMAT}.safetensors"
    with datafiles.locked(path):
        facts = _facts(path)
        if facts is None:
            facts = _convert(name, path, read())
    tensors = load_file(path)
    return Data(
        name=name,
        train=Split(tensors["train_images"], tensors["train_labels"]),
        test=Split(tensors["test_images"], tensors["test_labels"]),
        classes=facts["classes"],
        mean=tuple(facts["mean"]),
        sd=tuple(facts["sd"]),
    )


def _facts(path: Path) -> dict | None:
    """Return what is stored beside the tensor file, or None if the pair is not whole."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text())
        return facts if datafiles.matches(path, facts["md5"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _convert(name: str, path: Path, sources: Sources) -> dict:
    header = _header(sources)
    size = len(header) + sum(
        len(split.labels) * (8 + int(np.prod(split.shape)))
        for split in (sources.train, sources.test)
    )
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise Refused(
            f"data set {name!r} needs {size / 1e9:.1f} GB in {path.parent}, where {free / 1e9:.1f} "
            "GB are free"
        )

    digest = hashlib.md5(usedforsecurity=False)
    counts = torch.zeros(sources.train.shape[0], 256, dtype=torch.int64)
    temporary = files.temporary(path)
    with open(temporary, "wb") as file:

        def put(content: bytes | memoryview) -> None:
            digest.update(content)
            file.write(content)

        put(header)
        for split in (sources.train, sources.test):
            if split.labels.min() < 0 or split.labels.max() >= sources.classes:
                raise Refused(f"data set {name!r} has labels outside 0..{sources.classes - 1}")
            put(np.ascontiguousarray(split.labels, dtype="<i8").data)
        for split in (sources.train, sources.test):
            images = 0
            for chunk in split.chunks:
                if chunk.dtype != np.uint8 or chunk.shape[1:] != split.shape:
                    raise Refused(
                        f"data set {name!r} has images of {chunk.dtype} {chunk.shape[1:]}, not "
                        f"uint8 {split.shape}"
                    )
                put(np.ascontiguousarray(chunk).data)
                images += len(chunk)
                if split is sources.train:
                    counts += histogram(torch.tensor(chunk))
            if images != len(split.labels):
                raise Refused(
                    f"data set {name!r} has {images} images for {len(split.labels)} labels"
                )
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)

    mean, sd = moments_of(counts)
    md5 = digest.hexdigest()
    facts = {"md5": md5, "classes": sources.classes, "mean": mean, "sd": sd}
    files.write_json(path.with_suffix(".json"), facts)
    datafiles.remember(path, md5)
    return facts


def _header(sources: Sources) -> bytes:
    """Return the head of a safetensors file: its length, then name -> type, shape and place.

    Written here because `safetensors.torch.save_file` wants all images in memory at once. Labels
    come first: they are then aligned to their eight bytes.
    """
    splits = {"train": sources.train, "test": sources.test}
    tensors: list[tuple[str, str, list[int], int]] = []
    for name, split in splits.items():
        tensors.append((f"{name}_labels", "I64", [len(split.labels)], 8))
    for name, split in splits.items():
        tensors.append((f"{name}_images", "U8", [len(split.labels), *split.shape], 1))
    entries, start = {}, 0
    for name, dtype, shape, width in tensors:
        end = start + int(np.prod(shape)) * width
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
