"""A DATA_ROOT and a cache folder of the test's own; the real data sets where they are."""

import hashlib
import os
from pathlib import Path

import pytest

from common import datafiles, files, names
from common.errors import Refused


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty DATA_ROOT, with an empty cache folder elsewhere."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setattr(files, "CACHE", tmp_path / "cache")
    return tmp_path / "data"


@pytest.fixture
def put(root, monkeypatch):
    """put(name, {path: bytes}): write files and list their md5s as those of the data set."""

    def put(name, contents):
        for relative, content in contents.items():
            (root / relative).parent.mkdir(parents=True, exist_ok=True)
            (root / relative).write_bytes(content)
        listed = {path: hashlib.md5(content).hexdigest() for path, content in contents.items()}
        monkeypatch.setitem(names.FILES, name, listed)

    return put


REAL_ROOT = os.environ.get("DATA_ROOT")


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def real(monkeypatch, real_cache):
    """real(name): skip unless DATA_ROOT, as given from outside, holds the data set's files."""
    monkeypatch.setattr(files, "CACHE", real_cache)

    def real(name):
        if not REAL_ROOT:
            pytest.skip("needs DATA_ROOT, a folder with the real data sets")
        missing = [path for path in names.FILES[name] if not (Path(REAL_ROOT) / path).is_file()]
        if missing:
            pytest.skip(f"DATA_ROOT lacks {missing[0]}")
        try:
            datafiles.check(name)
        except Refused as refusal:
            pytest.fail(str(refusal))

    return real
