"""Stored runs: whole, exact to ten digits, found in any of several stores; locks."""

import json
import math
import os
import subprocess
import sys

import pytest

from common import store
from common.store import Row

DIGEST = "ab34567890abcdef1234"
ROWS = [Row(0, "mask", "density", 0.05), Row(20, "test", "error", 100 / 3)]


def test_a_run_is_stored_under_its_digest_and_comes_back(tmp_path):
    store.write_run(tmp_path, DIGEST, ROWS, {"seconds": 1.5})
    path = tmp_path / "ab" / f"{DIGEST}.csv"
    assert store.table_path(tmp_path, DIGEST) == path
    assert path.read_bytes() == (
        b"step,split,metric,value\n0,mask,density,0.05\n20,test,error,33.33333333\n"
    )
    assert store.read_run(path) == [
        ["0", "mask", "density", "0.05"],
        ["20", "test", "error", "33.33333333"],
    ]
    assert json.loads(path.with_suffix(".json").read_text()) == {"seconds": 1.5}
    assert sorted(os.listdir(path.parent)) == [f"{DIGEST}.csv", f"{DIGEST}.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e-300, 123456789.0])
def test_any_number_can_be_stored(tmp_path, value):
    store.write_run(tmp_path, DIGEST, [Row(1, "train", "loss", value)], {})
    [row] = store.read_run(store.table_path(tmp_path, DIGEST))
    assert float(row[3]) == value or (math.isnan(value) and math.isnan(float(row[3])))


def test_a_run_is_found_in_the_first_store_that_has_it(tmp_path):
    places = [tmp_path / "own", tmp_path / "record"]
    assert store.find(DIGEST, places) is None
    store.write_run(places[1], DIGEST, ROWS, {})
    assert store.find(DIGEST, places) == store.table_path(places[1], DIGEST)
    store.write_run(places[0], DIGEST, ROWS, {})
    assert store.find(DIGEST, places) == store.table_path(places[0], DIGEST)


def test_the_table_is_written_last_so_that_its_presence_means_finished(tmp_path, monkeypatch):
    written = []
    whole, as_json = store.write_whole, store.write_json
    monkeypatch.setattr(store, "write_whole", lambda p, c: (written.append(p.suffix), whole(p, c)))
    monkeypatch.setattr(store, "write_json", lambda p, c: (written.append(p.suffix), as_json(p, c)))
    store.write_run(tmp_path, DIGEST, ROWS, {})
    assert written == [".json", ".csv"]


@pytest.mark.parametrize("moment", range(2))
def test_a_kill_while_storing_leaves_no_table(tmp_path, monkeypatch, moment):
    calls = []

    def killed(source, target):
        if len(calls) == moment:
            raise KeyboardInterrupt
        calls.append(target)
        replace(source, target)

    replace = os.replace
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write_run(tmp_path, DIGEST, ROWS, {})
    assert store.find(DIGEST, [tmp_path]) is None
    monkeypatch.setattr(os, "replace", replace)
    store.write_run(tmp_path, DIGEST, ROWS, {})
    folder = store.table_path(tmp_path, DIGEST).parent
    assert sorted(os.listdir(folder)) == [f"{DIGEST}.csv", f"{DIGEST}.json"]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step,split,value\n", "\n", ""])
def test_a_file_with_other_columns_is_no_stored_table(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.csv: .*expected \['step', 'split'"):
        store.read_run(path)


def test_a_finished_run_is_tidied(tmp_path):
    store.write_run(tmp_path, DIGEST, ROWS, {})
    path = store.table_path(tmp_path, DIGEST)
    for left in (f"{DIGEST}.ckpt", f".{DIGEST}.ckpt.tmp", f"{DIGEST}.lock"):
        (path.parent / left).write_bytes(b"left by a kill")
    other = path.parent / "ab99999999abcdef1234.ckpt"
    other.write_bytes(b"of another run")
    store.tidy(tmp_path, DIGEST)
    store.tidy(tmp_path, DIGEST)
    assert sorted(os.listdir(path.parent)) == [f"{DIGEST}.csv", f"{DIGEST}.json", other.name]


HOLDER = """
import sys, time
from pathlib import Path
from common import store
with store.lock(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is killed."""
    path = tmp_path / "run.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"True\n"
        yield path, process
        process.kill()


def test_a_lock_is_held_by_one_process_and_ends_with_it(holder):
    path, process = holder
    with store.lock(path) as held:
        assert not held
    process.kill()
    process.wait()
    with store.lock(path) as held:
        assert held
    with store.lock(path, wait=True) as held:
        assert held
