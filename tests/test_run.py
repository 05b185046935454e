"""The arm command as users and Snakemake run it: laws 8 to 10, and bad input."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import dense, settings, spec

from common import names, run, store
from common.files import ROOT

# Long enough to be killed in the middle, which is where a checkpoint every step leaves it.
LONG = {"steps": 400, "milestones": [200], "evaluations": 8}
BLOCK = [
    settings(recipe=LONG, holdout=0.1),
    settings(recipe={**LONG, "optimizer": "adam", "lr": 0.001}, criterion="random"),
    settings(procedure="analyse_masks", measures=["counts", "layer_density"]),
]

UNNEEDED = {"pydantic", "pandas", "snakemake", "torchvision", "timm", "matplotlib", "statsmodels"}

# The command on a machine without what it should not need, and with an empty cache.
BARE = f"""
import sys
from pathlib import Path
sys.modules.update(dict.fromkeys({UNNEEDED}))
from common import files
files.CACHE = Path(sys.argv.pop())
from common.run import main
sys.exit(main(sys.argv[1:]))
"""

# The command, which then says what it loaded.
TELLING = """
import sys
from common.run import main
status = main(sys.argv[1:])
print("loaded", *{name.partition(".")[0] for name in sys.modules})
sys.exit(status)
"""


def write_spec(path, arms, replicates=(0,)):
    runs = [spec(arm, replicate) for arm in arms for replicate in replicates]
    path.write_text(json.dumps({"paper": "none", "runs": runs}))
    return runs


def command(spec_path, folder, *more, code=None):
    start = [sys.executable, *(("-c", code) if code else ("-m", "common.run"))]
    return [*start, str(spec_path), "--store", str(folder), "--device", "cpu", *more]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """That of the processes started here."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    if sys.dont_write_bytecode:
        # Or else each process compiles all of torch, which takes longer than the tests.
        del variables["PYTHONDONTWRITEBYTECODE"]
        variables["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("bytecode"))
    return variables


def contents(folder):
    """Everything in `folder`, without what may differ between machines."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): b"" if path.suffix == ".json" else path.read_bytes()
        for path in paths
    }


@pytest.fixture(scope="session")
def block(tmp_path_factory, environment):
    """A spec, and what an undisturbed run of it stores on a machine with torch and little else."""
    folder = tmp_path_factory.mktemp("block")
    write_spec(folder / "spec.json", BLOCK)
    done = subprocess.run(
        command(folder / "spec.json", folder / "store", str(folder / "cache"), code=BARE),
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "spec.json", contents(folder / "store")


def test_a_block_leaves_a_table_and_a_note_for_each_run_and_nothing_else(block):
    spec_path, stored = block
    digests = [run["digest"] for run in json.loads(spec_path.read_text())["runs"]]
    assert sorted(stored) == sorted(
        f"{digest[:2]}/{digest}.{kind}" for digest in digests for kind in ("csv", "json")
    )


def test_another_process_stores_the_same_bytes(block, tmp_path):
    spec_path, stored = block
    assert run.main([str(spec_path), "--store", str(tmp_path), "--device", "cpu"]) == 0
    assert contents(tmp_path) == stored


def test_killed_at_random_moments_it_ends_with_the_same_bytes(block, tmp_path, environment):
    spec_path, stored = block
    moments = random.Random()
    at_once = {**environment, "SUITE_CHECKPOINT_SECONDS": "0"}
    for kill in range(2):
        with subprocess.Popen(
            command(spec_path, tmp_path), cwd=ROOT, env=at_once, stderr=subprocess.DEVNULL
        ) as process:
            known = checkpoints(tmp_path)
            while process.poll() is None and not checkpoints(tmp_path) - known:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        if kill == 0:
            assert process.returncode == -signal.SIGKILL
            assert len(list(tmp_path.rglob("*.csv"))) < len(BLOCK)
    # What a kill in the middle of a write leaves beside it.
    for table in stored:
        if table.endswith(".csv"):
            place = tmp_path / table
            place.parent.mkdir(exist_ok=True)
            place.with_name(f".{place.stem}.ckpt.tmp").write_bytes(b"half a checkpoint")
    assert run.main([str(spec_path), "--store", str(tmp_path), "--device", "cpu"]) == 0
    assert contents(tmp_path) == stored


def checkpoints(folder):
    """The checkpoints in `folder` with their times; they come and go while one looks."""
    found = set()
    for path in folder.rglob("*.ckpt"):
        with contextlib.suppress(FileNotFoundError):
            found.add((path, path.stat().st_mtime_ns))
    return found


@pytest.fixture(scope="session")
def pair(block, environment, tmp_path_factory):
    """Two processes that did the block at once: their store, tables, modules and messages."""
    folder = tmp_path_factory.mktemp("pair")
    outs = [folder / "one.csv", folder / "two.csv"]
    processes = [
        subprocess.Popen(
            command(block[0], folder / "store", "--out", str(out), code=TELLING),
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for out in outs
    ]  # fmt: skip
    loaded, said = zip(*[process.communicate() for process in processes], strict=True)
    assert [process.returncode for process in processes] == [0, 0], said
    return contents(folder / "store"), outs, [set(text.split()) for text in loaded], said


def test_two_processes_at_once_share_the_work_and_end_with_the_same_bytes(block, pair):
    stored, outs, _, said = pair
    assert stored == block[1]
    assert "".join(said).count(" done in ") == len(BLOCK)
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_the_arm_command_loads_torch_and_little_else(pair):
    for modules in pair[2]:
        assert {"torch", "numpy", "safetensors"} <= modules
        assert not modules & UNNEEDED


def main(arms, folder, *more, replicates=(0,)):
    """Run the command here; returns its exit status and the runs of its spec."""
    folder.mkdir(exist_ok=True)
    runs = write_spec(folder / "spec.json", arms, replicates)
    options = ["--store", str(folder / "store"), "--device", "cpu", *more]
    return run.main([str(folder / "spec.json"), *options]), runs


def rows(folder, job):
    return store.read_run(store.table_path(folder / "store", job["digest"]))


def test_diverged_and_degenerate_runs_are_recorded_and_the_rest_goes_on(tmp_path):
    arms = [
        settings(recipe={"lr": 1e6}),
        settings(scoring={"init": "rn", "init_sd": 1e30}),
        settings(criterion="magnitude", density=1e-4),
        dense(),
    ]
    status, (diverged, degenerate, emptied, trained) = main(arms, tmp_path)
    assert status == 0
    assert rows(tmp_path, diverged)[-1][1:] == ["run", "diverged", "1"]
    assert rows(tmp_path, degenerate) == [["0", "run", "degenerate", "1"]]
    for job in (emptied, trained):
        assert rows(tmp_path, job)[-1][:3] == ["12", "test", "best_error"]


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A procedure that raises."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "faulty_procedure.py").write_text("def run(*_):\n    raise KeyError('a bug')\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(names.PROCEDURES, "faulty", ("faulty_procedure:run", 1, True))


def test_a_bug_in_one_run_lets_the_others_finish_and_exits_1(tmp_path, broken, capsys):
    arms = [settings(procedure="faulty"), dense()]
    status, (failed, good) = main(arms, tmp_path, "--out", str(tmp_path / "out.csv"))
    assert status == 1
    assert rows(tmp_path, good)
    assert store.find(failed["digest"], [tmp_path / "store"]) is None
    assert not (tmp_path / "out.csv").exists()
    said = capsys.readouterr().err
    assert f"run {failed['digest']} failed:" in said
    assert "KeyError: 'a bug'" in said


def test_the_table_of_a_block_holds_its_runs_in_order_led_by_their_digests(tmp_path):
    out = tmp_path / "deep/out.csv"
    status, runs = main([dense(), settings()], tmp_path, "--out", str(out), replicates=(1, 0))
    assert status == 0
    header, *lines = out.read_text().splitlines()
    assert header == "digest,step,split,metric,value"
    expected = [",".join([job["digest"], *row]) for job in runs for row in rows(tmp_path, job)]
    assert lines == expected


def test_stored_runs_are_not_done_again(tmp_path, capsys):
    assert main([dense()], tmp_path)[0] == 0
    assert capsys.readouterr().err.count(" done in ") == 1
    before = contents(tmp_path / "store")
    status, _ = main([dense()], tmp_path, replicates=(0, 1))
    assert status == 0
    assert capsys.readouterr().err.count(" done in ") == 1
    after = contents(tmp_path / "store")
    assert len(after) == 2 * len(before)
    assert before.items() <= after.items()


def test_a_store_to_reuse_is_read_and_never_written(tmp_path, capsys):
    main([dense()], tmp_path)
    record = tmp_path / "record"
    shutil.move(tmp_path / "store", record)
    before = contents(record)
    capsys.readouterr()
    out = tmp_path / "out.csv"
    status, runs = main([dense(), settings()], tmp_path, "--reuse", str(record), "--out", str(out))
    assert status == 0
    assert capsys.readouterr().err.count(" done in ") == 1
    assert contents(record) == before
    assert {line.split(",")[0] for line in out.read_text().splitlines()[1:]} == {
        job["digest"] for job in runs
    }


def test_without_training_only_what_is_stored_is_collected(tmp_path, capsys):
    out = tmp_path / "out.csv"
    status, _ = main([dense()], tmp_path, "--no-train", "--out", str(out))
    assert (status, out.read_text()) == (0, "digest,step,split,metric,value\n")
    main([dense()], tmp_path)
    status, _ = main([dense(), settings()], tmp_path, "--no-train", "--out", str(out))
    assert status == 0
    assert len({line.split(",")[0] for line in out.read_text().splitlines()}) == 2


@pytest.mark.parametrize(
    "text, sentence",
    [
        (None, "no such file"),
        ("", "not a spec of results/<scale>/specs/"),
        ("[]", "not a spec"),
        ('{"blocks": []}', "not a spec"),
        ('{"runs": [{"procedure": "prune_then_train"}]}', "KeyError('digest')"),
        ('{"runs": [{"digest": "../../evil"}]}', "20 hexadecimal digits"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_in_one_sentence(tmp_path, text, sentence, capsys):
    path = tmp_path / "spec.json"
    if text is not None:
        path.write_text(text)
    assert run.main([str(path), "--store", str(tmp_path / "store")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_run_of_another_version_is_refused_and_the_rest_goes_on(tmp_path, capsys):
    path, place = tmp_path / "spec.json", tmp_path / "store"
    write_spec(path, [dense(), settings()])
    spec = json.loads(path.read_text())
    refused, done = spec["runs"]
    refused["version"] += 1
    path.write_text(json.dumps(spec))
    assert run.main([str(path), "--store", str(place), "--device", "cpu"]) == 1
    sentence = f"error: run {refused['digest']}: procedure 'prune_then_train' is version 1 here"
    assert sentence in capsys.readouterr().err
    assert store.find(done["digest"], [place])
    assert not store.find(refused["digest"], [place])


def test_a_device_that_is_not_there_is_refused(tmp_path, capsys):
    write_spec(tmp_path / "spec.json", [dense()])
    arguments = [str(tmp_path / "spec.json"), "--store", str(tmp_path), "--device", "cuda:99"]
    assert run.main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: --device cuda:99: ")


def test_the_stored_table_does_not_depend_on_the_rest_of_the_block(tmp_path):
    _, (alone,) = main([settings()], tmp_path / "one")
    _, (_, among) = main([dense(), settings()], tmp_path / "two")
    assert alone["digest"] == among["digest"]
    assert rows(tmp_path / "one", alone) == rows(tmp_path / "two", among)
    assert Path(tmp_path / "one/store").is_dir()
