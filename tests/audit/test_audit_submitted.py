import math
import os

import pandas as pd
import pytest
from audit_tables import rows, table, usual

from common.audit import audit, read_table
from common.audit.submitted import check_table
from common.errors import Refused


def refused(changed, match):
    with pytest.raises(Refused, match=match):
        check_table(changed)


@pytest.mark.parametrize("column", ["experiment", "run", "replicate", "split", "metric", "value"])
def test_a_missing_column_is_named(column):
    refused(usual().drop(columns=column), f"the column '{column}' is missing")


def test_values_must_be_finite_unless_the_run_diverged():
    broken = usual().astype({"value": object})
    for value in (math.nan, math.inf, "abc", ""):
        broken.loc[7, "value"] = value
        refused(broken, "row 9: value .* must be a finite number")
    flag = rows("table1", "snip_0_05", [1.0], split="run", metric="diverged")[0]
    diverged = table(broken.to_dict("records"), [{**flag, "replicate": broken.loc[7, "replicate"]}])
    assert len(check_table(diverged)) == len(diverged)
    assert len(check_table(broken, finite=False)) == len(broken)


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("run", "../../etc/passwd", "must be made of letters"),
        ("run", "", "must be made of letters"),
        ("experiment", "a b", "must be made of letters"),
        ("metric", "err or", "must be made of letters"),
        ("run", "x" * 300, "200 at most"),
        ("criterion", "<script>alert(1)</script>", "holds markup"),
        ("criterion", "[x](javascript:y)", "holds markup"),
        ("data", "a\x00b", "holds markup"),
        ("replicate", -1, "must be a whole number"),
        ("replicate", 1.5, "must be a whole number"),
        ("step", "last", "must be a whole number"),
    ],
)
def test_bad_cells_are_refused_in_one_sentence(column, value, match):
    changed = usual().astype({column: object})
    changed.loc[3, column] = value
    refused(changed, match)


def test_markup_in_a_column_name_is_refused():
    refused(usual().rename(columns={"data": "<b>"}), "holds markup")


def test_one_number_a_run_step_and_metric():
    twice = table(usual().to_dict("records"), rows("table1", "dense", [9.0]))
    refused(twice, "has two values in one run and step")
    same = table(usual().to_dict("records"), rows("table1", "dense", [1.60]))
    assert len(check_table(same)) == len(usual())


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(Refused, match="no such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(Refused, match="no CSV table"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a,b\n\x80,1\n")
    with pytest.raises(Refused, match="not a text file"):
        read_table(tmp_path / "binary.csv")
    with open(tmp_path / "large.csv", "wb") as file:
        os.truncate(file.fileno(), 201 * 1024**2)  # sparse: no disk is used
    with pytest.raises(Refused, match="201 MB, at most 200 MB"):
        read_table(tmp_path / "large.csv")


def test_a_table_survives_the_way_through_a_file(tmp_path):
    usual().to_csv(tmp_path / "my.csv", index=False)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "my.csv")[["run", "replicate", "value"]],
        usual()[["run", "replicate", "value"]],
    )


def test_an_unknown_kind_of_evidence_is_refused():
    with pytest.raises(Refused, match="unknown evidence 'recalled'"):
        audit(usual(), {}, evidence="recalled")
