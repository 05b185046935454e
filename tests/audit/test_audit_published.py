import pandas as pd
import pytest
from audit_tables import claim, plan, usual
from scipy import stats

from common.audit import audit, summary
from common.audit.published import PublishedNumbers
from common.errors import Refused

COLUMNS = ["source", "model", "criterion", "density", "metric", "value", "spread", "n", "origin"]
FOUND = "found:Table 1 of the paper"


def numbers(*cells):
    """Return a published.csv: (model, criterion, value, spread, n, origin)."""
    rows = [
        ("Table 1", model, criterion, "0.05", "test_error", value, spread, n, origin)
        for model, criterion, value, spread, n, origin in cells
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=str)


TABLE = numbers(
    ("a", "dense", "1.70", "0.10", "20", FOUND), ("a", "snip", "1.60", "0.10", "20", FOUND),
    ("b", "dense", "0.90", "0.05", "20", FOUND), ("b", "snip", "0.89", "0.05", "20", FOUND),
    ("c", "dense", "6.82", "", "", FOUND), ("c", "snip", "7.27", "", "", FOUND),
    ("d", "dense", "50.0", "0.1", "9", "recalled"), ("d", "snip", "40.0", "0.1", "9", FOUND),
)  # fmt: skip


def evidence(**changed):
    body = {
        "of": {"criterion": "dense"}, "minus": {"criterion": "snip"}, "test": "greater",
        "across": ["model"], **changed,
    }  # fmt: skip
    return claim("proportion", supported_beyond=..., estimand=..., published=body)


def count(**changed):
    return PublishedNumbers(TABLE).count(evidence(**changed).published)


def test_spread_decides_and_straddling_cells_are_left_out():
    # a: .10 +- Welch's t on sd .10, n 20: beyond 0. b: .01 on sd .05: straddles. c: no spread.
    # d: a recalled number on one side is enough to decide nothing.
    found = count()
    assert (found.yes, found.no, found.undecided, found.recalled) == (1, 0, 2, 1)
    assert found.verdict == "supported"
    assert "1 yes, 0 no, 2 undecided" in found.reason and "1 recalled" in found.reason
    p = stats.ttest_ind_from_stats(1.7, 0.1, 20, 1.6, 0.1, 20, False, "greater").pvalue
    assert p <= 0.05  # the witness for cell a


def test_a_stated_width_replaces_the_spread():
    found = count(undecided_within=0.05)
    assert (found.yes, found.no, found.undecided) == (1, 1, 1)  # c: -.45 is decided now
    assert found.verdict == "contradicted"
    assert count(undecided_within=0.05, quantifier="most").verdict == "contradicted"  # 1 of 2
    assert count(undecided_within=0, quantifier="most").verdict == "supported"  # 2 of 3
    edge = count(undecided_within=0.1)
    assert (edge.yes, edge.undecided) == (0, 2)  # .10 is within .10, inclusive


def test_printed_values_as_they_stand_and_ties():
    tie = numbers(("a", "dense", "1.6", "", "", FOUND), ("a", "snip", "1.6", "", "", FOUND))
    greater = PublishedNumbers(tie).count(evidence(undecided_within=0).published)
    assert greater.undecided == 1 and greater.verdict == "not_tested"
    at_least = PublishedNumbers(tie).count(evidence(undecided_within=0, test="at_least").published)
    assert at_least.yes == 1


@pytest.mark.parametrize(
    ("test", "beyond", "answer"),
    [("equivalent", 0.2, "yes"), ("equivalent", 0.02, "no"), ("at_most", 0.2, "yes"),
     ("at_most", 0.02, "no"), ("equivalent", 0.1, "undecided")],
)  # fmt: skip
def test_each_kind_of_test_on_one_cell(test, beyond, answer):
    found = count(across=[], cells=[{"model": "a"}], test=test, beyond=beyond)
    assert {"yes": found.yes, "no": found.no, "undecided": found.undecided}[answer] == 1


def test_cells_may_differ_on_each_side():
    found = count(
        across=["criterion"], of={"model": "a", "criterion": "dense"}, minus={},
        cells=[{"of": {}, "minus": {"model": "b"}}], undecided_within=0,
    )  # fmt: skip
    assert found.yes == 1  # 1.70 - 0.90


def test_any_column_selects_the_arms_name_too():
    named = TABLE.assign(run=[f"run_{index}" for index in range(len(TABLE))])
    cell = claim(published_value={"of": {"run": "run_2"}}).published_value
    assert PublishedNumbers(named).shown(cell) == {"value": 0.9, "origin": FOUND}


def test_a_cell_that_matches_no_row_or_several_is_refused():
    with pytest.raises(Refused, match="matches 0 rows"):
        count(across=[], cells=[{"model": "z"}])
    with pytest.raises(Refused, match="matches 4 rows"):
        count(across=[])
    with pytest.raises(Refused, match="unknown column 'modle', did you mean 'model'"):
        count(across=["modle"])


def test_published_evidence_has_a_row_beside_the_measured_one():
    value = {
        "of": {"model": "a", "criterion": "snip"},
        "minus": {"model": "a", "criterion": "dense"},
    }
    one = claim(
        published=evidence().published.model_dump(exclude_unset=True), published_value=value
    )
    measured, published = audit(usual(), {one.id: one}, plan(), TABLE)
    assert measured["part"] is None and measured["evidence"] == "measured"
    assert measured["published"] == {"value": -0.1, "origin": FOUND}
    assert (published["part"], published["evidence"]) == (None, "published")
    assert (published["verdict"], published["n"], published["estimate"]) == ("supported", 1, 1.0)
    assert published["holm"] is None
    assert summary([measured, published])["published"]["supported"] == 1


def test_a_claim_on_published_numbers_alone_is_one_row():
    one = evidence()
    (row,) = audit(usual(), {one.id: one}, plan(), TABLE)
    assert (row["part"], row["evidence"], row["verdict"]) == (None, "published", "supported")
    (row,) = audit(usual(), {one.id: one}, plan())
    assert (row["verdict"], row["evidence"]) == ("not_tested", "measured")


def test_recalled_numbers_are_shown_as_such():
    value = {
        "of": {"model": "d", "criterion": "dense"},
        "minus": {"model": "d", "criterion": "snip"},
    }
    one = claim(published_value=value)
    (row,) = audit(usual(), {one.id: one}, plan(), TABLE)
    assert row["published"] == {"value": 10.0, "origin": "recalled"}
    assert row["verdict"] == "supported"  # by the runs alone
