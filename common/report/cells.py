"""Single values as text for reading: numbers and settings."""

from __future__ import annotations

import json
import math
import re

MINUS = "\N{MINUS SIGN}"


def number(value: object, beside: object = None) -> str:
    """Return a measured number for reading: two decimals, or two significant digits if small.

    None, NaN and the empty text give the empty text; an infinite bound its sign and the symbol.
    With `beside`, a number that stands next to it, both get the decimals of the larger one.

    Examples
    --------
    >>> number(22.317), number(0.004242), number(0), number(3e-7), number(None), number(10)
    ('22.32', '0.0042', '0', '3.0e-07', '', '10')
    >>> number(0.05, beside=0.2)
    '0.05'
    """
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and beside is None:
        return str(value)
    amount = float(str(value))
    if math.isnan(amount):
        return ""
    if math.isinf(amount):
        return f"{'-' if amount < 0 else ''}∞"
    if amount == 0 and beside is None:
        return "0"
    size = max(abs(amount), 0.0 if beside is None else abs(float(str(beside))))
    if amount.is_integer() and size >= 1000:
        return f"{amount:.0f}"
    if size >= 0.1:
        return f"{amount:.2f}"
    if size >= 1e-4:
        return f"{amount:.{1 - math.floor(math.log10(size))}f}"
    return f"{amount:.1e}" if amount else "0"


def typeset(text: str) -> str:
    """Return `text` with the hyphens in front of numbers turned into minus signs."""
    return re.sub(r"(?<![\w.])-(?=[\d.∞])", MINUS, text)


def setting(value: object) -> str:
    """Return the value of a setting as it would be written in YAML, None as ``none``.

    Examples
    --------
    >>> setting(0.1), setting([100, 200]), setting(None), setting(True), setting("snip")
    ('0.1', '[100, 200]', 'none', 'true', 'snip')
    """
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a sorting key by which ``SNIP-9`` comes before ``SNIP-10``."""
    pieces = re.split(r"(\d+)", text)
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in pieces]
