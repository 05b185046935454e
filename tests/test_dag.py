"""The whole DAG, as a user runs it: a toy paper of two arms in a copy of the project."""

import json
import os
import random
import re
import resource
import subprocess
import sys
import time

import pytest
from dag_project import copy_project, go, products, snakemake, toy

from common.audit import FIELDS
from common.files import PAPERS, ROOT
from common.new_paper import new_paper


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    project = toy(tmp_path_factory.mktemp("undisturbed"))
    done = snakemake(project)
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def expected(undisturbed):
    """What an undisturbed run makes, taken before any test edits the project."""
    return products(undisturbed)


def rules(done):
    """Return the rules in the table of jobs that Snakemake prints."""
    text = done.stdout + done.stderr
    return set(re.findall(r"^(\w+) +\d+$", text, re.MULTILINE)) - {"total"}


def test_every_product_appears(undisturbed, expected):
    folder = undisturbed / "results/smoke/toy"
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    tables = {f"tables/one.{kind}" for kind in ("csv", "md")}
    figures = {f"figures/one.{kind}" for kind in ("svg", "png", "csv")}
    audits = {f"audit.{kind}" for kind in ("json", "csv", "md", "tex")}
    assert made == tables | figures | audits | {"runs.csv", "plan.json", "claims.log"}
    page = (undisturbed / "results/smoke/report.html").read_text()
    assert "TOY-01" in page


def test_the_audit_has_the_documented_fields(undisturbed):
    audit = json.loads((undisturbed / "results/smoke/toy/audit.json").read_text())
    (row,) = audit["claims"]
    assert set(FIELDS) <= set(row)
    assert (row["verdict"], row["reason"]) == ("not_tested", "plumbing run")
    assert audit["claims_log"] == "claims unchanged since the runs"


def test_a_second_run_finds_nothing_to_do_and_changes_nothing(undisturbed):
    before = products(undisturbed)
    done = snakemake(undisturbed)
    assert done.returncode == 0
    assert rules(done) == set()
    assert products(undisturbed) == before


def test_editing_a_claim_reruns_the_audit_and_the_page_alone(undisturbed):
    path = undisturbed / "papers/toy/claims.yaml"
    written = path.read_text()
    path.write_text(written.replace("at most ten", "no more than ten"))
    assert rules(snakemake(undisturbed, "-n")) == {"all", "audit", "page"}
    path.write_text(written)


def test_editing_an_arm_trains_that_arm_alone(undisturbed):
    path = undisturbed / "papers/toy/experiments.yaml"
    written = path.read_text()
    store = undisturbed / "results/smoke/store"
    before = {p.name: p.stat().st_mtime_ns for p in store.rglob("*.csv")}
    path.write_text(written.replace("density: 0.2", "density: 0.3"))
    assert snakemake(undisturbed).returncode == 0
    after = {p.name: p.stat().st_mtime_ns for p in store.rglob("*.csv")}
    assert len(after.keys() - before.keys()) == 2  # the arm's two replicates
    assert all(after[name] == stamp for name, stamp in before.items())
    path.write_text(written)
    assert snakemake(undisturbed).returncode == 0


def test_a_deleted_figure_is_drawn_again(undisturbed):
    before = products(undisturbed)
    (undisturbed / "results/smoke/toy/figures/one.svg").unlink()
    assert snakemake(undisturbed).returncode == 0
    assert products(undisturbed) == before


