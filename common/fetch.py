"""Download data sets: ``python -m common.fetch mnist cifar10``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path

from common import datafiles, files, names
from common.errors import Refused, command, unknown

# Data set -> class of torchvision.datasets that knows where its files are.
DOWNLOADERS = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar10_batch1": "CIFAR10",
    "cifar100": "CIFAR100",
}
TIMEOUT = 60.0  # seconds without an answer after which a server counts as unreachable


def fetch(name: str) -> str:
    """Bring the files of the data set `name` below ``DATA_ROOT`` and return what was done.

    torchvision downloads into a folder of its own beside the others; the files are moved to their
    places once it has checked them, and checked again. A set that is there and right is left alone.

    Raises
    ------
    Refused
        If the name is unknown, the set has no free download, or the download failed.
    """
    if name not in names.DATA:
        raise unknown("data set", name, names.DATA)
    try:
        datafiles.check(name)
    except Refused:
        if name not in DOWNLOADERS:
            raise  # a folder of images: the sentence says where a person can get it
    else:
        return f"{name}: nothing to do" if name in DOWNLOADERS else f"{name}: needs no download"

    root = files.data_root()
    staging = root / f".fetch-{name}"
    try:
        with datafiles.locked(files.CACHE / f"fetch-{name}"):
            shutil.rmtree(staging, ignore_errors=True)  # what a killed download left
            staging.mkdir(parents=True)
            try:
                _download(name, staging)
                for relative in names.FILES[name]:
                    (root / relative).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(staging / relative, root / relative)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Refused(
            f"data set {name!r} could not be downloaded ({reason}): check the network, or put "
            f"{', '.join(names.FILES[name])} under DATA_ROOT ({root}) by hand"
        ) from error
    datafiles.check(name)
    return f"{name}: downloaded to {root}"


def _download(name: str, folder: Path) -> None:
    import torchvision.datasets  # takes seconds, and only a download needs it

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            getattr(torchvision.datasets, DOWNLOADERS[name])(str(folder), download=True)
    finally:
        socket.setdefaulttimeout(before)


@command
def main(arguments: list[str] | None = None) -> int:
    """Fetch each named data set; return 0, or 2 after one sentence on what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m common.fetch", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=", ".join(names.DATA))
    for name in parser.parse_args(arguments).names:
        print(fetch(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
