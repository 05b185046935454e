"""YAML files read safely; every fault becomes one sentence with file, key and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from common.errors import Refused, unknown

Model = TypeVar("Model", bound=BaseModel)
NAME = re.compile(r"[a-z0-9_]+")

# libyaml parses ten times faster, but is not built into every PyYAML.
_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc, valid-type]
    """The safe loader, but a key given twice is an error instead of a silent overwrite."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain name", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read(path: Path, shown: str | None = None) -> dict:
    """Return the mapping in the YAML file at `path`.

    Raises
    ------
    Refused
        If the file is missing, is no YAML, repeats a key, or holds no mapping.
    """
    shown = shown or path.name
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise Refused(f"{shown}: no such file") from None
    except UnicodeDecodeError:
        raise Refused(f"{shown}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise Refused(f"{shown}{line}: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise Refused(f"{shown}: must hold a mapping of names to entries")
    return content


def check_name(name: object, kind: str, where: str) -> str:
    """Return `name` if it is made of a-z, 0-9 and _ alone.

    Raises
    ------
    Refused
        Otherwise.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused(f"{where}: {kind} {name!r} must be made of a-z, 0-9 and _ alone")
    return name


def check_keys(given: Iterable[str], allowed: Iterable[str], where: str) -> None:
    """Refuse the first of `given` that is not `allowed`, with the nearest names."""
    allowed = set(allowed)
    for key in given:
        if key not in allowed:
            raise unknown("key", key, allowed, where)


def parse(model: type[Model], content: dict, where: str) -> Model:
    """Return `content` as a `model`.

    Raises
    ------
    Refused
        If a key is unknown or a value is not allowed; the first fault is named.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # An unknown key first: it may well be the misspelt name of a missing one.
        faults = error.errors()
        fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
        path = ".".join(str(step) for step in fault["loc"])
        if fault["type"] == "extra_forbidden":
            parent = _fields(model, fault["loc"][:-1])
            raise unknown("key", path, parent, where) from None
        cause = fault.get("ctx", {}).get("error")
        if isinstance(cause, Refused):
            raise Refused(f"{where}: {cause}") from None
        message = str(fault["msg"]).removeprefix("Value error, ")
        given = fault.get("input")
        shown = f" {given!r}" if isinstance(given, str | int | float) else ""
        raise Refused(
            f"{where}: {path}{shown}: {message}" if path else f"{where}: {message}"
        ) from None


def _fields(model: type[BaseModel], path: tuple) -> list[str]:
    """Return the keys allowed at `path` below `model`, dotted as they would be written."""
    prefix = ""
    for step in path:
        field = model.model_fields.get(str(step))
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            break
        model, prefix = kind, f"{prefix}{step}."
    return [prefix + name for name in model.model_fields]
