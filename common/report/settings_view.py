"""The exact configuration of an experiment, with the source of every value, and what deviates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.report.cells import setting

WRITTEN = ("experiments.yaml", "default")  # sources that are the paper's own entry


@dataclass(frozen=True)
class Value:
    """A setting's value as text, and where it was set."""

    text: str
    source: str


@dataclass(frozen=True)
class Configuration:
    """The settings that all arms share, and those that differ, an arm a row."""

    shared: dict[str, Value]
    varying: list[str]
    arms: dict[str, list[Value]]
    digests: dict[str, list[str]]


def configuration(entry: Mapping) -> Configuration:
    """Return every setting of every arm of an experiment; `entry` is its part of the plan.

    Shared settings come with those first that someone wrote down, defaults last.
    """
    values = {
        run: {
            key: Value(setting(value), arm["sources"].get(key, "default"))
            for key, value in arm["settings"].items()
        }
        for run, arm in entry["arms"].items()
    }
    keys = dict.fromkeys(key for arm in values.values() for key in arm)
    unset = Value("", "")
    shared, varying = {}, []
    for key in keys:
        distinct = {arm.get(key, unset) for arm in values.values()}
        if len(distinct) == 1:
            shared[key] = distinct.pop()
        else:
            varying.append(key)
    ordered = dict(sorted(shared.items(), key=lambda item: item[1].source == "default"))
    arms = {run: [arm.get(key, unset) for key in varying] for run, arm in values.items()}
    digests = {run: list(arm["digests"]) for run, arm in entry["arms"].items()}
    return Configuration(ordered, varying, arms, digests)


def deviations(entry: Mapping) -> str:
    """Return one sentence: which arms are proxies, and what the scale set in them."""
    arms = entry["arms"]
    proxies = {run: arm for run, arm in arms.items() if arm["condition"] == "proxy"}
    if not proxies:
        return "Every arm runs the paper's recipe."
    who = (
        "Every arm is a proxy"
        if len(proxies) == len(arms)
        else f"{len(proxies)} of {len(arms)} arms are proxies ({', '.join(proxies)})"
    )
    changed: dict[str, dict[str, None]] = {}
    for arm in proxies.values():
        for key, source in arm["sources"].items():
            if source not in WRITTEN and key in arm["settings"]:
                changed.setdefault(key, {})[setting(arm["settings"][key])] = None
    if not changed:
        return f"{who}: what is written differs from the paper's recipe."
    what = ", ".join(f"{key} = {' or '.join(values)}" for key, values in changed.items())
    return f"{who}; set by the scale: {what}."
