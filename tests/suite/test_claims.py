import sys
import textwrap

import pytest

from common import names
from common.errors import Refused
from common.suite.claims import check_claims, find, load_claims
from common.suite.selectors import matching, same

LEAF = {
    "says": "No worse than dense.", "where": "Table 1", "kind": "at_most", "supported_beyond": 0.2,
    "estimand": {
        "experiment": "table1", "metric": "test_error",
        "of": {"criterion": "snip", "density": 0.05}, "minus": {"criterion": "dense"},
    },
    "control": {"floor": {"of": {"criterion": "dense"}, "at_most": 2.5}},
}  # fmt: skip


def flat(criterion, density=1.0, procedure="prune_then_train", **more):
    return {"procedure": procedure, "criterion": criterion, "density": density, **more}


ARMS = {"table1": {"cpu": {"dense": flat("dense"), "snip_0_05": flat("snip", 0.05)}}}


def load(tmp_path, content):
    """Load claims from YAML text, or from id -> body."""
    import yaml

    path = tmp_path / "edge" / "claims.yaml"
    path.parent.mkdir(exist_ok=True)
    text = (
        textwrap.dedent(content)
        if isinstance(content, str)
        else yaml.safe_dump(content, sort_keys=False)
    )
    path.write_text(text)
    return load_claims(path)


def one(tmp_path, **changed):
    body = {key: value for key, value in {**LEAF, **changed}.items() if value is not ...}
    return load(tmp_path, {"EDGE-05": body})["EDGE-05"]


def refused(tmp_path, match, **changed):
    with pytest.raises(Refused, match=match) as error:
        one(tmp_path, **changed)
    assert "papers/edge/claims.yaml: EDGE-05" in str(error.value)


def test_a_claim_and_its_defaults(tmp_path):
    claim = one(tmp_path)
    assert claim.id == "EDGE-05" and claim.boundaries == (0.2, 0.2) and claim.reading == "paper"
    assert [ref.selector for ref in claim.estimand.refs()] == [
        {"criterion": "snip", "density": 0.05}, {"criterion": "dense"},
    ]  # fmt: skip
    assert one(tmp_path, kind="greater").boundaries == (0.2, 0.0)
    ratio = {**LEAF["estimand"], "minus": None, "over": {"criterion": "dense"}}
    greater = one(tmp_path, kind="greater", supported_beyond=1.05, estimand=ratio)
    assert greater.boundaries == (1.05, 1.0)


@pytest.mark.parametrize("key", ["EDGE5", "edge-05", "EDGE-5", "EDGE-05b", "5"])
def test_ids_are_like_SNIP_05(tmp_path, key):
    with pytest.raises(Refused, match="must be like SNIP-05"):
        load(tmp_path, {key: LEAF})


def test_an_id_given_twice_is_refused(tmp_path):
    with pytest.raises(Refused, match="'EDGE-05' is given twice"):
        load(tmp_path, "EDGE-05: {says: a}\nEDGE-05: {says: b}\n")


def test_unknown_keys_are_refused_wherever_they_stand(tmp_path):
    refused(tmp_path, "unknown key 'margin'", margin=1)
    refused(tmp_path, "unknown key .*'estimand.metrik'", estimand={**LEAF["estimand"], "metrik": 1})
    refused(tmp_path, "id", id="EDGE-06")
    refused(tmp_path, "kind 'at_mots'", kind="at_mots")
    refused(tmp_path, "other: unknown key 'metrik'", other={"metrik": "test_error"})


