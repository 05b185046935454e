"""From an experiment as written to the arms and runs of one scale, with the source of each value.

Precedence, last wins: the entry with its arm, configs/scale/<scale>.yaml, the entry's own
`scales:`. A list in an arm stands for its values, several lists for their product.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from common import datafiles, names
from common.errors import Refused
from common.suite import yaml
from common.suite.experiments import Experiment, Paper, Scale
from common.suite.settings import Settings, flatten

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
        return {
            "procedure": self.settings.procedure,
            "version": names.PROCEDURES[self.settings.procedure][1],
            "replicate": self.replicate,
            "data": datafiles.checksum(self.settings.data),
            "settings": self.settings.explicit(),
        }

    @cached_property
    def digest(self) -> str:
        """The first 20 hexadecimal digits of the SHA-256 of the spec as canonical JSON."""
        return digest(self.spec)


@dataclass(frozen=True)
class Arm:
    """One setting of an experiment at one scale."""

    name: str
    settings: Settings
    sources: dict[str, str]  # flat key -> where its value was set
    condition: Literal["paper", "proxy"]
    deviations: dict[str, list]  # flat key -> the paper's values, where this is none of them
    runs: tuple[Run, ...]


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


@dataclass(frozen=True)
class Recipes:
    """The arms of an experiment under the paper's conditions, to compare others with."""

    specs: frozenset[str]  # explicit settings as canonical JSON
    values: dict[str, list]  # flat key -> the values that the arms have

    def condition(self, settings: Settings) -> Literal["paper", "proxy"]:
        """Return whether `settings` are exactly those of an arm of the paper."""
        return "paper" if canonical(settings) in self.specs else "proxy"

    def deviations(self, settings: Settings) -> dict[str, list]:
        """Return the settings whose value no arm of the paper has, with the values they have."""
        flat = settings.flat()
        return {key: self.values[key] for key in flat if flat[key] not in self.values[key]}


def recipes(paper: Paper, paper_scale: Scale) -> dict[str, Recipes]:
    """Return for every experiment the paper's own arms: its own, or of what it stands for."""
    found: dict[str, Recipes] = {}
    for name, experiment in paper.experiments.items():
        if experiment.stands_for:
            continue
        where = f"papers/{paper.name}/experiments.yaml: {name}"
        arms = [settings for _, settings, _ in _arms(experiment, "paper", paper_scale, where)]
        values: dict[str, list] = {}
        for flat in (settings.flat() for settings in arms):
            for key, value in flat.items():
                if value not in (known := values.setdefault(key, [])):
                    known.append(value)
        found[name] = Recipes(frozenset(map(canonical, arms)), values)
    for name, experiment in paper.experiments.items():
        if experiment.stands_for:
            found[name] = found[experiment.stands_for]
    return found


def canonical(settings: Settings) -> str:
    """Return the settings that differ from their defaults as text, equal for equal runs."""
    return json.dumps(settings.explicit(), sort_keys=True)


def expand(
    paper: Paper, scale_name: str, scale: Scale, theirs: Mapping[str, Recipes]
) -> dict[str, Expanded]:
    """Return every experiment of `paper` at `scale`: its arms, their runs and their condition.

    Parameters
    ----------
    paper : Paper
    scale_name, scale : str, Scale
        The scale asked for.
    theirs : mapping of experiment to Recipes
        As `recipes` returns: an arm that equals one of them has condition `paper`.

    Raises
    ------
    Refused
        If a setting is unknown or not allowed, or two arms would bear one name.
    """
    expanded = {}
    for name, experiment in paper.experiments.items():
        where = f"papers/{paper.name}/experiments.yaml: {name}"
        overlay, _ = experiment.scales.get(scale_name, (None, {}))
        replicates = (overlay and overlay.replicates) or scale.replicates or experiment.replicates
        skipped = overlay.skip if overlay else None
        if experiment.stands_for and scale_name == "paper":
            skipped = f"it stands for {experiment.stands_for}, which runs at this scale"
        arms: dict[str, Arm] = {}
        if skipped:
            expanded[name] = Expanded(experiment, arms, replicates, skipped)
            continue
        for arm, settings, sources in _arms(experiment, scale_name, scale, where):
            if arm in arms:
                raise Refused(f"{where}: two arms are called {arm!r}; give one of them a `name:`")
            runs = tuple(Run(arm, replicate, settings) for replicate in range(replicates))
            condition = theirs[name].condition(settings)
            deviations = theirs[name].deviations(settings) if condition == "proxy" else {}
            arms[arm] = Arm(arm, settings, sources, condition, deviations, runs)
        expanded[name] = Expanded(experiment, arms, replicates, skipped)
    return expanded


def _arms(
    experiment: Experiment, scale_name: str, scale: Scale, where: str
) -> Iterator[tuple[str, Settings, dict[str, str]]]:
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
        relevant = _relevant(merged)
        if relevant != merged:  # what has no effect had to be right too
            settings = yaml.parse(Settings, _nest(relevant, here), here)
        yield (
            arm,
            settings,
            {key: sources[key] if key in relevant else "default" for key in settings.flat()},
        )


def _relevant(flat: dict[str, Any]) -> dict[str, Any]:
    """Drop what has no effect, so that equal runs have equal digests.

    A procedure that does not train has no recipe; the dense network is not scored.
    """
    procedure = names.PROCEDURES.get(str(flat.get("procedure")))
    dropped = []
    if procedure and not procedure[2]:
        dropped.append("recipe.")
    if flat.get("criterion", "dense") == "dense" and procedure and procedure[2]:
        dropped.append("scoring.")
    return {key: value for key, value in flat.items() if not key.startswith(tuple(dropped))}


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
