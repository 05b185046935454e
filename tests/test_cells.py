"""What a spreadsheet, Markdown and LaTeX must not act on."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.cells import (
    FORMULA_STARTS,
    is_number,
    latex_cell,
    markdown_cell,
    plain_cell,
    spreadsheet_cell,
)

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1", " =1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_runs_no_cell(text):
    assert spreadsheet_cell(text) == "'" + text.replace("\t", " ").replace("\r", " ")


@given(st.one_of(st.text(), st.from_regex(r"\s*[=+@-].*")))
def test_no_cell_starts_like_a_formula_and_its_text_comes_back(text):
    cell = spreadsheet_cell(text)
    assert not cell.lstrip().startswith(FORMULA_STARTS) or is_number(cell)
    # Text that was led by an apostrophe before a formula is the one exception.
    if not re.match(r"'\s*[=+@-]", text):
        assert plain_cell(cell) == re.sub(r"[\r\n\t]", " ", text)


def test_numbers_stay_numbers():
    assert spreadsheet_cell("-0.5") == "-0.5" and spreadsheet_cell(-0.5) == -0.5
    assert spreadsheet_cell("+1e-3") == "+1e-3" and spreadsheet_cell(None) is None


def test_markup_is_escaped():
    assert markdown_cell("a|b\n<b> [x](y) `c`") == "a\\|b &lt;b&gt; \\[x\\](y) \\`c\\`"
    assert markdown_cell("[x](javascript:1)") == r"\[x\](javascript:1)"
    assert latex_cell("5 % of \\x_{y} & #1 $z$ ~^") == (
        r"5 \% of \textbackslash{}x\_\{y\} \& \#1 \$z\$ \textasciitilde{}\textasciicircum{}"
    )
