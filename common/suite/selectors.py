"""Selectors: settings, nested or dotted, that an arm must have to be meant."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator

from common.suite.settings import flatten

Arms = Mapping[str, Mapping[str, Any]]  # arm -> flat settings


def _flat(value: object) -> object:
    return flatten(value) if isinstance(value, dict) else value


Selector = Annotated[dict[str, Any], BeforeValidator(_flat)]


@dataclass(frozen=True)
class Ref:
    """A metric of the arm of an experiment that a selector means."""

    experiment: str
    metric: str
    step: str | float
    selector: dict[str, Any]
    several: bool = False  # all matching arms instead of exactly one


def matching(selector: Mapping[str, Any], arms: Arms) -> list[str]:
    """Return the arms whose settings have every value of `selector`; ``run`` is the arm's name.

    Examples
    --------
    >>> matching({"density": 0.05}, {"dense": {"density": 1.0}, "snip_0_05": {"density": "5e-2"}})
    ['snip_0_05']
    """
    wanted = [(key, plain(value)) for key, value in selector.items()]
    return [
        name
        for name, settings in arms.items()
        if all(plain(name if key == "run" else settings.get(key)) == v for key, v in wanted)
    ]


def same(a: object, b: object) -> bool:
    """Return whether two settings are equal, however a table has written them.

    Numbers are compared as numbers, lists item by item; None, NaN and the empty text are one.
    """
    return plain(a) == plain(b)


def plain(value: object) -> object:
    """Return what two values that are the `same` have in common, hashable."""
    return _plain_list(value) if isinstance(value, list | tuple) else _plain_one(value)


def _plain_list(values: list | tuple) -> tuple:
    return tuple(plain(item) for item in values)


# The claims of a paper compare the same few settings a million times.
@lru_cache(maxsize=4096, typed=True)
def _plain_one(value: object) -> object:
    if isinstance(value, bool) or value in ("True", "False", "true", "false"):
        return str(value).lower()
    if isinstance(value, str) and value.startswith("["):
        try:
            return _plain_list(json.loads(value.replace("'", '"')))
        except ValueError:
            return value
    if value is None or value in ("", "None"):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)
    return None if math.isnan(number) else float(f"{number:.12g}")
