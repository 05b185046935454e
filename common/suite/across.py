"""`papers/across.yaml`: questions on which several papers make claims, to be read side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from common.errors import unknown
from common.suite import yaml
from common.suite.settings import Strict

FILE = "across.yaml"


class Question(Strict):
    """A question, what is at stake in a sentence or two, and the claims that speak to it."""

    asks: str
    note: str = ""
    claims: Annotated[list[str], Field(min_length=2)]


def load_across(folder: str | Path) -> dict[str, Question]:
    """Return the questions of the file in `folder`, by name; none where there is no such file.

    Raises
    ------
    Refused
        If the file holds a name, key or value that is not allowed.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return {}
    shown = f"papers/{FILE}"
    return {
        yaml.check_name(name, "question", shown): yaml.parse(Question, body, f"{shown}: {name}")
        for name, body in yaml.read(path, shown).items()
    }


def check_across(questions: Sequence[Question], claims: Collection[str]) -> None:
    """Refuse a question that names a claim which no paper makes.

    Raises
    ------
    Refused
        At the first such claim, with the nearest ids.
    """
    for question in questions:
        for name in question.claims:
            if name not in claims:
                raise unknown("claim", name, claims, f"papers/{FILE}: {question.asks}")
