"""Before the first job: the lock, the data, the specs, the plans and the log of the claims."""

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import datafiles, files, store
from common.errors import Refused
from common.suite.plan import Request, make_plan
from common.suite.settings import Settings
from common.suite.start import hold, job, start, write_specs

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from common import files
files.RESULTS = Path(sys.argv[1])
from common.suite.start import hold
hold(wait=False)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def begin(project, monkeypatch):
    """begin(**request): the plan of a request at scale `small`, started."""
    monkeypatch.setenv("SUITE_LOCKED", "1")

    def begin(**request):
        plan = make_plan(Request(scale="small", **request))
        start(plan)
        return plan

    return begin


def test_every_block_has_a_spec_from_which_its_settings_come_back(begin):
    plan = begin()
    assert len(plan.blocks) > 0
    for digest, block in plan.blocks.items():
        spec = json.loads((files.ROOT / f"{plan.out}/specs/{digest}.json").read_text())
        assert spec["paper"] == "tiny"
        assert [run["digest"] for run in spec["runs"]] == [run.digest for run in block.runs]
        for written, run in zip(spec["runs"], block.runs, strict=True):
            assert Settings.model_validate(written["settings"]) == run.settings
            assert (written["replicate"], written["version"]) == (run.replicate, 1)
            assert written["data"] == datafiles.DIGITS


def test_a_spec_holds_every_default(project):
    run = next(iter(make_plan(Request(scale="small")).blocks.values())).runs[0]
    written = job(run)
    assert written["settings"] == run.settings.model_dump(mode="json")
    assert written["settings"]["recipe"]["momentum"] == 0.0
    assert "momentum" not in json.dumps(run.spec)


def test_specs_that_are_there_are_not_written_again(project, monkeypatch):
    plan = make_plan(Request(scale="small"))
    write_specs(plan, files.ROOT / plan.out)
    monkeypatch.setattr(files, "write_whole", lambda *_: pytest.fail("written again"))
    write_specs(plan, files.ROOT / plan.out)


def test_the_plan_of_a_paper_says_what_runs_and_what_does_not(begin, project):
    plan = begin()
    path = files.ROOT / plan.out / "tiny/plan.json"
    written = json.loads(path.read_text())
    assert (written["paper"], written["scale"], written["judge"]) == ("tiny", "small", "all")
    assert written["citation"]["title"] == "A paper"
    fig1 = written["experiments"]["fig1"]
    assert (fig1["shows"], fig1["procedure"], fig1["replicates"]) == (
        "Figure 1", "prune_then_train", 3,
    )  # fmt: skip
    snip = fig1["arms"]["snip_0_05"]
    assert snip["condition"] == "proxy"
    assert (snip["settings"]["data"], snip["sources"]["data"]) == ("digits", "scales.small")
    assert len(snip["digests"]) == 3
    assert written["not_run"] == {}
    project.paper(scales={"small": {"skip": "too long"}})
    begin()
    written = json.loads(path.read_text())
    assert (written["experiments"], written["not_run"]) == ({}, {"fig1": "too long"})


# ---- the claims' log -------------------------------------------------------------------------


def log(plan):
    text = (files.ROOT / plan.out / "tiny/claims.log").read_text()
    return [line.split(" ") for line in text.splitlines()]


def test_claims_are_logged_with_time_and_digest_before_any_job(begin):
    lines = log(begin())
    assert [line[1] for line in lines] == ["TINY-01", "TINY-02"]
    for time, _, *versions in lines:
        assert len(time) == 20 and time.endswith("Z") and len(versions) == 2
        assert all(re.fullmatch("[0-9a-f]{20}", version) for version in versions)


def test_unchanged_claims_are_logged_once(begin):
    assert log(begin()) == log(begin())


def test_a_changed_claim_is_appended_and_what_stood_stays(begin, project):
    before = log(begin())
    path = files.PAPERS / "tiny/claims.yaml"
    text = path.read_text()
    path.write_text(text.replace("supported_beyond: 0.5", "supported_beyond: 0.9"))
    changed = log(begin())
    assert changed[:2] == before
    [(_, name, version, arms)] = changed[2:]
    assert name == "TINY-01" and version != before[0][2] and arms == before[0][3]
    path.write_text(text)
    assert [line[1:] for line in log(begin())[3:]] == [before[0][1:]]


def test_changed_replicates_are_logged_beside_the_claim(begin, project):
    before = {name: both for _, name, *both in log(begin())}
    scale = {"data": "digits", "recipe": {"steps": 40, "milestones": [20]}, "replicates": 4}
    project.paper(scales={"small": scale})
    changed = {name: both for _, name, *both in log(begin())[2:]}
    assert changed
    for name, (claim, arms) in changed.items():
        assert claim == before[name][0] and arms != before[name][1]


def test_a_paper_without_claims_can_be_started_again(begin, project):
    project.write("papers/tiny/claims.yaml", "{}\n")
    assert log(begin()) == log(begin()) == []


# ---- data ------------------------------------------------------------------------------------


@pytest.fixture
def real_data(project, monkeypatch):
    """The paper asks for MNIST at scale `small`, and there is none."""
    monkeypatch.setenv("DATA_ROOT", str(files.ROOT / "nowhere"))
    monkeypatch.setattr(files, "CACHE", files.ROOT / "cache")
    project.paper(scales={})


def test_missing_data_are_refused_before_anything_is_written(real_data, begin):
    with pytest.raises(
        Refused, match=r"data set 'mnist': .* is missing under DATA_ROOT .*make data"
    ):
        begin()
    assert not (files.RESULTS / "small").exists()


def test_data_of_stored_runs_alone_need_not_be_there(real_data, begin):
    plan = make_plan(Request(scale="small"))
    for block in plan.blocks.values():
        for run in block.runs:
            store.write_run(files.ROOT / plan.store, run.digest, [], {})
    begin()


def test_data_need_not_be_there_where_nothing_is_trained(real_data, begin):
    begin(train=False)


# ---- the lock --------------------------------------------------------------------------------


@pytest.fixture
def other(project):
    """Another process that holds the results folder."""
    files.RESULTS.mkdir(exist_ok=True)
    command = [sys.executable, "-c", HOLDER, str(files.RESULTS)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_run_in_the_folder_is_refused_until_the_first_has_ended(other, monkeypatch):
    monkeypatch.delenv("SUITE_LOCKED", raising=False)
    plan = make_plan(Request(scale="small"))
    with pytest.raises(Refused, match=r"another run works in this folder.*`make results`"):
        start(plan)
    assert not (files.RESULTS / "small").exists()
    other.kill()
    other.wait()
    os.close(hold(wait=False))


def test_waiting_for_the_lock_ends_when_it_is_free(project, monkeypatch, capsys):
    first = hold(wait=False)
    real = fcntl.flock

    def freed(handle, how):
        if not how & fcntl.LOCK_NB:
            os.close(first)
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", freed)
    os.close(hold(wait=True))
    assert "waiting for it" in capsys.readouterr().err
