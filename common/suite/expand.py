"""From an experiment as written to the arms and runs of one scale, with the source of each value.

Precedence, last wins: the entry with its arm, configs/scale/<scale>.yaml, the entry's own
`scales:`. A list in an arm stands for its values, several lists for their product.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from common import datafiles, names
from common.errors import Refused
from common.suite import yaml
from common.suite.experiments import Experiment, Paper, Scale
from common.suite.settings import Recipe, Scoring, Settings, flatten

# Settings that are lists themselves, so a list in an arm is a value and no product.
LISTS = {"milestones", "measures"}
# Settings whose value alone names an arm; others are named with their key.
BARE = ("model", "data", "criterion", "layers_like", "ablation", "density")


@dataclass(frozen=True)
class Run:
    """One arm, one replicate: what a job does, stored under the digest of its spec."""

    arm: str
    replicate: int
    settings: Settings

    @cached_property
    def spec(self) -> dict:
        """The canonical spec: what decides the run's numbers and nothing else."""
        changed = {
            name: names.MEASURE_VERSIONS[name]
            for name in self.settings.measures
            if name in names.MEASURE_VERSIONS
        }
        return {
            "procedure": self.settings.procedure,
            "version": names.PROCEDURES[self.settings.procedure][1],
            **({"measures": changed} if changed else {}),
            "replicate": self.replicate,
            "data": datafiles.checksum(self.settings.data),
            "settings": self.settings.explicit(),
        }

    @cached_property
    def digest(self) -> str:
        """The first 20 hexadecimal digits of the SHA-256 of the spec as canonical JSON."""
        return digest(self.spec)


# Of an arm as the files state it: name, whether somebody gave it, settings, and flat key -> where
# its value was set.
_Written = tuple[str, bool, Settings, dict[str, str]]


@dataclass(frozen=True)
class _Recipes:
    """The arms of an experiment under the paper's conditions, to compare others with."""

    arms: tuple[Settings, ...]

    @cached_property
    def texts(self) -> frozenset[str]:
        """All settings of each arm as text, equal for equal runs."""
        return frozenset(str(settings.flat) for settings in self.arms)

    @cached_property
    def values(self) -> dict[str, list]:
        """Flat key -> the values that the arms have."""
        values: dict[str, list] = {}
        for settings in self.arms:
            for key, value in settings.flat.items():
                if value not in (known := values.setdefault(key, [])):
                    known.append(value)
        return values


@dataclass(frozen=True)
class Arm:
    """One setting of an experiment at one scale."""

    name: str
    named: bool  # by somebody, and not after its settings
    settings: Settings
    given: Mapping[str, str]  # flat key -> where its value was set; the others are defaults
    theirs: _Recipes
    replicates: int

    @cached_property
    def sources(self) -> dict[str, str]:
        """Flat key -> where its value was set."""
        return {key: self.given.get(key, "default") for key in self.settings.flat}

    @cached_property
    def condition(self) -> Literal["paper", "proxy"]:
        """Whether the settings are exactly those of an arm of the paper."""
        return "paper" if str(self.settings.flat) in self.theirs.texts else "proxy"

    @cached_property
    def deviations(self) -> dict[str, list]:
        """Flat key -> the values of the paper's arms, where this arm has none of them."""
        if self.condition == "paper":
            return {}
        flat, values = self.settings.flat, self.theirs.values
        return {key: values[key] for key in flat if flat[key] not in values[key]}

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """One run a replicate."""
        return tuple(Run(self.name, index, self.settings) for index in range(self.replicates))


@dataclass(frozen=True)
class Expanded:
    """An experiment at one scale; without arms where it is skipped."""

    experiment: Experiment
    arms: dict[str, Arm]
    replicates: int
    skipped: str | None  # why it does not run at this scale


