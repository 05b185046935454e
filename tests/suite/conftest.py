"""A project of the test's own: two scales, and a paper written by the test."""

import pytest
import yaml

from common import files

PAPER = {
    "citation": {"title": "A paper", "authors": "A. Author", "year": 2020, "venue": "Here"},
    "experiments": {
        "fig1": {
            "shows": "Figure 1",
            "procedure": "prune_then_train",
            "model": "lenet_300_100",
            "data": "mnist",
            "recipe": {"lr": 0.1, "batch": 100, "steps": 1000, "milestones": [500]},
            "arms": [
                {"criterion": "dense"},
                {"criterion": ["snip", "random"], "density": [0.1, 0.05]},
            ],
            "replicates": 2,
            "scales": {"small": {"data": "digits", "recipe": {"steps": 40, "milestones": [20]}}},
        }
    },
}
CLAIMS = {
    "TINY-01": {
        "says": "SNIP is no worse than dense.",
        "where": "Figure 1",
        "kind": "at_most",
        "supported_beyond": 0.5,
        "estimand": {
            "experiment": "fig1",
            "metric": "test_error",
            "of": {"criterion": "snip", "density": 0.1},
            "minus": {"criterion": "dense"},
        },
        "control": {"floor": {"of": {"criterion": "dense"}, "at_most": 5}},
    },
    "TINY-02": {"says": "It is new.", "where": "Section 1", "kind": "none", "reason": "novelty"},
}
SCALES = {
    "paper": {"about": "The papers' own recipes."},
    "small": {"about": "Less of everything.", "replicates": 3},
    "smoke": {"about": "Plumbing.", "judge": "exact", "block_seconds": None},
}


class Project:
    """Files of a project, written as YAML (text is written as it is)."""

    def __init__(self, root):
        self.root = root

    def write(self, relative, content):
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text)
        return path

    def paper(self, content=None, name="tiny", **fig1):
        """Write a paper; `fig1` is laid over its experiment of that name."""
        content = content or {
            **PAPER,
            "experiments": {"fig1": {**PAPER["experiments"]["fig1"], **fig1}},
        }
        if not (self.root / f"papers/{name}/claims.yaml").exists():
            self.write(f"papers/{name}/claims.yaml", CLAIMS)
        return self.write(f"papers/{name}/experiments.yaml", content)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A Project with the paper `tiny`, which the suite takes for its own."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(files, "PAPERS", tmp_path / "papers")
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results")
    made = Project(tmp_path)
    for name, content in SCALES.items():
        made.write(f"configs/scale/{name}.yaml", content)
    made.paper()
    return made
