"""Parts written as products, and settings laid under the selectors of a claim."""

import itertools

import pytest

from common.errors import Refused
from common.suite.claim_parts import laid_over, stated
from tests.suite.test_claims import LEAF, load, one, refused

NETWORKS = {"vgg11": {"unit": "a", "power": {"effect": 1}}, "mlp": {"unit": "b"}}
DENSITIES = {"05": {"power": {"sd": 0.1}}, "02": {"power": {"effect": 2}, "says": "Own."}}
WHOLE = {**LEAF, "kind": "all_of", "each": "at_most"}


def whole(tmp_path, **changed):
    return one(tmp_path, **{**WHOLE, **changed})


# ---- products -----------------------------------------------------------------------------------
@pytest.mark.parametrize("sizes", [(1,), (3,), (2, 3), (1, 2, 2)])
def test_a_product_has_every_choice_once_in_order_and_lays_bodies_over_one_another(sizes):
    axes = [
        {f"{axis}{i}": {"last": (axis, i), axis: i} for i in range(size)}
        for axis, size in zip("xyz", sizes, strict=False)
    ]
    found = stated(axes, None)
    choices = list(itertools.product(*(axis.items() for axis in axes)))
    assert list(found) == ["_".join(name for name, _ in choice) for choice in choices]
    for choice, body in zip(choices, found.values(), strict=True):
        expected = {}
        for _, own in choice:
            expected |= own
        assert body == expected


def test_bodies_are_merged_mapping_by_mapping():
    found = stated([NETWORKS, DENSITIES], {"rest": {"kind": "none"}})
    assert found == {
        "vgg11_05": {"unit": "a", "power": {"effect": 1, "sd": 0.1}},
        "vgg11_02": {"unit": "a", "power": {"effect": 2}, "says": "Own."},
        "mlp_05": {"unit": "b", "power": {"sd": 0.1}},
        "mlp_02": {"unit": "b", "power": {"effect": 2}, "says": "Own."},
        "rest": {"kind": "none"},
    }
    assert NETWORKS["vgg11"] == {"unit": "a", "power": {"effect": 1}}  # anchors stay as they are
    assert laid_over({"a": [1, 2]}, {"a": [3]}) == {"a": [3]}


def test_several_products_follow_one_another_and_parts_come_last():
    first, second = [{"a": {}}, {"b": {}, "c": {}}], [{"d": {}}]
    assert list(stated([first, second], {"e": {}})) == ["a_b", "a_c", "d", "e"]
    assert stated(None, None) == {}


def test_a_product_makes_the_parts_that_would_be_written_out(tmp_path):
    axes = [
        {"snip": {"estimand": {"of": {"criterion": "snip"}}}, "erk": {"supported_beyond": 1}},
        {"05": {"estimand": {"of": {"density": 0.05}}}, "02": {"power": {"effect": 0, "sd": 1}}},
    ]
    short, long = whole(tmp_path, for_each=axes), whole(tmp_path, parts=stated(axes, None))
    assert list(short.children) == ["snip_05", "snip_02", "erk_05", "erk_02"]
    assert [leaf.part for leaf in short.leaves] == list(short.children)
    assert short.version == long.version
    assert short.children["erk_02"].supported_beyond == 1
    assert short.children["erk_02"].power.sd == 1