def digest(content: object) -> str:
    """Return the first 20 hexadecimal digits of the SHA-256 of `content` as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def expand(paper: Paper, scales: Mapping[str, Scale]) -> dict[str, dict[str, Expanded]]:
    """Return, by scale, every experiment of `paper`: its arms, their runs and their condition.

    An arm has condition `paper` if it equals one that its experiment, or the one that it stands
    for, has at scale `paper`.

    Parameters
    ----------
    paper : Paper
    scales : mapping of name to Scale
        The scale `paper` among them.

    Raises
    ------
    Refused
        If a setting is unknown or not allowed, or two arms would bear one name.
    """
    at_paper = {
        name: list(_arms(paper, experiment, "paper", scales["paper"]))
        for name, experiment in paper.experiments.items()
    }
    theirs = {
        name: _Recipes(
            tuple(settings for _, _, settings, _ in at_paper[experiment.stands_for or name])
        )
        for name, experiment in paper.experiments.items()
    }
    expanded: dict[str, dict[str, Expanded]] = {}
    for scale_name, scale in scales.items():
        expanded[scale_name] = {}
        for name, experiment in paper.experiments.items():
            overlay, _ = experiment.scales.get(scale_name, (None, {}))
            skipped = overlay.skip if overlay else None
            if experiment.stands_for and scale_name == "paper":
                skipped = f"it stands for {experiment.stands_for}, which runs at this scale"
            written: Iterable[_Written] = () if skipped else at_paper[name]
            if not skipped and scale_name != "paper":
                written = _arms(paper, experiment, scale_name, scale)
            replicates = (overlay and overlay.replicates) or scale.replicates
            replicates = replicates or experiment.replicates
            arms: dict[str, Arm] = {}
            for arm, named, settings, given in written:
                if arm in arms:
                    raise Refused(
                        f"papers/{paper.name}/experiments.yaml: {name}: two arms are called"
                        f" {arm!r}; give one of them a `name:`"
                    )
                arms[arm] = Arm(arm, named, settings, given, theirs[name], replicates)
            expanded[scale_name][name] = Expanded(experiment, arms, replicates, skipped)
    return expanded


def _arms(
    paper: Paper, experiment: Experiment, scale_name: str, scale: Scale
) -> Iterator[_Written]:
    where = f"papers/{paper.name}/experiments.yaml: {experiment.name}"
    overlay, changed = experiment.scales.get(scale_name, (None, {}))
    papers = [arm for entry in experiment.arms for arm in _product(entry, where)]
    entries = overlay.arms if overlay and overlay.arms else None
    written = [arm for entry in entries for arm in _product(entry, where)] if entries else papers
    # What varies among the paper's arms names an arm at every scale, so that names are the same.
    varied = [
        key
        for key in _ordered(written)
        if key == "criterion" or len({repr(arm.get(key)) for arm in [*written, *papers]}) > 1
    ]
    shared = flatten(experiment.settings)
    of_scale, of_entry = flatten(scale.settings), flatten(changed)
    for flat in map(dict, written):
        given = flat.pop("name", None)
        arm = yaml.check_name(given or _name(flat, varied), "arm", where)
        layers = [
            ("experiments.yaml", shared | flat),
            (f"configs/scale/{scale_name}.yaml", of_scale),
            (f"scales.{scale_name}", of_entry),
        ]
        merged: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for source, layer in layers:
            merged.update(layer)
            sources.update(dict.fromkeys(layer, source))
        here = f"{where}: arm {arm}"
        settings = yaml.parse(Settings, _nest(merged, here), here)
        unused = _unused(settings)
        if unused:  # what has no effect had to be right too
            settings = settings.model_copy(update=unused)
            dropped = tuple(f"{block}." for block in unused)
            sources = {key: at for key, at in sources.items() if not key.startswith(dropped)}
        yield arm, bool(given), settings, sources


def _unused(settings: Settings) -> dict[str, Recipe | Scoring]:
    """Return the defaults of the blocks that have no effect, so that equal runs are equal.

    A procedure that does not train has no recipe; the dense network is not scored.
    """
    trains = names.PROCEDURES[settings.procedure][2]
    if not trains:
        return {"recipe": Recipe()}
    return {"scoring": Scoring()} if settings.criterion == "dense" else {}


def _product(entry: dict, where: str) -> list[dict[str, Any]]:
    if not isinstance(entry, dict):
        raise Refused(f"{where}: an arm must be a mapping, not {entry!r}")
    yaml.check_keys(entry, {"name", *Settings.model_fields}, f"{where}: arms")
    flat = flatten(entry)
    choices = [
        value if isinstance(value, list) and key.split(".")[-1] not in LISTS else [value]
        for key, value in flat.items()
    ]
    for key, values in zip(flat, choices, strict=True):
        if not values:
            raise Refused(f"{where}: arms: {key} is an empty list, which makes no arm")
    return [dict(zip(flat, values, strict=True)) for values in itertools.product(*choices)]


def _ordered(arms: list[dict[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for arm in arms for key in arm if key != "name")
    bare = [key for key in BARE if key in keys]
    return bare + [key for key in keys if key not in BARE]


def _name(flat: dict[str, Any], varied: list[str]) -> str:
    parts = []
    for key in varied:
        value = flat.get(key)
        if value is None or value is False:
            continue
        last = key.split(".")[-1]
        text = str(value) if key in BARE else last if value is True else f"{last}_{value}"
        parts.append(re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_"))
    return "_".join(parts) or re.sub(r"[^a-z0-9]+", "_", str(flat.get("criterion", "arm")))


def _nest(flat: dict[str, Any], where: str) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        place = nested
        *path, last = key.split(".")
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise Refused(f"{where}: {step} must be a mapping of keys to values, not {place!r}")
        place[last] = value
    return nested
