import shutil

import pytest
import synthetic_results as made
from made_page import page

from common import figures, tables


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Two papers at the scale cpu, which are the record too, and a plumbing run of them."""
    root = tmp_path_factory.mktemp("results")
    plans = {"edge": made.edge_plan, "ticket": made.ticket_plan}
    for paper, plan in plans.items():
        folder = root / "cpu" / paper
        published = made.published_rows() if paper == "edge" else []
        made.write_paper(folder, plan(), made.claims(paper), published)
        arguments = ["--plan", f"{folder}/plan.json", "--runs", f"{folder}/runs.csv"]
        arguments += ["--published", f"{folder}/published.csv", "--out", str(folder)]
        assert tables.main(arguments) == 0
        assert figures.main(arguments) == 0
        (root / "papers" / paper).mkdir(parents=True)
        shutil.copy(folder / "published.csv", root / "papers" / paper)
        smoke = root / "smoke" / paper
        made.write_paper(smoke, plan("smoke", "exact"), made.plumbing(made.claims(paper)))
        for made_already in ("tables", "figures"):
            shutil.copytree(folder / made_already, smoke / made_already)
    (root / "papers" / "across.yaml").write_text(made.ACROSS)
    shutil.copytree(root / "cpu", root / "record" / "cpu")
    (root / "cpu" / "machine.json").write_text('{"date": "2026-02-03"}')
    (root / "record" / "cpu" / "machine.json").write_text('{"date": "2026-01-20"}')
    return root


@pytest.fixture(scope="session")
def html(results):
    return page(results, "cpu")


@pytest.fixture(scope="session")
def smoke_html(results):
    return page(results, "smoke")
