"""`papers/<name>/experiments.yaml` and `configs/scale/<scale>.yaml`: schemas and loading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from common import files
from common.errors import unknown
from common.suite import yaml
from common.suite.settings import Settings, Strict


class Citation(Strict):
    """Where the paper is; shown on the report, never interpreted."""

    title: str
    authors: str
    year: Annotated[int, Field(ge=1900, le=2100)]
    venue: str
    arxiv: str = ""
    url: str = ""
    code: str = ""


class Scale(Strict):
    """A set of numbers laid over the experiments; no code branches on its name."""

    about: str
    judge: Literal["all", "exact"] = "all"  # exact: sampled claims are not judged at this scale
    block_seconds: Annotated[float, Field(gt=0)] | None = 60.0  # None: one block a paper
    replicates: Annotated[int, Field(ge=1)] | None = None  # None: as the experiments say
    settings: dict[str, Any] = {}


class Overlay(Strict):
    """What an entry's own `scales:` may change besides settings."""

    arms: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    replicates: Annotated[int, Field(ge=1)] | None = None
    skip: str | None = None  # why the experiment does not run at this scale


@dataclass(frozen=True)
class Experiment:
    """An entry of experiments.yaml: a figure or table of the paper, as written."""

    name: str
    shows: str
    title: str
    arms: list[dict[str, Any]]
    replicates: int
    settings: dict[str, Any]
    scales: dict[str, tuple[Overlay, dict[str, Any]]]
    metric: str
    x: str | None
    stands_for: str | None


class _Meta(Strict):
    """The keys of an entry that are not settings."""

    shows: str
    title: str = ""
    arms: Annotated[list[dict[str, Any]], Field(min_length=1)] = [{}]
    replicates: Annotated[int, Field(ge=1)] = 5
    scales: dict[str, dict[str, Any]] = {}
    metric: str = "test_error"  # what its table and figure show
    x: str | None = None  # the setting on the figure's x axis
    # The experiment that this one stands for with other networks or data: never the paper's
    # condition, and not run at the scale of the paper's own recipes.
    stands_for: str | None = None


@dataclass(frozen=True)
class Paper:
    """A folder of `papers/`, loaded."""

    name: str
    citation: Citation
    experiments: dict[str, Experiment]


def paper_names(root: Path | None = None) -> list[str]:
    """Return the papers: folders of `papers/` that hold an experiments.yaml, `_template` left out.

    Raises
    ------
    Refused
        If a folder's name is not made of a-z, 0-9 and _, or is one the results folder uses.
    """
    root = root or files.PAPERS
    found = sorted(path.parent.name for path in root.glob("*/experiments.yaml"))
    names = [name for name in found if name != "_template"]
    for name in names:
        yaml.check_name(name, "paper", "papers/")
        if name in RESERVED:
            raise yaml.Refused(f"papers/{name}: the name is taken by a folder of results/<scale>/")
    return names


RESERVED = {"store", "blocks", "specs", "logs", "claims", "benchmarks"}


def scale_names(root: Path | None = None) -> list[str]:
    """Return the scales: the files of `configs/scale/`."""
    folder = (root or files.ROOT) / "configs/scale"
    return sorted(
        yaml.check_name(path.stem, "scale", str(folder.name)) for path in folder.glob("*.yaml")
    )


def load_scale(name: str, root: Path | None = None) -> Scale:
    """Return the scale called `name`.

    Raises
    ------
    Refused
        If there is none, or its file is not as the schema says.
    """
    known = [scale for scale in scale_names(root) if scale != "record"]
    if name not in known:
        raise unknown("scale", name, known, "scale")
    path = (root or files.ROOT) / f"configs/scale/{name}.yaml"
    shown = f"configs/scale/{name}.yaml"
    scale = yaml.parse(Scale, yaml.read(path, shown), shown)
    yaml.check_keys(scale.settings, Settings.model_fields, f"{shown}: settings")
    return scale


def load_scales(root: Path | None = None) -> dict[str, Scale]:
    """Return every scale by its name.

    Raises
    ------
    Refused
        If a file of `configs/scale/` is not a scale.
    """
    return {name: load_scale(name, root) for name in scale_names(root)}


def load_paper(name: str, root: Path | None = None) -> Paper:
    """Return the paper in `papers/<name>/`: its citation and experiments, checked.

    Raises
    ------
    Refused
        If there is no such paper or a key, name or value is not allowed.
    """
    root = root or files.PAPERS
    known = paper_names(root)
    if name not in known and not (root / name / "experiments.yaml").exists():
        raise unknown("paper", name, known, "papers")
    shown = f"papers/{name}/experiments.yaml"
    content = yaml.read(root / name / "experiments.yaml", shown)
    yaml.check_keys(content, ("citation", "experiments"), shown)
    citation = yaml.parse(Citation, content.get("citation") or {}, f"{shown}: citation")
    entries = content.get("experiments")
    if not isinstance(entries, dict) or not entries:
        raise yaml.Refused(f"{shown}: experiments must hold at least one entry")
    experiments = {
        yaml.check_name(key, "experiment", shown): _experiment(key, entry, shown)
        for key, entry in entries.items()
    }
    for key, experiment in experiments.items():
        target = experiment.stands_for
        if target is not None and (target not in experiments or experiments[target].stands_for):
            own = [name for name, other in experiments.items() if not other.stands_for]
            raise unknown("experiment", target, own, f"{shown}: {key}: stands_for")
    return Paper(name, citation, experiments)


def _experiment(name: str, entry: object, shown: str) -> Experiment:
    where = f"{shown}: {name}"
    if not isinstance(entry, dict):
        raise yaml.Refused(f"{where}: must be a mapping of keys to values")
    yaml.check_keys(entry, set(_Meta.model_fields) | set(Settings.model_fields), where)
    meta, settings = _divide(entry, set(_Meta.model_fields))
    parsed = yaml.parse(_Meta, meta, where)
    scales = {}
    for scale, overlay in parsed.scales.items():
        here = f"{where}: scales.{scale}"
        if scale not in scale_names():
            raise unknown("scale", scale, scale_names(), here)
        yaml.check_keys(overlay, set(Overlay.model_fields) | set(Settings.model_fields), here)
        own, changed = _divide(overlay, set(Overlay.model_fields))
        scales[scale] = (yaml.parse(Overlay, own, here), changed)
    return Experiment(
        name=name, shows=parsed.shows, title=parsed.title, arms=parsed.arms,
        replicates=parsed.replicates, settings=settings, scales=scales,
        metric=parsed.metric, x=parsed.x, stands_for=parsed.stands_for,
    )  # fmt: skip


def _divide(entry: dict, keys: set[str]) -> tuple[dict, dict]:
    inside = {key: value for key, value in entry.items() if key in keys}
    return inside, {key: value for key, value in entry.items() if key not in keys}
