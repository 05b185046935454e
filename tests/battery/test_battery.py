"""The battery: what its trials find for criteria whose answers are known, and its page."""

import re

import pytest
import torch

from common.battery import Finding, Subject
from common.battery.__main__ import main
from common.battery.page import page, read_findings
from common.battery.subject import BUILT_IN
from common.battery.trials import accuracy, collapse, conservation, stability
from common.files import RESULTS
from common.pruning import Masks


@pytest.fixture(autouse=True)
def embedded(monkeypatch):
    """Digits, whatever data are at hand, so that the tests are quick and the same everywhere."""
    monkeypatch.delenv("DATA_ROOT", raising=False)


def values(findings, **wanted):
    return [
        f.value for f in findings if all(getattr(f, key) == want for key, want in wanted.items())
    ]


def test_synflow_is_conserved():
    found = list(conservation(Subject.of("synflow")))
    assert values(found, metric="layer_ratio") == pytest.approx([1.0] * 6, abs=1e-12)
    assert max(values(found, metric="unit_gap")) < 1e-12


def test_one_shot_magnitude_collapses_long_before_the_last_weight():
    found = list(collapse(Subject.of("magnitude")))
    lost = values(found, metric="path_lost", network="mlp6")
    largest = values(found, metric="largest", network="mlp6")
    assert largest == pytest.approx([4.2989] * 3, abs=1e-4)
    assert max(lost) < 2.1  # the sheet of SynFlow finds 1.5 to 1.75


def test_random_masks_change_with_the_seed_alone():
    found = list(stability(Subject.of("random")))
    for same in ("again", "threads", "batch"):
        assert values(found, setting=same) == [1.0] * 6
    assert max(values(found, setting="seed")) < 0.1  # chance: 0.02 / 1.98


def test_jaccard_by_hand():
    one = Masks({"w": torch.tensor([True, True, False, False])})
    other = Masks({"w": torch.tensor([False, True, True, False])})
    assert one.jaccard(other) == pytest.approx(1 / 3)


def test_accuracy_covers_every_kind_of_mask(monkeypatch):
    monkeypatch.setattr("common.battery.subject.RECIPE", {"steps": 20, "lr": 0.05, "batch": 50})
    found = list(accuracy(Subject.of("snip", replicates=1)))
    assert [f.setting for f in found] == [
        "dense",
        *(
            f"{kind} at {density}"
            for density in (0.1, 0.02)
            for kind in ("none", "shuffle", "redraw", "invert", "random")
        ),
    ]
    assert all(0 <= f.value <= 100 for f in found)


def test_a_function_of_ones_own_gets_its_page(tmp_path, monkeypatch, capsys):
    own = tmp_path / "mine.py"
    own.write_text(
        "def mine(model, batches, loss):\n"
        "    return {n: p.detach().abs() for n, p in model.named_parameters() if p.dim() > 1}\n"
    )
    short = {"steps": 5, "lr": 0.05, "batch": 50}
    monkeypatch.setattr("common.battery.subject.RECIPE", short)
    monkeypatch.setattr("common.battery.trials.MASKS", 1)
    given = ["--criterion", f"{own}:mine", "--replicates", "3", "--out", str(tmp_path / "out")]
    assert main([*given, "--beside", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().err
    assert f"running the code in {own}" in said and "battery.html" in said
    html = (tmp_path / "out/battery.html").read_text()
    assert "<h1>mine</h1>" in html and html.count('src="data:image/svg+xml') == 2
    assert not re.findall(r'<(?:link|script)\b| style="', html)  # which the page's policy refuses
    # A criterion that is magnitude has magnitude's findings.
    findings = read_findings(tmp_path / "out")
    theirs = list(collapse(Subject.of("magnitude")))
    assert values(findings, metric="path_lost") == values(theirs, metric="path_lost")


def test_other_criteria_stand_beside(tmp_path):
    one = Finding("snip", "cost", "resnet20", "pruning", 0, "passes", 1.0)
    html = page(Subject("<b>", "snip", "digits", "digits"), [one._replace(criterion="<b>")], [one])
    assert "&lt;b&gt;" in html and "<b>" not in html and "Beside it: snip." in html


@pytest.mark.parametrize(
    "given, words",
    [
        (["--criterion", "snap"], "did you mean 'snip'"),
        (["--criterion", "nowhere.py:mine"], "nowhere.py"),
        (["--criterion", "snip", "--replicates", "2"], "at least 3"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(given, words, capsys):
    assert main(given) == 2
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("error: ") and words in line for line in said)


def test_a_table_that_holds_no_findings_is_refused(tmp_path, capsys):
    (tmp_path / "snip.csv").write_text("a,b\n1,2\n")
    given = ["--criterion", "snip", "--beside", str(tmp_path), "--out", str(tmp_path / "o")]
    assert main(given) == 2
    assert "its columns must be criterion, test" in capsys.readouterr().err


def test_the_record_holds_the_findings_of_every_built_in_criterion():
    found = read_findings(RESULTS / "record/battery")
    tests = {name: {f.test for f in found if f.criterion == name} for name in BUILT_IN}
    assert set(map(frozenset, tests.values())) == {
        frozenset({"accuracy", "collapse", "conservation", "stability", "cost"})
    }
