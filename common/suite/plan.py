"""What a request makes: papers, experiments, blocks of runs, and the files they turn into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common import files
from common.errors import Refused, unknown
from common.suite import yaml
from common.suite.across import check_across, load_across
from common.suite.claims import Claim, check_claims, load_claims
from common.suite.cost import seconds
from common.suite.expand import Arm, Expanded, Run, digest, expand
from common.suite.experiments import Paper, Scale, load_paper, load_scales, paper_names, scale_names

YES = {"1", "true", "yes"}
NO = {"0", "false", "no"}


@dataclass(frozen=True)
class Request:
    """What the user asked for with ``--config``."""

    scale: str = "smoke"
    papers: tuple[str, ...] = ()
    claim: str | None = None  # only what this claim needs
    from_record: bool = False  # reuse the runs stored in results/record
    train: bool = True  # False: tables and verdicts of what is stored, nothing is run


@dataclass(frozen=True)
class Block:
    """The runs that one job does."""

    paper: str
    experiments: tuple[str, ...]
    runs: tuple[Run, ...]

    @cached_property
    def digest(self) -> str:
        """A digest of the runs' digests: the name of the block's files."""
        return digest([run.digest for run in self.runs])

    @cached_property
    def seconds(self) -> float:
        """Planned seconds on one reference core."""
        return sum(seconds(run.settings) for run in self.runs)


@dataclass(frozen=True)
class Part:
    """Experiments of one paper whose tables, and whose figures, one job makes."""

    paper: str
    name: str
    experiments: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class PaperPlan:
    """One paper at the scale asked for."""

    paper: Paper
    scale: Scale
    expanded: dict[str, Expanded]
    claims: dict[str, Claim]

    @cached_property
    def arms(self) -> dict[str, dict[str, Arm]]:
        """Experiment -> name -> arm, of the experiments that run at this scale."""
        return {name: item.arms for name, item in self.expanded.items() if not item.skipped}

    @cached_property
    def flat_arms(self) -> dict[str, dict[str, dict[str, object]]]:
        """Experiment -> arm -> flat settings, of the experiments that run at this scale."""
        return {
            name: {arm.name: arm.settings.flat for arm in arms.values()}
            for name, arms in self.arms.items()
        }

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """One part an experiment; a single one where the scale makes one block of a paper."""
        name = self.paper.name
        if self.scale.block_seconds is None:
            runs = [run for arms in self.arms.values() for arm in arms.values() for run in arm.runs]
            if not runs:
                return ()
            block = Block(name, tuple(self.arms), tuple(_distinct(runs)))
            return (Part(name, "all", tuple(self.arms), (block,)),)
        return tuple(
            Part(name, experiment, (experiment,), tuple(self._cut(experiment, arms)))
            for experiment, arms in self.arms.items()
        )

    def _cut(self, experiment: str, arms: dict[str, Arm]) -> list[Block]:
        """Cut after the arm at which the planned cost since the last cut reaches the target."""
        assert self.scale.block_seconds is not None
        blocks: list[Block] = []
        runs: list[Run] = []
        cost = 0.0
        for arm in arms.values():
            runs += arm.runs
            cost += sum(seconds(run.settings) for run in arm.runs)
            if cost >= self.scale.block_seconds:
                blocks.append(Block(self.paper.name, (experiment,), tuple(_distinct(runs))))
                runs, cost = [], 0.0
        if runs:
            blocks.append(Block(self.paper.name, (experiment,), tuple(_distinct(runs))))
        return blocks


@dataclass(frozen=True)
class Plan:
    """Everything a request makes, before anything runs."""

    request: Request
    papers: dict[str, PaperPlan]

    @cached_property
    def out(self) -> str:
        """The folder of the results, relative to the project."""
        claim = self.request.claim
        return f"results/{self._scale}" + (f"/claims/{claim}" if claim else "")

    @property
    def _scale(self) -> str:
        """A request that does not make all of its runs itself has a folder of its own."""
        kind = "" if self.request.train else "_stored"
        return self.request.scale + (kind or ("_from_record" if self.request.from_record else ""))

    @cached_property
    def store(self) -> str:
        """The folder of finished runs; the record has its own and is only read."""
        return f"results/{self.request.scale}/store"

    @cached_property
    def stores(self) -> list[str]:
        """The stores that finished runs are read from."""
        return [self.store, *(record_stores() if self.request.from_record else [])]

    @cached_property
    def run_options(self) -> str:
        """The options by which a job reads the record's store, or trains nothing."""
        options = ["--reuse", *self.stores[1:]] if self.stores[1:] else []
        return " ".join([*options, *([] if self.request.train else ["--no-train"])])

    def part_options(self, part: Part) -> str:
        """Return the command line of the jobs that make the tables and figures of `part`."""
        return f"{self.paper_options(part.paper)} --experiments {','.join(part.experiments)}"

    def paper_options(self, paper: str) -> str:
        """Return the command line of a job that reads the finished runs of `paper`."""
        return f"--results {self.out} --paper {paper} --stores {' '.join(self.stores)}"

    @cached_property
    def page_options(self) -> str:
        """The command line of the job that writes the report."""
        return f"--results {self.out} --scale {self.request.scale} --papers {','.join(self.papers)}"

    def minutes(self, digest: str) -> int:
        """Return the planned minutes of a block, four times over, for a cluster's time limit."""
        return 10 + round(self.blocks[digest].seconds / 15) if digest in self.blocks else 60

    def priority(self, digest: str) -> int:
        """Return the priority of a block's job: the longest first."""
        return round(self.blocks[digest].seconds) if digest in self.blocks else 0

    @cached_property
    def report(self) -> str:
        """The report; a request for some papers alone writes a page of its own."""
        some = set(self.papers) != set(paper_names())
        return f"{self.out}/report{'_' + '_'.join(self.papers) if some else ''}.html"

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of every paper."""
        return [part for paper in self.papers.values() for part in paper.parts]

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """Block digest -> block."""
        return {block.digest: block for part in self.parts for block in part.blocks}

    def block_files(self, paper: str) -> list[str]:
        """Return the tables of the blocks of `paper`."""
        parts = self.papers[paper].parts
        return [self.block_file(block) for part in parts for block in part.blocks]

    def block_file(self, block: Block) -> str:
        """Return the table of `block`."""
        return f"{self.out}/blocks/{block.digest}.csv"

    def tables(self, part: Part, *suffixes: str) -> list[str]:
        """Return the tables of `part`, one a suffix and experiment."""
        return self._files(part, "tables", suffixes)

    def figures(self, part: Part, *suffixes: str) -> list[str]:
        """Return the figures of `part`, one a suffix and experiment."""
        return self._files(part, "figures", suffixes)

    def _files(self, part: Part, kind: str, suffixes: tuple[str, ...]) -> list[str]:
        folder = f"{self.out}/{part.paper}/{kind}"
        return [f"{folder}/{name}.{suffix}" for suffix in suffixes for name in part.experiments]

    def audits(self) -> list[str]:
        """Return the audit of every paper, as JSON."""
        return [f"{self.out}/{paper}/audit.json" for paper in self.papers]

    def products(self) -> list[str]:
        """Return every file that a request promises."""
        made = [self.report]
        for part in self.parts:
            made += self.tables(part, "csv", "md") + self.figures(part, "svg", "png", "csv")
        for paper in self.papers:
            made += [f"{self.out}/{paper}/audit.{kind}" for kind in ("json", "csv", "md", "tex")]
            made.append(f"{self.out}/{paper}/runs.csv")
        return made


def settings(config: Mapping[str, object]) -> Request:
    """Return what ``--config`` asks for.

    Parameters
    ----------
    config : mapping
        ``scale, papers`` (comma-separated), ``claim, from_record, train``; all optional.

    Raises
    ------
    Refused
        If a key, scale or paper is unknown, or a switch is neither on nor off.
    """
    allowed = ("scale", "papers", "claim", "from_record", "train")
    shown = " ".join(f"{key}={value}" for key, value in config.items())
    yaml.check_keys(config, allowed, f"--config {shown}")
    scale = str(config.get("scale", "smoke"))
    if scale not in scale_names() or scale == "record":
        raise unknown("scale", scale, scale_names(), "--config")
    given = config.get("papers")
    listed = given if isinstance(given, list) else str(given or "").split(",")
    papers = tuple(dict.fromkeys(str(name).strip() for name in listed if str(name).strip()))
    for name in papers:
        if name not in paper_names():
            raise unknown("paper", name, paper_names(), "--config papers")
    claim = config.get("claim")
    return Request(
        scale=scale,
        papers=papers,
        claim=str(claim) if claim else None,
        from_record=_switch(config, "from_record", False),
        train=_switch(config, "train", True),
    )


def _switch(config: Mapping[str, object], key: str, default: bool) -> bool:
    value = str(config.get(key, default)).lower()
    if value not in YES | NO:
        raise Refused(f"--config {key}={config[key]}: must be 1 or 0")
    return value in YES


def make_plan(request: Request) -> Plan:
    """Return the plan of `request`, every paper, claim and setting checked.

    Raises
    ------
    Refused
        At the first fault of a YAML file, or if a claim points at no run.
    """
    scales = load_scales()
    papers = {}
    for name in request.papers or paper_names():
        paper = load_paper(name)
        at_scales = expand(paper, scales)
        claims = load_claims(files.PAPERS / name / "claims.yaml")
        check_claims(claims, _arms_by_experiment(paper, at_scales))
        papers[name] = PaperPlan(paper, scales[request.scale], at_scales[request.scale], claims)
    if not request.papers:
        ids = [claim for paper in papers.values() for claim in paper.claims]
        check_across(list(load_across(files.PAPERS).values()), ids)
    plan = Plan(request, papers)
    return _narrowed(plan, request.claim) if request.claim else plan


def _arms_by_experiment(paper: Paper, at_scales: dict[str, dict[str, Expanded]]) -> dict:
    """Return experiment -> its procedure's name and, per scale, the flat settings of its arms."""
    return {
        experiment: {
            scale: {name: arm.settings.flat for name, arm in at[experiment].arms.items()}
            for scale, at in at_scales.items()
            if not at[experiment].skipped
        }
        for experiment in paper.experiments
    }


def _narrowed(plan: Plan, claim_id: str) -> Plan:
    """Return `plan` with only the arms that the claim `claim_id` needs."""
    for name, paper in plan.papers.items():
        if claim_id not in paper.claims:
            continue
        needed = paper.claims[claim_id].needs(paper.flat_arms, paper.claims)
        expanded = {
            experiment: Expanded(
                item.experiment,
                {arm: item.arms[arm] for arm in item.arms if (experiment, arm) in needed},
                item.replicates,
                item.skipped,
            )
            for experiment, item in paper.expanded.items()
            if any(experiment == wanted for wanted, _ in needed)
        }
        one = PaperPlan(paper.paper, paper.scale, expanded, paper.claims)
        return Plan(plan.request, {name: one})
    known = [claim for paper in plan.papers.values() for claim in paper.claims]
    raise unknown("claim", claim_id, known, "--config claim")


def _distinct(runs: list[Run]) -> list[Run]:
    return list({run.digest: run for run in runs}.values())


def record_stores() -> list[str]:
    """Return the stores of the record, one a scale, relative to the project."""
    stores = sorted(files.RESULTS.glob("record/*/store"))
    return [str(Path(store).relative_to(files.ROOT)) for store in stores]