def test_a_table_submitted_is_judged(undisturbed):
    command = [sys.executable, "-m", "common.audit", "--paper", "toy"]
    command += ["--table", "results/smoke/toy/runs.csv"]
    done = subprocess.run(command, cwd=undisturbed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "TOY-01  submitted" in done.stdout
    written = (undisturbed / "results/submitted/toy_runs/audit.md").read_text()
    assert "# Audit of toy on submitted runs" in written


def test_snakemakes_own_report_works(undisturbed, tmp_path):
    done = snakemake(undisturbed, "--report", str(tmp_path / "own.html"))
    assert done.returncode == 0, done.stderr
    assert "one.svg" in (tmp_path / "own.html").read_text()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("scle=cpu", "unknown key 'scle', did you mean 'scale'"),
        ("scale=huge", "unknown scale 'huge'"),
        ("papers=tiy", "unknown paper 'tiy', did you mean 'toy'"),
        ("claim=TOY-02", "unknown claim 'TOY-02', did you mean 'TOY-01'"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(undisturbed, config, words):
    before = products(undisturbed)
    done = snakemake(undisturbed, "--config", config)
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert words in sentence
    assert "Traceback" not in done.stderr
    assert products(undisturbed) == before


def test_missing_data_are_refused_before_any_job(tmp_path):
    project = toy(tmp_path)
    path = project / "papers/toy/experiments.yaml"
    path.write_text(path.read_text() + "      cpu: {data: mnist}\n".replace("      ", "  ", 1))
    text = path.read_text().split("  cpu:")[0]
    path.write_text(text.replace("scales: {smoke:", "scales: {cpu: {data: mnist}, smoke:"))
    os.environ["DATA_ROOT"], old = str(tmp_path / "nothing"), os.environ.get("DATA_ROOT")
    try:
        done = snakemake(project, "--config", "scale=cpu")
    finally:
        os.environ.pop("DATA_ROOT") if old is None else os.environ.update(DATA_ROOT=old)
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "make data NAMES=mnist" in sentence
    assert not (project / "results/cpu/blocks").exists()


def test_a_run_killed_at_random_moments_ends_with_the_same_bytes(expected, tmp_path):
    started = time.monotonic()
    assert snakemake(toy(tmp_path / "timed")).returncode == 0
    whole = time.monotonic() - started
    project = toy(tmp_path / "killed")
    draw = random.Random(time.time_ns())
    hits = 0
    for _ in range(4):
        running = go(project)
        time.sleep(draw.uniform(0.2, 0.8) * whole)
        hits += running.poll() is None
        running.kill()
        running.communicate()
        assert orphans(project) == []
    done = go(project)
    output, _ = done.communicate(timeout=240)
    assert done.returncode == 0, output
    assert hits > 0
    assert products(project) == expected
    assert [path for path in project.rglob(".*.tmp")] == []


def orphans(project):
    """Return the processes that still work in `project`, given a moment to end."""
    for _ in range(300):
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and works_in(pid, project)]
        if not found:
            break
        time.sleep(0.1)
    return found


def works_in(pid, project):
    try:
        with open(f"/proc/{pid}/stat") as file:
            ended = file.read().rsplit(")", 1)[1].split()[0] == "Z"
        return not ended and os.readlink(f"/proc/{pid}/cwd") == str(project)
    except OSError:
        return False


def test_two_at_once_do_not_hurt_each_other(expected, tmp_path):
    project = toy(tmp_path)
    first, second = go(project), go(project)
    outputs = [process.communicate(timeout=240)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert sum("waiting for it" in output for output in outputs) == 1
    assert products(project) == expected


def test_a_bare_snakemake_beside_another_ends_with_a_sentence(tmp_path):
    project = toy(tmp_path)
    first = go(project)
    while not (project / "results/.lock").exists():
        time.sleep(0.05)
    done = snakemake(project)
    first.kill()
    first.communicate()
    assert done.returncode == 1
    assert "error: another run works in this folder" in done.stderr


def test_a_dry_run_is_quick_and_loads_no_torch(undisturbed):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert snakemake(ROOT, "-n", "--quiet").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 5
    code = "import sys; from common.suite import dag; dag.plan({}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_new_paper_runs_and_is_judged(tmp_path):
    project = copy_project(tmp_path, {})
    new_paper("my_paper", papers=project / "papers")
    done = snakemake(project)
    assert done.returncode == 0, done.stderr
    audit = json.loads((project / "results/smoke/my_paper/audit.json").read_text())
    assert [row["verdict"] for row in audit["claims"]] == ["not_tested"]


@pytest.mark.slow
def test_every_paper_runs_at_smoke_scale(tmp_path):
    papers = sorted(path.parent.name for path in PAPERS.glob("*/claims.yaml"))
    folders = [PAPERS / name for name in papers if name != "_template"]
    content = {
        folder.name: {path.name: path.read_text() for path in folder.glob("*.*")}
        for folder in folders
    }
    project = copy_project(tmp_path, content)
    done = snakemake(project)
    assert done.returncode == 0, done.stderr
    for folder in folders:
        audit = json.loads((project / f"results/smoke/{folder.name}/audit.json").read_text())
        judged = {row["verdict"] for row in audit["claims"] if row["kind"] == "exact"}
        assert judged <= {"supported", "not_tested"}