def test_parts_within_a_product_have_products_of_their_own(tmp_path):
    inner = {"kind": "any_of", "each": "at_most", "for_each": [{"a": {}, "b": {}}]}
    claim = whole(tmp_path, for_each=[{"x": inner, "y": inner}])
    assert [leaf.part for leaf in claim.leaves] == ["x/a", "x/b", "y/a", "y/b"]
    ranking = whole(tmp_path, kind="ranking", each="greater", for_each=[{"a": {}, "b": {}}])
    assert list(ranking.children) == ["a", "b"]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"for_each": []}, "for_each: must be a list of mappings, or of lists of them, none empty"),
        ({"for_each": [[]]}, "none empty"),
        ({"for_each": [[{"a": {}}], {"b": {}}]}, "none empty"),
        ({"for_each": [{}]}, "for_each: {} must be a mapping of names to bodies, and not empty"),
        ({"for_each": [{"a": {}}, {}]}, "and not empty"),
        ({"for_each": [["a"]]}, "'a' must be a mapping of names to bodies"),
        ({"for_each": [{"a": None}]}, "for_each: a: must be a mapping of keys to values, not None"),
        ({"for_each": [{"A b": {}}]}, "name 'A b' must be made of a-z, 0-9 and _ alone"),
        ({"for_each": [{5: {}}]}, "the name 5 must be text: put it in quotes"),
        ({"for_each": [{"a_b": {}, "a": {}}, {"c": {}, "b_c": {}}]}, "two of them .*'a_b_c'"),
        ({"for_each": [{"a": {}}], "parts": {"a": {}}}, "two of them are called 'a'"),
        ({"for_each": [{"a": {"margin": 1}}]}, "part a: unknown key 'margin'"),
        ({"kind": "at_most", "each": ..., "for_each": [{"a": {}}]}, "for_each: kind 'at_most' has"),
        ({"kind": "at_most", "each": ..., "for_each": []}, "for_each: kind 'at_most' has no parts"),
        ({"kind": "monotone", "each": ..., "for_each": [{"a": {}}]}, "monotone needs estimand"),
        ({"kind": "crossover", "for_each": [{"a": {}, "b": {}, "c": {}}]}, "exactly two parts"),
    ],
)
def test_what_is_no_product_is_refused(tmp_path, changed, match):
    refused(tmp_path, match, **{**WHOLE, **changed})


def test_parts_without_a_kind_are_laid_over_the_body_of_each(tmp_path):
    each = {"kind": "at_least", "supported_beyond": -1, "estimand": {"of": {"density": 0.02}}}
    claim = whole(
        tmp_path,
        each=each,
        for_each=[{"a": {}, "b": {"estimand": {"of": {"density": 0.1}}}}],
        parts={"c": {"kind": "at_most"}, "d": {"kind": "none", "reason": "Because."}},
    )
    a, b, c, d = claim.children.values()
    assert (a.kind, a.supported_beyond, a.estimand.of["density"]) == ("at_least", -1, 0.02)
    assert (b.supported_beyond, b.estimand.of["density"]) == (-1, 0.1)
    assert (c.supported_beyond, c.estimand.of["density"], d.kind) == (0.2, 0.05, "none")
    refused(
        tmp_path, "part a: the key 'kind' is missing", **{**WHOLE, "each": {}, "parts": {"a": {}}}
    )
    refused(
        tmp_path, "part a: unknown key", **{**WHOLE, "each": {**each, "x": 1}, "parts": {"a": {}}}
    )


# ---- settings within ----------------------------------------------------------------------------
def of_data(tmp_path, estimand, **changed):
    estimand = {"experiment": "table1", "metric": "test_error", **estimand}
    return one(tmp_path, **{"control": ..., "estimand": estimand, **changed})


@pytest.mark.parametrize(
    "written",
    [
        {"of": {"criterion": "snip"}, "minus": {"criterion": "dense"}},
        {"of": {"data": "mnist"}, "over": {}},
        {"terms": [{"of": {}}, {"of": {"data": "mnist"}, "times": -1, "experiment": "table2"}]},
        {"terms": [{"of": {}}], "per": [{"of": {"criterion": "erk"}, "metric": "test_loss"}]},
        {
            "of": {"criterion": "snip"},
            "choose": {"best": "lowest", "grid": [{}, {"data": "mnist"}]},
        },
        {"choose": {"best": "lowest", "grid": [{"criterion": "erk"}, {"data": "mnist"}]}},
    ],
)
def test_within_lies_under_every_selector_and_an_inner_one_wins(tmp_path, written):
    plain = of_data(tmp_path, written).estimand
    found = of_data(tmp_path, {**written, "within": {"data": "digits", "scoring": {"batch": 1}}})
    assert found.estimand.within is None
    for bare, ref in zip(plain.refs(), found.estimand.refs(), strict=True):
        assert ref.selector == {"data": "digits", "scoring.batch": 1, **bare.selector}
        assert (ref.experiment, ref.metric) == (bare.experiment, bare.metric)


