import subprocess
import sys
import time

import pytest
from synthetic_data import sentence

from common import datafiles, files, names
from common.errors import Refused


def test_right_files_pass_and_others_are_named(put, root):
    put("mnist", {"MNIST/raw/a.gz": b"one", "MNIST/raw/b.gz": b"two"})
    datafiles.check("mnist")
    (root / "MNIST/raw/b.gz").unlink()
    with pytest.raises(Refused) as refused:
        datafiles.check("mnist")
    text = sentence(refused)
    assert "MNIST/raw/b.gz is missing" in text
    assert f"DATA_ROOT ({root})" in text and "`make data NAMES=mnist`" in text


@pytest.mark.parametrize("content", [b"", b"on", b"onE", b"one "])
def test_truncated_or_corrupt_files_are_refused(put, root, content):
    put("mnist", {"a.gz": b"one"})
    datafiles.check("mnist")  # remembered as right
    (root / "a.gz").write_bytes(content)
    with pytest.raises(Refused, match=r"a\.gz \(\d bytes\) is truncated or corrupt"):
        datafiles.check("mnist")


def test_a_folder_in_place_of_a_file_is_missing(put, root):
    put("mnist", {"a.gz": b"one"})
    (root / "a.gz").unlink()
    (root / "a.gz").mkdir()
    with pytest.raises(Refused, match="missing"):
        datafiles.check("mnist")


def test_a_second_check_reads_no_file(put, root, monkeypatch):
    put("mnist", {"a.gz": b"one"})
    datafiles.check("mnist")

    def never(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(datafiles.hashlib, "file_digest", never)
    start = time.process_time()
    datafiles.check("mnist")
    assert time.process_time() - start < 0.1
    monkeypatch.setitem(names.FILES, "mnist", {"a.gz": "0" * 32})  # another md5 asks for a reading
    with pytest.raises(AssertionError, match="read again"):
        datafiles.check("mnist")


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"a": 1}', "\x00"])
def test_a_damaged_memory_costs_a_reading_only(put, root, content):
    put("mnist", {"a.gz": b"one"})
    files.write_whole(files.CACHE / "verified.json", content)
    datafiles.check("mnist")
    datafiles.check("mnist")


def test_an_unwritable_cache_costs_a_reading_only(put, monkeypatch, tmp_path):
    put("mnist", {"a.gz": b"one"})
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(files, "CACHE", tmp_path / "file" / "cache")
    datafiles.check("mnist")


def test_cifar_batches_are_checked_one_by_one():
    folder = "cifar-10-batches-py"
    assert set(names.FILES["cifar10_batch1"]) == {f"{folder}/data_batch_1", f"{folder}/test_batch"}
    five = {f"{folder}/data_batch_{number}" for number in range(1, 6)}
    assert set(names.FILES["cifar10"]) == five | {f"{folder}/test_batch"}


@pytest.mark.parametrize("name", sorted(datafiles.FOLDERS))
def test_folders_of_images_say_where_to_get_them(root, name):
    with pytest.raises(Refused) as refused:
        datafiles.check(name)
    assert "is missing under DATA_ROOT" in sentence(refused) and "http" in sentence(refused)


def test_checksums_need_no_files_and_differ(root):
    sums = {name: datafiles.checksum(name) for name in names.DATA}
    for name, checksum in sums.items():
        if name in datafiles.FOLDERS:
            assert checksum == "unchecked"
        else:
            assert len(checksum) == 32
            assert [*sums.values()].count(checksum) == 1
    # The digest stands in stored runs: a new way to form it would make all of them stale.
    assert sums["mnist"] == "926cca25e4624e0a8c772e970d4237e2"


def test_checksum_follows_the_list(monkeypatch):
    before = datafiles.checksum("mnist")
    changed = dict(names.FILES["mnist"])
    changed[next(iter(changed))] = "0" * 32
    monkeypatch.setitem(names.FILES, "mnist", changed)
    assert datafiles.checksum("mnist") != before


@pytest.mark.parametrize("function", [datafiles.check, datafiles.checksum])
def test_unknown_names_are_refused(function):
    with pytest.raises(Refused, match="unknown data set 'minst', did you mean 'mnist'"):
        function("minst")


def test_planning_imports_neither_torch_nor_numpy():
    code = "import sys, common.datafiles, common.fetch; print({'torch', 'numpy'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_jobs_that_check_at_the_same_time_do_not_disturb_each_other(put, root):
    put("mnist", {f"{number}.gz": b"%d" % number for number in range(8)})
    code = (
        "import hashlib, pathlib, sys; from common import datafiles, files\n"
        "files.CACHE = pathlib.Path(sys.argv[1])\n"
        "for path in sorted(pathlib.Path(sys.argv[2]).glob('*.gz')):\n"
        "    assert datafiles.matches(path, hashlib.md5(path.read_bytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code, str(files.CACHE), str(root)]
    jobs = [subprocess.Popen(command, cwd=files.ROOT) for _ in range(4)]
    assert [job.wait() for job in jobs] == [0] * 4
    assert len(datafiles._registry()) == 8
