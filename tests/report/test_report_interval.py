import math
import re

import pytest
import synthetic_results as made

from common.report.claim_view import claims_of
from common.report.interval_svg import interval_svg, regions, said_regions


@pytest.mark.parametrize(
    ("kind", "supported", "contradicted", "value", "where"),
    [
        ("greater", 1.0, 0.0, 1.5, "s"),
        ("greater", 1.0, 0.0, 0.5, ""),
        ("greater", 1.0, 0.0, -0.5, "c"),
        ("at_most", 0.2, 0.2, 0.1, "s"),
        ("at_most", 0.2, 0.5, 0.3, ""),
        ("at_most", 0.2, 0.5, 0.6, "c"),
        ("at_least", -0.3, -0.3, -0.2, "s"),
        ("proportion", 0.7, 0.7, 0.6, "c"),
        ("equivalent", 0.5, 0.5, -0.4, "s"),
        ("equivalent", 0.5, 0.5, -0.6, "c"),
        ("equivalent", 0.5, 1.0, 0.7, ""),
    ],
)
def test_regions_say_what_a_value_would_mean(kind, supported, contradicted, value, where):
    stretches = regions(kind, supported, contradicted)
    inside = [any(a < value < b for a, b in part) for part in stretches]
    assert inside == [where == "s", where == "c"]


def test_the_drawing_puts_every_number_on_one_axis():
    stretches = regions("at_most", 0.2, 0.2)
    svg = interval_svg(0.05, [-0.05, 0.15], *stretches)
    bar = re.search(r'class="bar" x1="([\d.]+)" y1="12.0" x2="([\d.]+)"', svg)
    low, high = map(float, bar.groups())
    dot = float(re.search(r'cx="([\d.]+)"', svg).group(1))
    edge = float(re.search(r'class="edge" x1="([\d.]+)"', svg).group(1))
    assert low < dot < high < edge
    assert (dot - low) / (high - low) == pytest.approx(0.5, abs=0.01)
    assert (edge - low) / (high - low) == pytest.approx(1.25, abs=0.02)
    assert "supported below 0.2, contradicted above 0.2" in svg
    assert svg.count('class="bar"') == 3


def test_an_open_end_has_no_cap_and_nothing_is_drawn_without_an_interval():
    stretches = regions("at_most", 0.2, 0.2)
    assert interval_svg(0.05, [None, 0.15], *stretches).count('class="bar"') == 2
    assert interval_svg(None, None, *stretches) == ""


def test_ratios_are_symmetric_by_factors():
    inner, outer = regions("equivalent", 1.25, 2.0, ratio=True)
    assert inner == [(0.8, 1.25)] and outer == [(-math.inf, 0.5), (2.0, math.inf)]
    assert said_regions(inner, outer).startswith("supported between 0.8 and 1.25")


def test_nothing_is_drawn_where_the_boundaries_are_measured_from_elsewhere():
    """An `equivalent` claim about a centre other than 0: the row does not carry the centre."""
    row = made.claims("ticket")[0]
    assert row["kind"] == "equivalent"
    (honest,) = claims_of("ticket", {"claims": [row]})
    assert "<svg" in honest.row.drawing
    (shifted,) = claims_of("ticket", {"claims": [row | {"interval": [7.9, 8.1], "estimate": 8.0}]})
    assert shifted.row.drawing == "" and shifted.row.boundaries == ""
    assert shifted.row.estimate == "8.00 [7.90, 8.10]"
