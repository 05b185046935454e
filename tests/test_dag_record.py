"""The record: kept, compared with, and reused; and what one claim needs, on a toy paper."""

import csv
import json
import subprocess
import sys

import pytest
from dag_project import environment, snakemake, toy


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    project = toy(tmp_path_factory.mktemp("recorded"))
    assert snakemake(project).returncode == 0
    made = snakemake(project, "--config", "train=0")
    assert made.returncode == 0, made.stderr
    done = python(project, "common.record", "--config", "train=0")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 runs are in results/record/smoke, 4 of them new" in done.stdout
    return project


def python(project, module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=project, env=environment(), capture_output=True, text=True, timeout=200
    )


def test_the_record_holds_runs_products_and_machine(recorded):
    record = recorded / "results/record/smoke"
    assert len(list((record / "store").rglob("*.csv"))) == 4
    assert (record / "toy/figures/one.svg").exists() and (record / "report_toy.html").exists()
    assert json.loads((record / "machine.json").read_text())["machines"][0]["runs"] == 4
    log = (record / "toy/claims.log").read_text()
    assert log == (recorded / "results/smoke/toy/claims.log").read_text()


def test_recording_again_changes_no_run(recorded):
    stamps = {p: p.stat().st_mtime_ns for p in (recorded / "results/record").rglob("store/*/*")}
    done = python(recorded, "common.record", "--config", "train=0")
    assert "0 of them new" in done.stdout
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_run_that_no_paper_plans_any_more_is_removed(recorded):
    place = recorded / "results/record/smoke/store/ff"
    place.mkdir()
    for suffix in (".csv", ".json"):
        (place / f"{'f' * 20}{suffix}").write_text("old")
    done = python(recorded, "common.record", "--config", "train=0")
    assert "1 that no paper plans any more were removed" in done.stdout
    assert not place.exists()
    assert len(list(place.parent.rglob("*.csv"))) == 4


def test_a_run_agrees_with_its_own_record(recorded):
    done = python(recorded, "common.compare", "--scale", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 verdict(s) changed" in done.stdout
    with open(recorded / "results/smoke/compare.csv") as file:
        assert {row["agrees"] for row in csv.DictReader(file)} == {"True"}


def test_a_number_that_moved_is_named(recorded):
    store = recorded / "results/smoke/store"
    changed = []
    for path in store.rglob("*.csv"):
        text = path.read_text()
        if "mask,density," in text:
            changed.append((path, text))
            path.write_text(text.replace("mask,density,0.", "mask,density,0.9"))
    done = python(recorded, "common.compare", "--scale", "smoke")
    for path, text in changed:
        path.write_text(text)
    assert done.returncode == 1
    assert "1 of" in done.stdout
    assert "snip_0_2" in done.stdout


def test_an_arm_with_other_settings_is_named_and_not_compared(recorded):
    path = recorded / "results/record/smoke/toy/plan.json"
    text = path.read_text()
    plan = json.loads(text)
    arm = next(iter(plan["experiments"]["one"]["arms"].values()))
    first, *others = arm["digests"]
    place = recorded / "results/record/smoke/store"
    copy = place / "ab" / f"{'ab' * 10}.csv"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes((place / first[:2] / f"{first}.csv").read_bytes())
    arm["digests"] = ["ab" * 10, *others]
    path.write_text(json.dumps(plan))
    done = python(recorded, "common.compare", "--scale", "smoke")
    path.write_text(text)
    copy.unlink()
    assert "settings changed since the record, not compared: toy one: " in done.stdout
    assert "0 of" in done.stdout and done.returncode == 0


def test_comparing_with_nothing_is_refused(recorded):
    done = python(recorded, "common.compare", "--scale", "cpu")
    assert done.returncode == 2
    assert done.stderr.startswith("error: results/cpu: there is no such folder; `make results")


def test_stored_runs_are_reused_only_when_asked_for(recorded):
    done = snakemake(recorded, "--config", "from_record=1")
    assert done.returncode == 0, done.stderr
    folder = recorded / "results/smoke_from_record"
    assert not (folder / "store").exists()
    assert "stored runs of the record were reused" in (folder / "report.html").read_text()
    fresh, reused = (
        (place / "toy/runs.csv").read_bytes() for place in (recorded / "results/smoke", folder)
    )
    assert fresh == reused


def test_what_is_not_stored_is_said_and_not_run(recorded):
    store = recorded / "results/smoke/store"
    lost = next(store.rglob("*.csv"))
    text = lost.read_text()
    lost.unlink()
    done = snakemake(recorded, "--config", "train=0", "--forcerun", "run")
    lost.write_text(text)
    assert done.returncode == 0, done.stderr
    with open(recorded / "results/smoke_stored/toy/tables/one.csv") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert sorted(row["n_run"] for row in rows.values()) == ["1", "2"]


def test_one_claim_runs_what_it_needs(recorded):
    done = snakemake(recorded, "--config", "claim=TOY-01")
    assert done.returncode == 0, done.stderr
    audit = json.loads((recorded / "results/smoke/claims/TOY-01/toy/audit.json").read_text())
    assert [row["id"] for row in audit["claims"]] == ["TOY-01"]


def test_the_plan_names_runs_time_and_claims(recorded):
    done = python(recorded, "common.plan", "--config", "scale=cpu", "--specs", "carry")
    assert done.returncode == 0, done.stderr
    assert "to do: 4 of 4 runs" in done.stdout
    assert "TOY-01" in done.stdout
    (spec,) = (recorded / "carry/specs").iterdir()
    assert len(json.loads(spec.read_text())["runs"]) == 4


def test_a_plan_of_bad_words_is_refused(recorded):
    done = python(recorded, "common.plan", "--config", "scale")
    assert (done.returncode, done.stderr) == (2, "error: --config scale: must be KEY=VALUE\n")


def test_the_verdicts_are_shown(recorded):
    done = python(recorded, "common.show")
    assert done.returncode == 0, done.stderr
    assert "TOY-01" in done.stdout
    assert "not tested" in done.stdout
    assert done.stdout.rstrip().endswith("results/smoke/report.html")
