"""A user's own criterion, from a file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from common.errors import Refused
from common.pruning.criterion import Criterion, UserCriterion


def load_criterion(where: str) -> Criterion | UserCriterion:
    """Return the function that ``file.py:function`` names; importing the file runs its code.

    Parameters
    ----------
    where : str
        Path of a Python file, a colon, and the name of a function (model, batches, loss) ->
        {parameter name: tensor of scores}, or of one decorated with `criterion`.

    Raises
    ------
    Refused
        If the text is not of that form, the file is missing or cannot be imported, or it has no
        such function.
    """
    file, colon, name = where.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise Refused(f"criterion {where!r} must read file.py:function")
    path = Path(file)
    if not path.is_file():
        raise Refused(f"criterion {where!r}: there is no file {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Refused(
            f"criterion {where!r}: importing {file} raises {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function) and not isinstance(function, Criterion):
        raise Refused(f"criterion {where!r}: {file} defines no function {name!r}")
    return function
