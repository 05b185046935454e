"""What the papers of this project have in common: the budget of their trained runs."""

from common.suite.cost import seconds
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scales

AT_INITIALISATION = ("grasp", "synflow", "force", "missing_the_mark")


def test_the_papers_on_pruning_at_initialisation_fit_two_cores_and_200_minutes_at_cpu():
    runs = {
        run.digest: run
        for paper in AT_INITIALISATION
        for item in expand(load_paper(paper), load_scales())["cpu"].values()
        for arm in item.arms.values()
        for run in arm.runs
    }
    assert sum(seconds(run.settings) for run in runs.values()) / 60 / 2 <= 200
