import shutil
from pathlib import Path

import pytest

from common import files
from common.errors import Refused
from common.new_paper import claim_prefix, main, new_paper
from common.products import PUBLISHED_COLUMNS, read_published
from common.suite.claims import check_claims, load_claims
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scales, paper_names

SCALES = ("smoke", "cpu", "paper")


@pytest.fixture
def papers(tmp_path):
    """A folder of papers with the template and SNIP in it."""
    for name in ("_template", "snip"):
        shutil.copytree(files.PAPERS / name, tmp_path / "papers" / name)
    return tmp_path / "papers"


def at_scales(name, papers):
    paper = load_paper(name, papers)
    return expand(paper, load_scales())


def test_a_new_paper_passes_every_check_of_planning(papers):
    folder = new_paper("lottery_2", papers)
    assert folder == papers / "lottery_2" and "lottery_2" in paper_names(papers)
    scales = at_scales("lottery_2", papers)
    arms = {
        name: {
            scale: {run: arm.settings.flat for run, arm in found[name].arms.items()}
            for scale, found in scales.items()
        }
        for name in scales["paper"]
    }
    claims = load_claims(folder / "claims.yaml")
    check_claims(claims, arms)
    assert list(claims) == ["LOTTERY2-01"]
    claim = claims["LOTTERY2-01"]
    assert claim.control.floor and claim.control.contrast and claim.power.sd
    needed = claim.needs({name: arms[name]["cpu"] for name in arms}, claims)
    assert {run for _, run in needed} == set(arms["fig1_example"]["cpu"])


def test_a_new_paper_runs_on_digits_at_smoke_and_is_the_paper_s_at_paper(papers):
    new_paper("mine", papers)
    scales = at_scales("mine", papers)
    for experiment in scales["smoke"]:
        smoke, cpu, full = (scales[scale][experiment].arms for scale in SCALES)
        assert {arm.settings.data for arm in smoke.values()} == {"digits"}
        assert {arm.condition for arm in full.values()} == {"paper"}
        assert {arm.condition for arm in [*smoke.values(), *cpu.values()]} == {"proxy"}
        assert len(smoke) == len(cpu) == len(full) == 3


def test_no_placeholder_is_left_and_the_template_is_not_changed(papers):
    before = {path.name: path.read_bytes() for path in (papers / "_template").iterdir()}
    folder = new_paper("mine", papers)
    for path in folder.iterdir():
        assert "my_paper" not in path.read_text() and "PAPER-" not in path.read_text(), path
    assert "results/<scale>/mine/figures/fig1_example.svg" in (folder / "README.md").read_text()
    assert before == {path.name: path.read_bytes() for path in (papers / "_template").iterdir()}
    assert sorted(path.name for path in folder.iterdir()) == sorted(before)


def test_published_numbers_of_a_new_paper_are_a_readable_empty_table(papers):
    table = read_published(new_paper("mine", papers) / "published.csv")
    assert tuple(table.columns) == PUBLISHED_COLUMNS and table.empty


@pytest.mark.parametrize(
    "name, said",
    [
        ("", "needs a name"),
        ("Lottery", "must be made of a-z, 0-9 and _ alone"),
        ("a-b", "must be made of"),
        ("../evil", "must be made of"),
        ("a b", "must be made of"),
        ("123", "must hold a letter"),
        ("store", "taken by a folder of results"),
        ("snip", "papers/snip exists already"),
        ("_template", "exists already"),
        ("sn_ip", "as those of papers/snip"),
    ],
)
def test_a_bad_name_is_refused_in_one_sentence_and_nothing_is_made(papers, name, said):
    before = sorted(papers.iterdir())
    with pytest.raises(Refused, match=said) as refusal:
        new_paper(name, papers)
    assert "\n" not in str(refusal.value)
    assert sorted(papers.iterdir()) == before


def test_what_a_kill_left_is_no_paper_and_is_replaced(papers):
    left = papers / ".new/mine"
    left.mkdir(parents=True)
    for name in ("claims.yaml", "experiments.yaml"):
        (left / name).write_text("half")
    assert paper_names(papers) == ["snip"]
    folder = new_paper("mine", papers)
    assert "MINE-01" in (folder / "claims.yaml").read_text()
    assert not (papers / ".new").exists() and paper_names(papers) == ["mine", "snip"]


def test_a_failed_copy_leaves_no_paper(papers, monkeypatch):
    def full(path, content):
        raise OSError("no space left on device")

    monkeypatch.setattr(files, "write_whole", full)
    with pytest.raises(OSError, match="no space"):
        new_paper("mine", papers)
    assert not (papers / "mine").exists() and "mine" not in paper_names(papers)


def test_the_entry_says_what_to_do_next(papers, monkeypatch, capsys):
    monkeypatch.setattr("common.new_paper.new_paper", lambda name: new_paper(name, papers))
    assert main(["mine"]) == 0
    printed = capsys.readouterr().out
    assert "make results PAPERS=mine" in printed and "MINE-01" in printed
    assert main(["mine"]) == 2
    assert capsys.readouterr().err == "error: paper 'mine': papers/mine exists already\n"
    assert Path(papers / "mine").is_dir()


def test_claims_are_called_by_letters_and_digits_upper_case():
    assert claim_prefix("snip") == "SNIP"
    assert claim_prefix("sanity_checks_2020") == "SANITYCHECKS2020"
    assert claim_prefix("2nd_try") == "NDTRY"
