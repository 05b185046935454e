"""Cells that are safe where a reader opens them: in a spreadsheet, in Markdown, in LaTeX."""

from __future__ import annotations

import re

FORMULA_STARTS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def is_number(text: str) -> bool:
    """Return whether `text` is a decimal number and nothing else."""
    return NUMBER.fullmatch(text) is not None


def spreadsheet_cell(value: object) -> object:
    """Return `value` as it may stand in a CSV file that someone opens in a spreadsheet.

    Text that a spreadsheet would run as a formula is led by an apostrophe; numbers, and text that
    is a number, are left alone. Line breaks and tabs become spaces.

    Examples
    --------
    >>> spreadsheet_cell("=1+1"), spreadsheet_cell("-0.5"), spreadsheet_cell(-0.5)
    ("'=1+1", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    line = re.sub(r"[\r\n\t]", " ", value)
    runs = line.lstrip().startswith(FORMULA_STARTS)
    return f"'{line}" if runs and not is_number(line) else line


def plain_cell(text: str) -> str:
    """Return the line that `spreadsheet_cell` was given."""
    return text[1:] if text[:1] == "'" and text[1:].lstrip().startswith(FORMULA_STARTS) else text


def markdown_cell(text: object) -> str:
    """Return `text` on one line with everything escaped that Markdown or HTML would act on."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~!#])", r"\\\1", line)


def latex_cell(text: object) -> str:
    """Return `text` on one line with LaTeX's special characters escaped."""
    return "".join(LATEX.get(character, character) for character in " ".join(str(text).split()))