def test_within_lies_under_every_and_under_the_points_of_along(tmp_path):
    every = of_data(tmp_path, {"every": {}, "within": {"data": "digits"}}, kind="exact")
    assert every.estimand.every == {"data": "digits"}
    for given in ({"of": {"criterion": "snip"}}, {"of": {}, "minus": {"criterion": "dense"}}):
        along = {"along": [{"density": 0.1}, {"density": 0.2, "data": "mnist"}], **given}
        claim = of_data(tmp_path, {**along, "within": {"data": "digits"}}, kind="monotone",
                        direction="rising", supported_beyond=...)  # fmt: skip
        (step,) = claim.leaves
        for ref in step.estimand.refs():
            mnist = ref.selector["density"] == 0.2
            assert ref.selector["data"] == ("mnist" if mnist else "digits")


def test_within_is_inherited_and_merged_before_it_is_laid_under(tmp_path):
    estimand = {**LEAF["estimand"], "within": {"data": "mnist", "model": "vgg11"}}
    body = {"estimand": {"within": {"data": "digits", "density": 0.02}}}
    claim = whole(tmp_path, estimand=estimand, for_each=[{"a": body}])
    (leaf,) = claim.leaves
    assert leaf.estimand.minus == {
        "data": "digits", "model": "vgg11", "density": 0.02, "criterion": "dense",
    }  # fmt: skip
    assert leaf.estimand.of["density"] == 0.05  # its own


def test_controls_that_name_their_experiment_are_left_alone(tmp_path):
    floors = {
        "open": {"of": {"criterion": "dense"}, "at_most": 2.5},
        "named": {"of": {"criterion": "dense"}, "at_most": 2.5, "experiment": "table2"},
    }
    contrast = [{"of": {"data": "mnist"}, "minus": {}, "greater": 1}, "EDGE-19"]
    claim = one(
        tmp_path,
        estimand={**LEAF["estimand"], "within": {"data": "digits"}},
        control={"floor": floors, "contrast": contrast},
    )
    assert [floor.of for floor in claim.control.floor] == [
        {"data": "digits", "criterion": "dense"}, {"criterion": "dense"},
    ]  # fmt: skip
    first, second = claim.control.contrast
    assert (first.of, first.minus) == ({"data": "mnist"}, {"data": "digits"})
    assert second == "EDGE-19"


@pytest.mark.parametrize(
    ("other", "of", "minus"),
    [
        ({"metric": "test_loss"}, "digits", "mnist"),
        ({"of": {"scoring.batch": 2}}, "digits", "mnist"),
        ({"within": {"data": "cifar10"}}, "cifar10", "mnist"),
        ({"terms": [{"of": {}}, {"of": {"data": "mnist"}}], "of": None, "minus": None},
         "digits", "mnist"),
    ],
)  # fmt: skip
def test_within_lies_under_the_selectors_of_the_other_reading_too(tmp_path, other, of, minus):
    estimand = {"of": {"criterion": "snip"}, "minus": {"data": "mnist"}}
    claim = of_data(tmp_path, {**estimand, "within": {"data": "digits"}}, other=other)
    refs = claim.other_estimand.refs()
    assert [ref.selector["data"] for ref in refs] == [of, minus]
    assert claim.estimand.of["data"] == "digits"  # the primary reading stays


def test_an_unknown_setting_within_is_refused(tmp_path):
    from common.suite.claims import check_claims
    from tests.suite.test_claims import ARMS

    claim = one(tmp_path, estimand={**LEAF["estimand"], "within": {"densty": 0.05}})
    with pytest.raises(Refused, match="unknown setting 'densty', did you mean 'density'"):
        check_claims({"EDGE-05": claim}, ARMS)
    refused(tmp_path, "estimand.within", estimand={**LEAF["estimand"], "within": "vgg11"})


# ---- control items by name, shared anchors ------------------------------------------------------
def test_control_items_by_name_are_added_changed_and_left_out(tmp_path):
    base = {
        "dense": {"of": {"criterion": "dense"}, "at_most": 2.5},
        "erk": {"of": {"criterion": "erk"}, "at_most": 9},
    }
    more = {"dense": {"at_most": 4}, "erk": None, "snip": {"of": {}, "at_least": 1}}
    each = {"kind": "at_most", "control": {"floor": base}}
    claim = whole(tmp_path, each=each, for_each=[{"a": {}, "b": {"control": {"floor": more}}}])
    a, b = claim.leaves
    assert [floor.at_most for floor in a.control.floor] == [2.5, 9]
    assert [(floor.at_most, floor.at_least) for floor in b.control.floor] == [(4, None), (None, 1)]
    refused(tmp_path, "unknown key", control={"floor": {"off": {}, "at_most": 1}})