@pytest.mark.parametrize(
    ("kind", "supported", "contradicted", "fits"),
    [
        ("greater", 0.5, 0.6, False), ("greater", 0.5, 0.5, True), ("greater", -0.5, None, False),
        ("at_least", -0.5, -0.4, False), ("at_least", -0.5, -1.0, True),
        ("at_most", 0.2, 0.1, False), ("at_most", 0.2, 1.0, True),
        ("equivalent", 0.2, 0.1, False), ("equivalent", 0.2, 0.4, True),
        ("exact", 0.0, -1.0, False),
    ],
)  # fmt: skip
def test_regions_that_overlap_are_refused(tmp_path, kind, supported, contradicted, fits):
    keys = {"kind": kind, "supported_beyond": supported, "contradicted_beyond": contradicted}
    if fits:
        assert one(tmp_path, **keys).boundaries == (supported, contradicted)
    else:
        refused(tmp_path, "the two overlap", **keys)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"supported_beyond": ...}, "supported_beyond: is missing"),
        ({"estimand": ...}, "estimand: is missing"),
        ({"kind": "none"}, "reason"),
        ({"reason": "Because."}, "no other kind does"),
        ({"kind": "equivalent", "supported_beyond": -1}, "it is at least 0"),
        ({"kind": "proportion", "supported_beyond": 70}, "a share, from 0 to 1"),
        ({"direction": "at_least"}, "direction: goes with monotone or proportion"),
        ({"kind": "proportion", "direction": "rising"}, "it is at_least or at_most"),
        ({"kind": "all_of"}, "needs at least one"),
        ({"parts": {"a": {"kind": "greater"}}}, "kind 'at_most' has none"),
        ({"kind": "monotone"}, "needs estimand.along"),
        ({"kind": "crossover", "parts": {"a": {}}}, "exactly two parts"),
        ({"kind": "all_of", "parts": {"a": {}}}, "part a: the key 'kind' is missing"),
        ({"kind": "all_of", "parts": {"a": {"kind": "exact", "margin": 1}}}, "part a: unknown key"),
        ({"kind": "all_of", "each": "at_most", "parts": {"A b": {}}}, "must be made of a-z"),
        (
            {"kind": "all_of", "each": "at_most", "parts": {"a": {}}, "proxy_parts": ["b"]},
            "part 'b'",
        ),
        ({"control": {"floor": {"of": {}}}}, "either at_most or at_least"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(tmp_path, changed, match):
    refused(tmp_path, match, **changed)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"metric": None}, "estimand.metric: is missing"),
        ({"metric": "error"}, "metric"),
        ({"over": {}}, "either `minus` or `over`"),
        ({"every": {}}, "needs one of"),
        ({"of": None, "minus": None, "every": {}}, "goes with kind 'exact'"),
        ({"statistic": "spread"}, "a spread is"),
        ({"step": "middle"}, "must be last, first"),
        ({"along": [{}, {}]}, "goes with monotone or ranking"),
        ({"per": [{"of": {}}]}, "divides `terms`"),
    ],
)
def test_estimands_that_say_nothing_definite_are_refused(tmp_path, changed, match):
    refused(tmp_path, match, estimand={**LEAF["estimand"], **changed})


def test_parts_inherit_what_they_do_not_say(tmp_path):
    claim = one(
        tmp_path,
        kind="all_of",
        each="at_most",
        power={"effect": 0, "sd": 0.1},
        parts={
            "d02": {"estimand": {"of": {"density": 0.02}}},
            "d01": {"estimand": {"of": {"density": 0.01}}, "supported_beyond": 0.6, "says": "Own."},
        },
    )
    d02, d01 = claim.children.values()
    assert (d02.part, d02.kind, d02.says, d02.supported_beyond) == (
        "d02",
        "at_most",
        LEAF["says"],
        0.2,
    )
    assert d02.estimand.of == {"criterion": "snip", "density": 0.02}
    assert d02.control == claim.control and d02.power == claim.power
    assert (d01.says, d01.supported_beyond) == ("Own.", 0.6)
    assert find("EDGE-05/d01", {"EDGE-05": claim}, "here") == d01
    with pytest.raises(Refused, match="unknown part 'EDGE-05/d00', did you mean"):
        find("EDGE-05/d00", {"EDGE-05": claim}, "here")


def test_parts_within_parts(tmp_path):
    claim = one(tmp_path, kind="all_of", parts={
        "cell": {"kind": "any_of", "each": "at_most",
                 "parts": {"a": {}, "b": {"supported_beyond": 1}}}})  # fmt: skip
    assert [leaf.part for leaf in claim.leaves] == ["cell/a", "cell/b"]
    assert [leaf.supported_beyond for leaf in claim.leaves] == [0.2, 1]


def test_monotone_and_ranking_spell_out_their_steps(tmp_path):
    along = [{"scoring": {"batch": 1}}, {"scoring.batch": 10}, {"scoring.batch": 100}]
    estimand = {**LEAF["estimand"], "minus": ..., "along": along}
    estimand.pop("minus")
    rising = one(tmp_path, kind="monotone", direction="rising", tolerance=0.03,
                 supported_beyond=..., estimand=estimand,
                 power={"effect": [0.4, 0.1], "sd": 0.1})  # fmt: skip
    first, second = rising.children.values()
    assert first.estimand.of["scoring.batch"] == 10 and first.estimand.minus["scoring.batch"] == 1
    assert (first.kind, first.supported_beyond, first.power.effect) == ("at_least", -0.03, 0.4)
    assert second.power.effect == 0.1 and second.power.sd == 0.1
    ratio = one(tmp_path, kind="monotone", direction="falling", supported_beyond=...,
                estimand={**estimand, "compare": "ratio"})  # fmt: skip
    assert ratio.leaves[0].estimand.over["scoring.batch"] == 1
    assert ratio.leaves[0].boundaries == (1.0, 1.0)
    ranking = one(tmp_path, kind="ranking", supported_beyond=0, estimand=estimand)
    assert ranking.leaves[0].estimand.of["scoring.batch"] == 1  # highest first
    refused(tmp_path, "3 values, but the claim has 2 steps", kind="monotone", direction="rising",
            supported_beyond=..., estimand=estimand, power={"effect": [1, 1, 1]})  # fmt: skip


