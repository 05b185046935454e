"""The files around the code: dependencies in step, README commands and examples as written."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement

from common import names
from common.files import PAPERS, ROOT
from common.models import build
from common.pruning import prune
from common.suite import make_plan, settings
from common.suite.claims import load_claims

README = (ROOT / "README.md").read_text()
CONDA = {"torch": "pytorch", "snakemake": "snakemake-minimal"}
# Commands of the README that train, download or wait, or are tested in tests/test_dag.py.
LEFT_OUT = (
    "make results", "make test", "snakemake", "snakemake --cores all", "snakemake --report",
    "make claim", "make compare", "make audit", "make battery", "make data", "make new-paper",
    "python -m common.run", "snakemake --config scale=cpu papers=snip",
    "snakemake results/smoke/snip/figures/fig3_errors.svg",
)  # fmt: skip


def direct():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    given = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return [Requirement(line) for line in given]


@pytest.mark.parametrize("requirement", direct(), ids=lambda r: r.name)
def test_a_dependency_is_locked_and_named_for_conda(requirement):
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(rf"^{re.escape(requirement.name)}==([^\s;]+)", lock, re.M | re.I)
    assert pinned
    assert all(requirement.specifier.contains(version) for version in pinned)
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    name = CONDA.get(requirement.name, requirement.name)
    parsed = {Requirement(line).name: Requirement(line) for line in conda}
    assert name in parsed
    assert parsed[name].specifier == requirement.specifier


def test_conda_names_nothing_else():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    wanted = {CONDA.get(r.name, r.name) for r in direct()} | {"python"}
    assert {Requirement(line).name for line in conda} == wanted


def test_the_lock_names_no_host():
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", lock)


def commands():
    """Return the README's command lines: indented by four, starting with a known program."""
    lines = re.findall(r"^ {4}((?:make|snakemake|python) [^\n#]*|snakemake)(?:#.*)?$", README, re.M)
    return [line.strip() for line in lines]


def test_the_readme_has_commands():
    assert {"make results", "make test", "snakemake -n"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(command, tmp_path):
    slow = [known for known in LEFT_OUT if command == known or command.startswith(known + " ")]
    if slow and not command.startswith("snakemake -n"):
        program = shlex.split(command)
        if program[0] == "make":
            # Its target exists and its recipe can be spelled out, whatever it would run.
            program.insert(1, "--dry-run")
        elif program[0] == "snakemake" and "--report" not in program:
            program.append("--dry-run")
        else:
            assert program[0] == "snakemake" or importlib.util.find_spec(program[2])
            return
    else:
        program = [str(tmp_path) if word == "carry" else word for word in shlex.split(command)]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        program, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def block(language, containing):
    found = re.findall(
        rf"```{language}\n(.*?)```", re.sub(r"^  (?=\S|  )", "", README, flags=re.M), re.S
    )
    (chosen,) = [text for text in found if containing in text]
    return chosen


def test_the_engine_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python", "masks.save"), "README.md", "exec"), {})
    assert "layer" in capsys.readouterr().out


def test_the_criterion_example_is_all_it_takes(monkeypatch):
    scope = {}
    exec(compile(block("python", "@criterion()"), "README.md", "exec"), scope)
    module = type(sys)("readme_criterion")
    module.squared = scope["squared"]
    monkeypatch.setitem(sys.modules, "readme_criterion", module)
    monkeypatch.setitem(names.CRITERIA, "squared", "readme_criterion:squared")
    net = build("lenet_300_100", classes=10, in_shape=(1, 28, 28), width=0.1)
    masks = prune(net, criterion="squared", density=0.1)
    assert masks == prune(net, criterion="magnitude", density=0.1)


def test_a_model_is_a_function_and_a_line(monkeypatch):
    module = type(sys)("readme_model")
    module.tiny = lambda classes=10, in_shape=(1, 28, 28), width=1.0: torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, classes)
    )
    monkeypatch.setitem(sys.modules, "readme_model", module)
    monkeypatch.setitem(names.MODELS, "tiny", "readme_model:tiny")
    assert build("tiny", classes=10, in_shape=(1, 28, 28))(torch.zeros(2, 1, 28, 28)).shape == (
        2,
        10,
    )


def test_the_claim_example_is_accepted(tmp_path):
    (tmp_path / "snip").mkdir()
    path = tmp_path / "snip/claims.yaml"
    path.write_text((PAPERS / "snip/claims.yaml").read_text() + block("yaml", "SNIP-99"))
    assert "SNIP-99" in load_claims(path)


def test_every_paper_plans_at_every_scale():
    for scale in ("smoke", "cpu", "paper"):
        assert make_plan(settings({"scale": scale})).blocks


def test_nothing_committed_is_large_or_of_one_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert [p.name for p in paths if p.exists() and p.stat().st_size > 4 * 2**20] == []