def test_shared_holds_anchors_and_is_no_claim(tmp_path):
    claims = load(tmp_path, """
        shared:
          dense: &dense {criterion: dense}
          at_05: &at_05 {estimand: {of: {density: 0.05}}}
        EDGE-05:
          says: No worse than dense.
          where: Table 1
          kind: all_of
          each: at_most
          supported_beyond: 0.2
          estimand: {experiment: table1, metric: test_error, of: {criterion: snip}, minus: *dense}
          control: {floor: {of: *dense, at_most: 2.5}}
          for_each: [{"05": *at_05}]
    """)  # fmt: skip
    assert list(claims) == ["EDGE-05"]
    assert claims["EDGE-05"].children["05"].estimand.of == {"criterion": "snip", "density": 0.05}
    with pytest.raises(Refused, match="shared: must be a mapping"):
        load(tmp_path, "shared: [a]")


# ---- the version --------------------------------------------------------------------------------
def test_the_version_does_not_hang_on_how_a_claim_is_written(tmp_path):
    floor = {"of": {"criterion": "dense"}, "at_most": 2.5}
    contrast = {"of": {"criterion": "random"}, "minus": {"criterion": "snip"}, "greater": 5}
    control = {"floor": floor, "contrast": contrast}
    flat = one(tmp_path, control=control)
    short = {
        **LEAF["estimand"],
        "within": {"scoring": {"batch": 1}},
        "of": {"density": "5.0e-2", "criterion": "snip"},
    }
    long = {
        **LEAF["estimand"],
        "of": {"criterion": "snip", "density": 0.05, "scoring.batch": 1.0},
        "minus": {"criterion": "dense", "scoring.batch": 1},
    }
    named = {"floor": [{**floor, "experiment": "table1", "step": "last"}], "contrast": [contrast]}
    given = {"contradicted_beyond": 0.2, "limits": "One network.", "unit": "points"}
    assert one(tmp_path, control=named, **given).version == flat.version
    floors = [{"of": of, "at_most": 9} for of in ({"a": 1, "z": 2}, {"b": 1, "c": 3})]
    turned = [{"of": dict(reversed(item["of"].items())), "at_most": 9} for item in reversed(floors)]
    assert one(tmp_path, control={"floor": floors}).version == (
        one(tmp_path, control={"floor": turned}).version
    )
    alone = {"control": {"floor": {**floor, "experiment": "table1"}}}
    assert one(tmp_path, estimand=short, **alone).version == (
        one(tmp_path, estimand=long, **alone).version
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"says": "Other."}, {"where": "Table 2"}, {"kind": "at_least"}, {"supported_beyond": 0.3},
        {"contradicted_beyond": 0.9}, {"reading": "authors_code"}, {"power": {"effect": 0}},
        {"other": {"metric": "test_loss"}}, {"control": {"floor": {"of": {}, "at_most": 2.5}}},
        {"control": {"floor": {"of": {"criterion": "dense"}, "at_most": 3}}},
        {"control": {"contrast": "EDGE-19"}}, {"kind": "equivalent", "around": 1},
        {"estimand": {**LEAF["estimand"], "metric": "test_loss"}},
        {"estimand": {**LEAF["estimand"], "step": "first"}},
        {"estimand": {**LEAF["estimand"], "experiment": "table2"}},
        {"estimand": {**LEAF["estimand"], "of": {"criterion": "snip", "density": 0.02}}},
        {"estimand": {**LEAF["estimand"], "minus": None, "over": {"criterion": "dense"}}},
        {"estimand": {**LEAF["estimand"], "statistic": "median"}},
        {"published": {"of": {}, "test": "at_most"}},
    ],
)  # fmt: skip
def test_the_version_changes_with_what_is_judged(tmp_path, changed):
    assert one(tmp_path, **changed).version != one(tmp_path).version


def test_the_version_of_a_whole_is_that_of_its_parts(tmp_path):
    def made(**changed):
        return whole(tmp_path, **{"for_each": [{"a": {}, "b": {}}], **changed}).version

    assert made() == made()
    assert made() != made(for_each=[{"a": {}, "c": {}}])
    assert made() != made(for_each=[{"a": {}, "b": {"supported_beyond": 1}}])
    assert made() != made(kind="any_of") and made() != made(proxy_parts=["a"])
    assert made() == made(each={"kind": "at_most"}, limits="Else.")
