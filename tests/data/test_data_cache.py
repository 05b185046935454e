import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors import safe_open
from synthetic_data import draw, mnist_files

from common import datafiles, files
from common.data import cache, load
from common.errors import Refused


@pytest.fixture
def mnist(put):
    """A small MNIST; returns its training images."""
    train, test = draw(40, 28, 28), draw(7, 28, 28, seed=1)
    put("mnist", mnist_files(train, test))
    return train[0][:, None]


@pytest.fixture
def conversions(monkeypatch):
    made = []
    convert = cache._convert
    monkeypatch.setattr(cache, "_convert", lambda *a: made.append(a[0]) or convert(*a))
    return made


def tensor_file():
    (path,) = (files.CACHE / "data").glob("*.safetensors")
    return path


def test_converted_once_and_named_by_the_checksum(mnist, conversions):
    first, second = load("mnist"), load("mnist")
    assert conversions == ["mnist"]
    assert torch.equal(first.train.images, second.train.images)
    assert (first.mean, first.sd) == (second.mean, second.sd)
    assert datafiles.checksum("mnist") in tensor_file().name
    assert not list(files.CACHE.rglob("*.tmp"))


def test_safetensors_itself_reads_the_file(mnist):
    load("mnist")
    with safe_open(tensor_file(), "np") as file:
        assert set(file.keys()) == {"train_images", "train_labels", "test_images", "test_labels"}
        assert np.array_equal(file.get_tensor("train_images"), mnist)
        assert file.get_tensor("train_labels").dtype == np.int64


def test_a_changed_tensor_does_not_change_the_file(mnist, conversions):
    load("mnist").train.images.zero_()
    assert np.array_equal(load("mnist").train.images.numpy(), mnist)
    assert conversions == ["mnist"]


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [flip, lambda c: c[:-9], lambda c: b"", lambda c: c + b"x"])
def test_a_corrupt_tensor_file_is_made_anew(mnist, conversions, damage):
    load("mnist")
    whole = tensor_file().read_bytes()
    tensor_file().write_bytes(damage(whole))
    assert np.array_equal(load("mnist").train.images.numpy(), mnist)
    assert conversions == ["mnist"] * 2
    assert tensor_file().read_bytes() == whole


@pytest.mark.parametrize("damage", [None, "", "{}", "[]", '{"md5": 3}', '{"md5": "0"}'])
def test_a_tensor_file_without_its_facts_is_made_anew(mnist, conversions, damage):
    load("mnist")
    facts = tensor_file().with_suffix(".json")
    whole = facts.read_text()
    facts.unlink() if damage is None else facts.write_text(damage)
    assert np.array_equal(load("mnist").train.images.numpy(), mnist)
    assert conversions == ["mnist"] * 2 and facts.read_text() == whole


def test_a_copied_cache_is_checked_by_its_md5(mnist, conversions):
    load("mnist")
    (files.CACHE / "verified.json").unlink()
    load("mnist")
    assert conversions == ["mnist"]
    recorded = json.loads((files.CACHE / "verified.json").read_text())
    assert str(tensor_file()) in recorded


def test_a_killed_conversion_leaves_no_tensor_file(mnist, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "histogram", killed)
        with pytest.raises(KeyboardInterrupt):
            load("mnist")
    assert not list((files.CACHE / "data").glob("*.safetensors"))
    assert np.array_equal(load("mnist").train.images.numpy(), mnist)


def test_other_source_files_make_another_tensor_file(mnist, put):
    load("mnist")
    train = draw(12, 28, 28, seed=5)
    put("mnist", mnist_files(train, train))
    assert np.array_equal(load("mnist").train.images.numpy(), train[0][:, None])


def test_a_full_disk_is_refused_before_anything_is_written(mnist, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Refused, match=r"needs 0\.0 GB .* where 0\.0 GB are free"):
        load("mnist")
    assert not list((files.CACHE / "data").glob("*.safetensors"))


def test_jobs_that_start_together_convert_once(mnist, conversions):
    with ThreadPoolExecutor(4) as pool:  # the lock is one of open files: threads take turns too
        loaded = [future.result() for future in [pool.submit(load, "mnist") for _ in range(4)]]
    assert conversions == ["mnist"]
    assert all(np.array_equal(data.train.images.numpy(), mnist) for data in loaded)
