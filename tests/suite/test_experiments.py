"""experiments.yaml and the scale files: what is read and what is refused."""

import pytest

from common.errors import Refused
from common.suite.experiments import load_paper, load_scale, paper_names, scale_names


def refusal(load, name):
    with pytest.raises(Refused) as refused:
        load(name)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_a_paper_is_read(project):
    paper = load_paper("tiny")
    assert (paper.name, paper.citation.title, paper.citation.year) == ("tiny", "A paper", 2020)
    assert list(paper.experiments) == ["fig1"]
    fig1 = paper.experiments["fig1"]
    assert (fig1.shows, fig1.replicates, fig1.metric, fig1.x) == ("Figure 1", 2, "test_error", None)
    assert set(fig1.settings) == {"procedure", "model", "data", "recipe"}
    assert len(fig1.arms) == 2
    overlay, settings = fig1.scales["small"]
    assert (overlay.arms, overlay.replicates, overlay.skip) == (None, None, None)
    assert settings["data"] == "digits"


def test_papers_are_the_folders_with_experiments(project):
    project.paper(name="other")
    project.paper(name="_template")
    project.write("papers/notes/README.md", "# Notes\n")
    assert paper_names() == ["other", "tiny"]


@pytest.mark.parametrize("name", ["My-Paper", "Caps", "with space"])
def test_a_paper_with_a_bad_name_is_refused(project, name):
    project.paper(name=name)
    with pytest.raises(Refused) as refused:
        paper_names()
    assert str(refused.value) == (f"papers/: paper {name!r} must be made of a-z, 0-9 and _ alone")


@pytest.mark.parametrize("name", ["store", "specs", "claims"])
def test_a_paper_named_as_a_folder_of_the_results_is_refused(project, name):
    project.paper(name=name)
    with pytest.raises(Refused, match=f"^papers/{name}: the name is taken"):
        paper_names()


def test_an_unknown_paper_is_refused_with_the_known(project):
    assert refusal(load_paper, "tinny") == (
        "papers: unknown paper 'tinny', did you mean 'tiny'? Known: tiny"
    )


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"desnity": 0.5}, "fig1: unknown key 'desnity', did you mean 'density'"),
        ({"shws": "Figure 1"}, "fig1: unknown key 'shws', did you mean 'shows'"),
        ({"shows": None}, "fig1: shows: Input should be a valid string"),
        ({"replicates": 0}, "fig1: replicates 0: Input should be greater than or equal to 1"),
        ({"arms": []}, "fig1: arms: List should have at least 1 item"),
        ({"arms": {"criterion": "snip"}}, "fig1: arms: Input should be a valid list"),
        ({"arms": ["snip"]}, "fig1: arms.0 'snip': Input should be a valid dictionary"),
        ({"scales": {"smal": {}}}, "fig1: scales.smal: unknown scale 'smal', did you mean 'small'"),
        (
            {"scales": {"small": {"widht": 0.5}}},
            "fig1: scales.small: unknown key 'widht', did you mean 'width'",
        ),
        ({"scales": {"small": 3}}, "fig1: scales.small 3: Input should be a valid dictionary"),
        ({"scales": {"small": {"arms": []}}}, "scales.small: arms: List should have at least 1"),
        ({"scales": {"small": {"replicates": 0}}}, "scales.small: replicates 0"),
    ],
)
def test_a_faulty_entry_is_refused(project, changes, words):
    project.paper(**changes)
    said = refusal(load_paper, "tiny")
    assert said.startswith("papers/tiny/experiments.yaml: ")
    assert words in said


@pytest.mark.parametrize(
    "content, words",
    [
        ({"experiments": {}}, "citation: title: Field required"),
        ({"citations": {}}, "unknown key 'citations', did you mean 'citation'"),
        ("citation: {title: A, authors: B, year: 2020, venue: C}\n", "at least one entry"),
        (
            "citation: {title: A, authors: B, year: 20, venue: C}\n",
            "citation: year 20: Input should be greater than or equal to 1900",
        ),
        (
            "citation: {title: A, authors: B, year: 2020, venue: C}\nexperiments: [fig1]\n",
            "at least one entry",
        ),
        (
            "citation: {title: A, authors: B, year: 2020, venue: C}\nexperiments: {fig1: 3}\n",
            "fig1: must be a mapping of keys to values",
        ),
        (
            "citation: {title: A, authors: B, year: 2020, venue: C}\nexperiments: {Fig-1: {}}\n",
            "experiment 'Fig-1' must be made of a-z, 0-9 and _ alone",
        ),
        ("citation: {title: A\n", " line 2: "),
        ("- citation\n", "must hold a mapping"),
    ],
)
def test_a_faulty_file_is_refused(project, content, words):
    project.paper(content)
    said = refusal(load_paper, "tiny")
    assert said.startswith("papers/tiny/experiments.yaml")
    assert words in said


def test_scales_are_the_files_of_their_folder(project):
    assert scale_names() == ["paper", "small", "smoke"]
    small, smoke = load_scale("small"), load_scale("smoke")
    assert (small.judge, small.block_seconds, small.replicates) == ("all", 60.0, 3)
    assert (smoke.judge, smoke.block_seconds, smoke.settings) == ("exact", None, {})


def test_an_unknown_scale_is_refused_with_the_known(project):
    assert refusal(load_scale, "smok") == (
        "scale: unknown scale 'smok', did you mean 'smoke'? Known: paper, small, smoke"
    )


@pytest.mark.parametrize(
    "content, words",
    [
        ({}, "about: Field required"),
        ({"abot": "x"}, "unknown key 'abot', did you mean 'about'"),
        ({"about": "x", "judges": "all"}, "unknown key 'judges', did you mean 'judge'"),
        ({"about": "x", "judge": "some"}, "judge 'some': Input should be 'all' or 'exact'"),
        ({"about": "x", "block_seconds": 0}, "block_seconds 0: Input should be greater than 0"),
        ({"about": "x", "settings": {"modl": "a"}}, "settings: unknown key 'modl', did you mean"),
    ],
)
def test_a_faulty_scale_is_refused(project, content, words):
    project.write("configs/scale/small.yaml", content)
    said = refusal(load_scale, "small")
    assert said.startswith("configs/scale/small.yaml")
    assert words in said


def test_a_scale_with_a_bad_name_is_refused(project):
    project.write("configs/scale/My-Scale.yaml", {"about": "x"})
    with pytest.raises(Refused, match=r"scale 'My-Scale' must be made of a-z, 0-9 and _ alone"):
        scale_names()
