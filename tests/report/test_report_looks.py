from itertools import combinations

import numpy as np
import pytest

from common import names
from common.report import looks

# What protan, deutan and tritan readers see of linear RGB (Machado, Oliveira, Fernandes 2009, in
# full); `normal` is everybody else.
SEEN = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, seen):
    """CIE L*a*b* of a colour as somebody sees it."""
    rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(seen) @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    ("table", "known"),
    [
        (looks.CRITERIA, names.CRITERIA), (looks.ABLATIONS, names.ABLATIONS),
        (looks.NETWORKS, names.MODELS), (looks.DATA_SETS, names.DATA),
    ],
    ids=["criteria", "ablations", "networks", "data"],
)  # fmt: skip
def test_every_name_is_printed_and_no_two_alike(table, known):
    assert table.keys() == known.keys()
    printed = [getattr(one, "name", one) for one in table.values()]
    assert all(printed) and len(set(printed)) == len(printed)


@pytest.mark.parametrize("table", [looks.CRITERIA, looks.ABLATIONS])
def test_no_two_share_both_colour_and_marker(table):
    drawn = [one.drawn for one in table.values()]
    assert len(set(drawn)) == len(drawn)
    assert {colour for colour, _ in drawn} <= set(looks.PALETTE)


def test_the_methods_that_papers_compare_differ_in_colour_and_in_marker():
    compared = ("random", "magnitude", "snip", "iter_snip", "force", "grasp", "synflow")
    drawn = [looks.criterion(name).drawn for name in ("dense", *compared)]
    assert all(len(set(column)) == len(drawn) for column in zip(*drawn, strict=True))


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_colours_are_told_apart_under_every_common_colour_blindness(seen):
    for one, other in combinations(looks.PALETTE, 2):
        assert np.linalg.norm(lab(one, seen) - lab(other, seen)) > 15, (one, other)


def test_a_name_in_no_table_is_printed_as_it_is():
    assert looks.criterion("my_own").name == "my own" == looks.network("my_own")
    assert looks.data_set("my_own") == "my own" == looks.ablation("my_own").name
    assert looks.criterion("my_own").drawn not in {one.drawn for one in looks.CRITERIA.values()}


def test_series_that_are_criteria_look_like_them_and_others_like_none_of_these():
    found = looks.looks_of(["dense", "mine", "SNIP", "other"])
    assert found["SNIP"] == looks.criterion("snip").drawn
    assert found["dense"] == looks.criterion("dense").drawn
    assert len({colour for colour, _ in found.values()}) == 4
    many = looks.looks_of(map(str, range(20)))
    assert len(set(many.values())) == 20