def test_selectors_compare_values_and_not_their_spelling():
    arms = {"a": {"density": "0.050", "x": None, "list": "[25000, 50000]", "flag": "True"}}
    wanted = [
        {"density": 0.05},
        {"x": ""},
        {"list": [25000, 50000]},
        {"flag": True},
        {"run": "a"},
        {},
    ]
    for selector in wanted:
        assert matching(selector, arms) == ["a"], selector
    assert matching({"density": 0.5}, arms) == [] and matching({"y": 1}, arms) == []
    assert same(float("nan"), None) and not same(0, None) and not same("snip", "SNIP")


def test_claims_must_point_at_runs(tmp_path):
    check_claims({"EDGE-05": one(tmp_path)}, ARMS)
    for changed, match in (
        ({"of": {"criterion": "snip", "density": 0.5}}, "points at no run"),
        ({"of": {"criterion": "snip", "densty": 0.05}},
         "unknown setting 'densty', did you mean 'density'"),
        ({"experiment": "table2"}, "unknown experiment 'table2', did you mean 'table1'"),
        ({"of": {}}, "must match one arm, but at scale cpu it is dense, snip_0_05"),
    ):  # fmt: skip
        claim = one(tmp_path, estimand={**LEAF["estimand"], **changed})
        with pytest.raises(Refused, match=match):
            check_claims({"EDGE-05": claim}, ARMS)
    floor = {"of": {"criterion": "erk"}, "at_most": 5}
    with pytest.raises(Refused, match="EDGE-05: control: points at no run"):
        check_claims({"EDGE-05": one(tmp_path, control={"floor": floor})}, ARMS)


def test_an_arm_of_one_scale_is_enough(tmp_path):
    both = {"table1": {"smoke": {"dense": flat("dense")}, **ARMS["table1"]}}
    check_claims({"EDGE-05": one(tmp_path)}, both)


def test_trained_claims_need_a_control_and_others_do_not(tmp_path):
    claim = one(tmp_path, control=...)
    with pytest.raises(Refused, match="needs a control"):
        check_claims({"EDGE-05": claim}, ARMS)
    with pytest.raises(Refused, match="needs a control"):
        check_claims({"EDGE-05": one(tmp_path, control={})}, ARMS)
    untrained = next(name for name, entry in names.PROCEDURES.items() if not entry[2])
    arms = {"dense": flat("dense", 1.0, untrained), "snip_0_05": flat("snip", 0.05, untrained)}
    check_claims({"EDGE-05": claim}, {"table1": {"cpu": arms}})


def test_contrasts_name_claims_that_exist_and_do_not_lead_back(tmp_path):
    control = {"floor": LEAF["control"]["floor"], "contrast": "EDGE-19"}
    claim = one(tmp_path, control=control)
    with pytest.raises(Refused, match="unknown claim 'EDGE-19'"):
        check_claims({"EDGE-05": claim}, ARMS)
    named = claim.model_copy(update={"id": "EDGE-19"})
    with pytest.raises(Refused, match="EDGE-05 -> EDGE-19 -> EDGE-19 is a circle"):
        check_claims({"EDGE-05": claim, "EDGE-19": named}, ARMS)


def test_needs_lists_the_arms_of_estimand_controls_and_named_contrasts(tmp_path):
    arms = {
        "table1": {**ARMS["table1"]["cpu"], "random_0_05": flat("random", 0.05), "erk": flat("erk")}
    }
    body = {**LEAF, "control": {"contrast": "EDGE-19"}}
    other = {**LEAF, "kind": "greater", "estimand": {
        **LEAF["estimand"], "of": {"criterion": "random"},
        "minus": {"criterion": "snip"}}}  # fmt: skip
    claims = load(tmp_path, {"EDGE-05": body, "EDGE-19": other})
    assert claims["EDGE-05"].needs(arms, claims) == {
        ("table1", "dense"), ("table1", "snip_0_05"), ("table1", "random_0_05"),
    }  # fmt: skip


def test_reading_claims_loads_no_torch():
    import subprocess

    code = "import sys, common.suite.claims, common.audit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
