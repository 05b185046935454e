"""What a request makes: blocks, the files they turn into, and requests that are refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from common import files
from common.errors import Refused
from common.report.planned import planned_page
from common.suite import plan as planning
from common.suite.plan import Request, make_plan, settings

PLANNING = """
import json, sys
from pathlib import Path
from common import files
files.ROOT, files.PAPERS, files.RESULTS = (Path(name) for name in sys.argv[1:])
import common.suite
from common.suite.start import paper_plan
plan = common.suite.make_plan(common.suite.settings({"scale": "small"}))
common.suite.write_specs(plan, files.ROOT / plan.out)
heavy = {"torch", "torchvision", "timm", "pandas", "snakemake", "sklearn", "scipy", "matplotlib"}
print(json.dumps([sorted(heavy & set(sys.modules)), list(plan.blocks)]))
"""


@pytest.fixture
def priced(monkeypatch):
    """priced(seconds): every run is planned to take so long."""

    def priced(each):
        cost = each if callable(each) else lambda _: each
        monkeypatch.setattr(planning, "seconds", cost)

    return priced


def blocks(scale="small", **options):
    return list(make_plan(Request(scale=scale, **options)).blocks.values())


def arms_of(block):
    return list(dict.fromkeys(run.arm for run in block.runs))


ARMS = ["dense", "snip_0_1", "snip_0_05", "random_0_1", "random_0_05"]

# ---- blocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "each, cut",
    [
        (1, [ARMS]),  # 3 s an arm: all five stay below 60 s
        (10, [ARMS[:2], ARMS[2:4], ARMS[4:]]),  # 30 s an arm
        (9.9, [ARMS[:3], ARMS[3:]]),  # 29.7 s an arm: two do not reach 60 s
        (20, [[arm] for arm in ARMS]),  # 60 s an arm
        (500, [[arm] for arm in ARMS]),  # an arm is never divided
    ],
)
def test_a_block_ends_with_the_arm_that_reaches_a_minute(project, priced, each, cut):
    priced(each)
    assert [arms_of(block) for block in blocks()] == cut
    assert all([run.replicate for run in block.runs[:3]] == [0, 1, 2] for block in blocks())


def test_the_length_of_a_block_is_the_scales(project, priced):
    priced(10)
    project.write("configs/scale/small.yaml", {"about": "x", "block_seconds": 100, "replicates": 3})
    assert [arms_of(block) for block in blocks()] == [ARMS[:4], ARMS[4:]]


def test_without_a_length_a_paper_is_one_block_and_one_part(project, priced):
    priced(1000)
    entry = json.loads(json.dumps(PAPER_OF_TWO))
    project.paper(entry)
    made = make_plan(Request(scale="smoke"))
    [block], [part] = made.blocks.values(), made.parts
    assert block.experiments == part.experiments == ("fig1", "fig2")
    assert part.blocks == (block,)
    assert {run.settings.model for run in block.runs} == {"lenet_300_100", "lenet5_caffe"}


BASE = {"shows": "Figure", "procedure": "prune_then_train", "data": "mnist"}
PAPER_OF_TWO = {
    "citation": {"title": "A", "authors": "A", "year": 2020, "venue": "Here"},
    "experiments": {
        "fig1": BASE | {
            "model": "lenet_300_100", "replicates": 2,
            "arms": [{"criterion": "dense"}, {"criterion": "snip", "density": 0.1}],
        },
        "fig2": BASE | {"model": "lenet5_caffe", "replicates": 2, "arms": [{"criterion": "dense"}]},
    },
}  # fmt: skip


def test_otherwise_each_experiment_is_a_part_with_its_own_blocks(project, priced):
    priced(1)
    project.paper(PAPER_OF_TWO)
    made = make_plan(Request(scale="small"))
    assert [part.experiments for part in made.parts] == [("fig1",), ("fig2",)]
    assert [len(part.blocks) for part in made.parts] == [1, 1]
    assert made.block_files("tiny") == [
        f"results/small/blocks/{block.digest}.csv" for block in made.blocks.values()
    ]


def test_a_run_that_two_arms_share_is_done_once_in_a_block(project):
    arms = [{"criterion": "dense"}, {"criterion": "dense", "scoring": {"batch": 7}, "name": "same"}]
    project.write("papers/tiny/claims.yaml", {"TINY-02": NOTHING})
    project.paper(arms=arms)
    [block] = blocks()
    assert len(block.runs) == 3


NOTHING = {"says": "It is new.", "where": "Section 1", "kind": "none", "reason": "novelty"}


def test_digests_of_blocks_do_not_depend_on_the_machine(project, monkeypatch):
    before = [block.digest for block in blocks()]
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(96)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "96")
    assert [block.digest for block in blocks()] == before


def test_editing_a_claim_changes_no_block_and_editing_an_arm_its_own_alone(project, priced):
    priced(20)
    before = [block.digest for block in blocks()]
    project.write("papers/tiny/claims.yaml", {"TINY-02": NOTHING})
    assert [block.digest for block in blocks()] == before
    arms = [
        {"criterion": "dense"},
        {"criterion": ["snip", "random"], "density": [0.1]},
        {"criterion": ["snip", "random"], "density": [0.07]},
    ]
    project.paper(arms=arms)
    after = {block.digest: arms_of(block) for block in blocks()}
    assert [after[digest] for digest in before if digest in after] == [
        ["dense"], ["snip_0_1"], ["random_0_1"],
    ]  # fmt: skip
    assert len(after) == 5


def test_planning_needs_no_torch_and_gives_the_same_blocks_in_another_process(project):
    folders = [str(path) for path in (files.ROOT, files.PAPERS, files.RESULTS)]
    done = subprocess.run(
        [sys.executable, "-c", PLANNING, *folders],
        cwd=os.path.dirname(os.path.dirname(planning.__file__)) + "/..",
        env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded, digests = json.loads(done.stdout)
    assert loaded == []
    assert digests == [block.digest for block in blocks()]
    for digest in digests:
        assert (files.ROOT / f"results/small/specs/{digest}.json").exists()


def test_a_paper_that_does_not_run_at_a_scale_has_no_jobs_but_an_audit(project):
    project.paper(scales={"smoke": {"skip": "too long"}, "small": {"skip": "too long"}})
    for scale in ("smoke", "small"):
        made = make_plan(Request(scale=scale))
        assert (made.parts, made.blocks) == ([], {})
        assert f"results/{scale}/tiny/audit.json" in made.products()


# ---- products --------------------------------------------------------------------------------


def test_a_request_promises_tables_figures_audits_runs_and_a_report(project):
    made = make_plan(Request(scale="small"))
    assert sorted(made.products()) == sorted(
        [
            "results/small/report.html",
            *[f"results/small/tiny/tables/fig1.{kind}" for kind in ("csv", "md")],
            *[f"results/small/tiny/figures/fig1.{kind}" for kind in ("svg", "png", "csv")],
            *[f"results/small/tiny/audit.{kind}" for kind in ("json", "csv", "md", "tex")],
            "results/small/tiny/runs.csv",
        ]
    )


def test_a_request_for_some_papers_has_a_page_of_its_own(project):
    project.paper(name="other")
    assert make_plan(Request(scale="small")).report == "results/small/report.html"
    made = make_plan(Request(scale="small", papers=("tiny",)))
    assert made.report == "results/small/report_tiny.html"
    assert list(made.papers) == ["tiny"]


def test_a_request_for_a_claim_makes_the_arms_it_needs_alone(project):
    made = make_plan(Request(scale="small", claim="TINY-01"))
    [paper] = made.papers.values()
    assert set(paper.arms["fig1"]) == {"dense", "snip_0_1"}
    said = planned_page(made, cores=2)
    assert "TINY-01" in said and "TINY-02" not in said
    assert made.out == "results/small/claims/TINY-01"
    assert made.store == make_plan(Request(scale="small")).store


def test_a_claim_that_needs_no_run_makes_no_job(project):
    made = make_plan(Request(scale="smoke", claim="TINY-02"))
    assert (made.parts, made.blocks) == ([], {})


def test_an_unknown_claim_is_refused(project):
    with pytest.raises(Refused) as refused:
        make_plan(Request(scale="small", claim="TINY-03"))
    assert str(refused.value).startswith("--config claim: unknown claim 'TINY-03', did you mean")


def test_the_record_is_read_where_the_request_says_so(project):
    (files.RESULTS / "record/cpu/store").mkdir(parents=True)
    plain = make_plan(Request(scale="small"))
    assert (plain.stores, plain.run_options) == (["results/small/store"], "")
    made = make_plan(Request(scale="small", from_record=True))
    assert made.stores == ["results/small/store", "results/record/cpu/store"]
    assert made.run_options == "--reuse results/record/cpu/store"
    assert made.out != plain.out
    stored = make_plan(Request(scale="small", train=False))
    assert stored.run_options == "--no-train"
    assert stored.out != plain.out


def test_longer_blocks_go_first_and_get_more_time(project, priced):
    priced(lambda settings: 100 if settings.criterion == "dense" else 1000)
    made = make_plan(Request(scale="small"))
    dense, snip, *_ = made.blocks
    assert made.priority(snip) > made.priority(dense) > 0
    assert made.minutes(snip) > made.minutes(dense) > 3 * 100 / 60
    assert made.minutes("not a block") == 60


# ---- requests --------------------------------------------------------------------------------


def test_a_plain_request_is_smoke_with_every_paper(project):
    assert settings({}) == Request()
    assert list(make_plan(replace(settings({}))).papers) == ["tiny"]


@pytest.mark.parametrize(
    "config, expected",
    [
        ({"scale": "small"}, Request(scale="small")),
        ({"papers": "tiny"}, Request(papers=("tiny",))),
        ({"papers": " tiny, other,tiny "}, Request(papers=("tiny", "other"))),
        ({"papers": ["other", "tiny"]}, Request(papers=("other", "tiny"))),
        ({"papers": ""}, Request()),
        ({"claim": "TINY-01"}, Request(claim="TINY-01")),
        ({"from_record": 1}, Request(from_record=True)),
        ({"from_record": "yes", "train": 0}, Request(from_record=True, train=False)),
        ({"train": False}, Request(train=False)),
    ],
)
def test_what_the_command_line_may_ask_for(project, config, expected):
    project.paper(name="other")
    assert settings(config) == expected


@pytest.mark.parametrize(
    "config, words",
    [
        ({"scle": "cpu"}, "--config scle=cpu: unknown key 'scle', did you mean 'scale'"),
        ({"scale": "smok"}, "--config: unknown scale 'smok', did you mean 'smoke'"),
        ({"scale": "record"}, "--config: unknown scale 'record'"),
        ({"papers": 1}, "--config papers: unknown paper '1'. Known: tiny"),
        ({"papers": "tinny"}, "--config papers: unknown paper 'tinny', did you mean 'tiny'"),
        ({"papers": "tiny,My-Paper"}, "--config papers: unknown paper 'My-Paper'"),
        ({"papers": ["tiny", "none"]}, "--config papers: unknown paper 'none'"),
        ({"papers": {"tiny": 1}}, "--config papers: unknown paper"),
        ({"from_record": "maybe"}, "--config from_record=maybe: must be 1 or 0"),
        ({"from_record": 2}, "--config from_record=2: must be 1 or 0"),
        ({"train": None}, "--config train=None: must be 1 or 0"),
    ],
)
def test_what_is_refused_on_the_command_line(project, config, words):
    with pytest.raises(Refused) as refused:
        settings(config)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "file, content, words",
    [
        ("papers/tiny/experiments.yaml", "a: [1\n", "papers/tiny/experiments.yaml line 2: "),
        ("configs/scale/paper.yaml", {"abot": "x"}, "configs/scale/paper.yaml: unknown key 'abot'"),
        ("papers/tiny/claims.yaml", {"TINY-01": {"syas": "x"}}, "papers/tiny/claims.yaml: TINY-01"),
    ],
)
def test_a_fault_in_any_file_is_refused_before_anything_starts(project, file, content, words):
    project.write(file, content)
    with pytest.raises(Refused, match=f"^{words}"):
        make_plan(Request(scale="small"))


def test_a_fault_at_another_scale_is_found_too(project):
    project.paper(scales={"small": {"width": -1}})
    with pytest.raises(Refused, match="fig1: arm dense: width -1: Input should be greater than 0"):
        make_plan(Request(scale="smoke"))
