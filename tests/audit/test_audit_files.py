import csv
import io
import json

import pytest
import yaml
from audit_tables import CONTROL, claim, plan, usual

from common import files
from common.audit import FIELDS, audit
from common.audit.__main__ import main
from common.audit.log import UNCHANGED, compare_with_log
from common.audit.tables import to_csv, to_markdown
from common.cells import spreadsheet_cell
from common.suite.claims import load_claims, versions

CLAIMS = {
    "EDGE-05": {
        "says": "At 95 % sparsity it is no worse | than *dense*.", "where": "Table 1",
        "kind": "at_most", "supported_beyond": 0.2, "control": CONTROL,
        "estimand": {
            "experiment": "table1", "metric": "test_error",
            "of": {"criterion": "snip", "density": 0.05}, "minus": {"criterion": "dense"},
        },
    },
    "EDGE-06": {"says": "It is new.", "where": "Abstract", "kind": "none", "reason": "Novelty."},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Write what the entry point reads: runs.csv, plan.json, claims.yaml, claims.log."""
    usual().to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "plan.json").write_text(json.dumps(plan()))
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(CLAIMS))
    lines = [
        f"2030-01-01T00:00:00Z {name} {' '.join(both)}"
        for name, both in versions(load_claims(tmp_path / "claims.yaml"), plan()).items()
    ]
    (tmp_path / "claims.log").write_text("\n".join(lines) + "\n")
    return tmp_path


def call(folder, *more, out="out"):
    paths = ["--plan", f"{folder}/plan.json", "--claims", f"{folder}/claims.yaml"]
    runs = ["--paper", "edge", "--runs", f"{folder}/runs.csv", *paths]
    return main([*runs, "--out", f"{folder}/{out}", *more])


def test_from_a_run_table_and_claims_to_the_four_files(folder):
    assert call(folder, "--scale", "cpu") == 0
    found = json.loads((folder / "out/audit.json").read_text())
    assert (found["paper"], found["scale"], found["claims_log"]) == ("edge", "cpu", UNCHANGED)
    assert found["holm"] == {"supported": 1, "stand": 1}
    assert found["summary"]["paper"]["supported"] == 1
    assert [list(row) for row in found["claims"]] == [list(FIELDS)] * 2
    first, second = found["claims"]
    assert (first["verdict"], first["holm"], first["n"]) == ("supported", True, 5)
    assert second["verdict"] == "not_tested" and second["estimate"] is None
    table = list(csv.DictReader(io.StringIO((folder / "out/audit.csv").read_text())))
    assert float(table[0]["interval_low"]) == pytest.approx(first["interval"][0])
    text = (folder / "out/audit.md").read_text()
    assert "no worse \\| than \\*dense\\*" in text and "Claims unchanged since the runs." in text
    assert "95 \\% sparsity" in (folder / "out/audit.tex").read_text()
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "audit.csv", "audit.json", "audit.md", "audit.tex",
    ]  # fmt: skip


def test_two_audits_are_the_same_to_the_byte(folder):
    assert call(folder) == 0 and call(folder, out="again") == 0
    for suffix in ("json", "csv", "md", "tex"):
        one, two = (folder / name / f"audit.{suffix}" for name in ("out", "again"))
        assert one.read_bytes() == two.read_bytes()


def test_refusals_leave_nothing_behind(folder, capsys):
    assert call(folder, "--scale", "smoke") == 2
    assert "the plan's scale is 'cpu', not 'smoke'" in capsys.readouterr().err
    (folder / "claims.yaml").write_text("EDGE-05: {says: a, where: b, kind: at_mots}")
    assert call(folder) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (folder / "out").exists()


def test_a_changed_claim_is_named(folder):
    changed = {**CLAIMS, "EDGE-05": {**CLAIMS["EDGE-05"], "supported_beyond": 0.3}}
    (folder / "claims.yaml").write_text(yaml.safe_dump(changed))
    claims = load_claims(folder / "claims.yaml")
    said = compare_with_log(claims, plan(), folder / "claims.log")
    assert said == (
        "claims changed after they were first planned: EDGE-05 (since the runs were planned)"
    )
    with open(folder / "claims.log", "a") as file:
        version = " ".join(versions(claims, plan())["EDGE-05"])
        file.write(f"2030-02-02T00:00:00Z EDGE-05 {version}\n")
    said = compare_with_log(claims, plan(), folder / "claims.log")
    assert "EDGE-05 (2030-02-02T00:00:00Z)" in said and "arms" not in said
    assert compare_with_log(claims, plan(), folder / "no.log") is None


def test_changed_arms_and_replicates_are_named(folder):
    claims, more = load_claims(folder / "claims.yaml"), plan()
    arms = more["experiments"]["table1"]["arms"]
    arms["dense"]["digests"] = [*arms["dense"]["digests"], "0" * 20]
    assert compare_with_log(claims, more, folder / "claims.log") == (
        "arms or replicates changed after they were first planned: "
        "EDGE-05 (since the runs were planned)"
    )


def test_a_log_from_before_arms_were_logged_speaks_of_claims_alone(folder):
    claims = load_claims(folder / "claims.yaml")
    lines = [f"2029-01-01T00:00:00Z {name} {one.version}" for name, one in claims.items()]
    newer = (folder / "claims.log").read_text()
    (folder / "claims.log").write_text("\n".join(lines) + "\n" + newer)
    assert compare_with_log(claims, plan(), folder / "claims.log") == UNCHANGED


def test_a_table_of_ones_own_prints_its_audit(folder, capsys, monkeypatch):
    monkeypatch.setattr(files, "RESULTS", folder / "results")
    own = usual().drop(columns=["paper", "condition", "step", "procedure", "data"])
    own.to_csv(folder / "my.csv", index=False)
    claims = ["--claims", f"{folder}/claims.yaml"]
    assert main(["--paper", "edge", "--table", f"{folder}/my.csv", *claims]) == 0
    said = capsys.readouterr().out
    assert "supported, condition not stated" in said and "holds" not in said
    written = (folder / "results/submitted/edge_my/audit.md").read_text()
    assert "In a condition not stated: 1 supported" in written
    out = ["--out", str(folder / "own")]
    assert main(["--paper", "edge", "--table", f"{folder}/my.csv", *claims, *out]) == 0
    row = json.loads((folder / "own/audit.json").read_text())["claims"][0]
    assert (row["evidence"], row["verdict"], row["condition"]) == ("submitted", "supported", None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"condition": "banana"}, "row 2: condition 'banana' must be paper or proxy"),
        ({"value": 165}, "row 2: value '165' must lie in 0..100: it is in points"),
        ({"experiment": "tabel1"}, "unknown experiment 'tabel1', did you mean 'table1'?"),
    ],
)
def test_tables_that_no_claim_could_read_are_refused(folder, capsys, change, sentence):
    usual().assign(**change).to_csv(folder / "my.csv", index=False)
    given = ["--paper", "edge", "--table", f"{folder}/my.csv", "--out", str(folder / "own")]
    assert main([*given, "--claims", f"{folder}/claims.yaml"]) == 2
    assert sentence in capsys.readouterr().err
    assert not (folder / "own").exists()


def test_a_table_without_the_columns_that_claims_select_by_is_refused(folder, capsys):
    own = usual().rename(columns={"criterion": "Criterion", "density": "Density"})
    own.to_csv(folder / "my.csv", index=False)
    given = ["--paper", "edge", "--table", f"{folder}/my.csv"]
    assert main([*given, "--claims", f"{folder}/claims.yaml"]) == 2
    assert "select arms by the columns criterion, density; none is there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1", " =1+1"]
)
def test_a_spreadsheet_runs_no_cell_of_the_audit(text):
    one = claim(says=text)
    cells = list(csv.reader(io.StringIO(to_csv(audit(usual(), {one.id: one}, plan())))))
    assert cells[1][cells[0].index("says")] == spreadsheet_cell(text)


def test_a_proxy_never_reads_like_the_papers_condition():
    one = claim()
    text = to_markdown("edge", "cpu", audit(usual(), {one.id: one}, plan(condition="proxy")))
    header = next(line for line in text.splitlines() if line.startswith("| claim"))
    row = next(line for line in text.splitlines() if line.startswith("| EDGE-05"))
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["paper's condition"].strip() == ""
    assert cells["in the proxy"] == "holds in the proxy"
