"""An estimate with its interval against a claim's boundaries, as a small inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from common.report.cells import typeset

WIDTH, HEIGHT = 176, 38
LEFT, RIGHT, MIDDLE = 6.0, 170.0, 12.0
BAND = 8.0  # half the height of the shaded regions
Stretches = list[tuple[float, float]]


def regions(
    kind: str,
    supported_beyond: float,
    contradicted_beyond: float,
    ratio: bool = False,
) -> tuple[Stretches, Stretches]:
    """Return the supporting and the contradicting stretches of the axis, ends infinite.

    A pair of boundaries says its direction by its order; equal ones by the kind. `equivalent` is
    symmetric about 0, for a ratio a factor either way.

    Examples
    --------
    >>> regions("at_most", 0.2, 0.2)
    ([(-inf, 0.2)], [(0.2, inf)])
    >>> regions("greater", 1.0, 0.0)
    ([(1.0, inf)], [(-inf, 0.0)])
    >>> regions("equivalent", 1.25, 2.0, ratio=True)
    ([(0.8, 1.25)], [(-inf, 0.5), (2.0, inf)])
    """
    s, c = supported_beyond, contradicted_beyond
    if kind == "equivalent":
        inner, outer = ((1 / bound, bound) if ratio else (-bound, bound) for bound in (s, c))
        return [inner], [(-math.inf, outer[0]), (outer[1], math.inf)]
    if s < c or (s == c and kind == "at_most"):
        return [(-math.inf, s)], [(c, math.inf)]
    return [(s, math.inf)], [(-math.inf, c)]


def interval_svg(
    estimate: float | None,
    interval: Sequence[float | None] | None,
    supporting: Stretches,
    contradicting: Stretches,
) -> Markup:
    """Return the drawing, or nothing where there is no interval.

    Parameters
    ----------
    estimate : float or None
    interval : (low, high) or None
        In the estimate's unit; an end that is None is open.
    supporting, contradicting : list of (low, high)
        What `regions` returned.
    """
    if interval is None or estimate is None:
        return Markup("")
    edges = sorted(
        {edge for pair in supporting + contradicting for edge in pair if math.isfinite(edge)}
    )
    ends = [end for end in interval if end is not None]
    low, high = _range([estimate, *ends, *edges])

    def x(value: float) -> float:
        clipped = min(max(value, low), high)
        return round(LEFT + (clipped - low) / (high - low) * (RIGHT - LEFT), 1)

    start = x(low if interval[0] is None else interval[0])
    end = x(high if interval[1] is None else interval[1])
    parts = [_bands("s", supporting, x), _bands("c", contradicting, x)]
    parts += [
        _line("edge", x(edge), MIDDLE - BAND - 2, x(edge), MIDDLE + BAND + 2) for edge in edges
    ]
    parts.append(_line("bar", start, MIDDLE, end, MIDDLE))
    parts += [
        _line("bar", at, MIDDLE - 4, at, MIDDLE + 4)
        for at, given in ((start, interval[0]), (end, interval[1]))
        if given is not None
    ]
    parts.append(f'<circle class="dot" cx="{x(estimate)}" cy="{MIDDLE}" r="3.6"/>')
    parts += [_label(x(edge), edge) for edge in _apart(edges, x)]
    said = said_regions(supporting, contradicting)
    label = escape(f"estimate and 90 % interval on an axis: {said}")
    return Markup(
        f'<svg class="interval" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def said_regions(supporting: Stretches, contradicting: Stretches) -> str:
    """Return the stretches that `regions` gave in words.

    Examples
    --------
    >>> said_regions(*regions("equivalent", 0.5, 0.5))
    'supported between -0.5 and 0.5, contradicted below -0.5 or above 0.5'
    """
    return f"supported {_said(supporting)}, contradicted {_said(contradicting)}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.14 * (high - low) or abs(high) or 1.0
    return low - margin, high + margin


def _bands(name: str, stretches: Sequence[tuple[float, float]], x) -> str:
    return "".join(
        f'<rect class="{name}" x="{x(a)}" y="{MIDDLE - BAND}" '
        f'width="{round(x(b) - x(a), 1)}" height="{2 * BAND}"/>'
        for a, b in stretches
    )


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _label(at: float, edge: float) -> str:
    anchor = "start" if at < 20 else "end" if at > WIDTH - 20 else "middle"
    text = typeset(f"{edge:g}")
    return f'<text x="{at}" y="{HEIGHT - 4}" text-anchor="{anchor}">{text}</text>'


def _apart(edges: Sequence[float], x) -> list[float]:
    """Return the edges whose labels do not run into each other, from the left."""
    kept: list[float] = []
    for edge in edges:
        if not kept or x(edge) - x(kept[-1]) >= 26:
            kept.append(edge)
    return kept


def _said(stretches: Sequence[tuple[float, float]]) -> str:
    texts = []
    for a, b in stretches:
        if a == b:
            texts.append(f"at {a:g}")
        elif math.isinf(a):
            texts.append(f"below {b:g}")
        elif math.isinf(b):
            texts.append(f"above {a:g}")
        else:
            texts.append(f"between {a:g} and {b:g}")
    return " or ".join(texts)
