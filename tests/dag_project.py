"""A copy of the project with one toy paper of two arms, for tests that run the whole DAG."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from common.files import ROOT

SNAKEMAKE = Path(sys.executable).parent / "snakemake"
TOY = """
citation: {title: A toy, authors: Nobody, year: 2025, venue: nowhere}
experiments:
  one:
    shows: Figure 1
    procedure: prune_then_train
    model: lenet_300_100
    width: 0.1
    data: digits
    recipe: {lr: 0.05, momentum: 0.9, batch: 50}
    replicates: 2
    arms: [{criterion: dense}, {criterion: snip, density: 0.2}]
    scales: {smoke: {recipe: {steps: 800, evaluations: 3}}}
"""
CLAIMS = """
TOY-01:
  says: Pruning costs at most ten points.
  where: Figure 1
  kind: at_most
  supported_beyond: 10
  estimand: {experiment: one, metric: test_error, of: {criterion: snip}, minus: {criterion: dense}}
  control: {floor: {of: {criterion: dense}, at_most: 50}}
"""


def copy_project(place: Path, papers: dict[str, dict[str, str]]) -> Path:
    """Return a copy of the project in `place` that holds only `papers`: name -> file -> text."""
    for name in ("common", "configs", "profiles"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, place / name)
    shutil.copytree(ROOT / "papers/_template", place / "papers/_template")
    for paper, content in papers.items():
        (place / "papers" / paper).mkdir()
        for name, text in content.items():
            (place / "papers" / paper / name).write_text(text)
    (place / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return place


def toy(place: Path) -> Path:
    """Return a copy of the project with the toy paper alone."""
    return copy_project(place, {"toy": {"experiments.yaml": TOY, "claims.yaml": CLAIMS}})


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "SUITE_LOCKED"}
    # Checkpoints follow so closely that a kill meets a run that has one.
    return kept | {"OMP_NUM_THREADS": "1", "SUITE_CHECKPOINT_SECONDS": "0.1"}


def snakemake(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake in `project` and return what became of it."""
    command = [SNAKEMAKE, *arguments]
    return subprocess.run(
        command, cwd=project, env=environment(), capture_output=True, text=True, timeout=300
    )


def go(project: Path, *arguments: str) -> subprocess.Popen:
    """Start what `make results` starts, in a process group of its own."""
    command = [sys.executable, "-m", "common.go", *arguments]
    return subprocess.Popen(
        command, cwd=project, env=environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def products(project: Path) -> dict[str, str]:
    """Return the digest of every file of results/ that must not depend on time or machine."""
    found = {}
    for path in sorted((project / "results").rglob("*")):
        name = str(path.relative_to(project))
        timed = path.suffix in (".log", ".tsv") or ("/store/" in name and path.suffix == ".json")
        if path.is_file() and not timed and path.name != ".lock":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
