"""The one error that a user sees: bad input, refused before any work starts."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Callable, Iterable


class Refused(ValueError):
    """Bad input. Its text is one sentence: where it stands, what was given, what is allowed."""


def unknown(kind: str, given: object, allowed: Iterable[str], where: str = "") -> Refused:
    """Return the refusal of an unknown name, with the nearest known ones first.

    Parameters
    ----------
    kind : str
        What the name should have been, such as ``"model"``.
    given : object
        What was given.
    allowed : iterable of str
        Every name that would have been right.
    where : str
        File and key, put in front of the sentence.

    Examples
    --------
    >>> str(unknown("model", "lenet5", ["lenet5_caffe", "vgg16"]))
    "unknown model 'lenet5', did you mean 'lenet5_caffe'? Known: lenet5_caffe, vgg16"
    """
    names = sorted(map(str, allowed))
    # What begins alike is nearer than what merely shares letters: lenet5 means lenet5_caffe.
    alike = [name for name in names if name.startswith(str(given)) and str(given)]
    alike = alike or [name for name in names if name.lower() == str(given).lower()]
    near = (alike or difflib.get_close_matches(str(given), names, n=2, cutoff=0.5))[:2]
    hint = f", did you mean {' or '.join(map(repr, near))}?" if near else "."
    prefix = f"{where}: " if where else ""
    return Refused(f"{prefix}unknown {kind} {str(given)!r}{hint} Known: {', '.join(names)}")


def command(main: Callable[..., int]) -> Callable[..., int]:
    """Return the entry point `main` with a refusal printed as one sentence and exit status 2."""

    @functools.wraps(main)
    def run(*arguments: object, **options: object) -> int:
        try:
            return main(*arguments, **options)
        except Refused as refusal:
            print(f"error: {refusal}", file=sys.stderr)
            return 2

    return run
