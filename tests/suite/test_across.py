"""Questions across papers: what is read, and that they name claims that exist."""

import pytest

from common.errors import Refused
from common.suite.across import check_across, load_across
from common.suite.plan import make_plan, settings

QUESTION = {"asks": "Does it hold?", "claims": ["TINY-01", "TINY-02"]}


def test_a_project_may_have_none(project):
    assert load_across(project.root / "papers") == {}


def test_questions_are_read_in_order(project):
    project.write("papers/across.yaml", {"b": QUESTION, "a": {**QUESTION, "note": "Why."}})
    found = load_across(project.root / "papers")
    assert list(found) == ["b", "a"]
    assert (found["a"].asks, found["a"].note) == ("Does it hold?", "Why.")


@pytest.mark.parametrize(
    "content, words",
    [
        ({"Bad name": QUESTION}, "Bad name"),
        ({"q": {**QUESTION, "claim": []}}, "claim"),
        ({"q": {"asks": "One?", "claims": ["TINY-01"]}}, "claims"),
    ],
)
def test_faults_are_refused(project, content, words):
    project.write("papers/across.yaml", content)
    with pytest.raises(Refused, match=words):
        load_across(project.root / "papers")


def test_a_claim_that_no_paper_makes_is_refused_with_the_nearest():
    with pytest.raises(Refused, match="unknown claim 'SNIP-5', did you mean 'SNIP-05'"):
        check_across([load({"asks": "?", "claims": ["SNIP-5", "SNIP-05"]})], ["SNIP-05"])


def load(body):
    from common.suite.across import Question

    return Question.model_validate(body)


def test_planning_all_papers_checks_the_questions(project):
    project.paper()
    make_plan(settings({"scale": "small"}))
    project.write("papers/across.yaml", {"q": {**QUESTION, "claims": ["TINY-01", "TINY-09"]}})
    with pytest.raises(Refused, match="unknown claim 'TINY-09'"):
        make_plan(settings({"scale": "small"}))
