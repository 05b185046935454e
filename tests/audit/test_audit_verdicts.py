import math

import numpy as np
import pytest
from audit_tables import (
    ARMS,
    BAD,
    CONTROL,
    DENSE,
    FAR,
    NEAR,
    arm,
    claim,
    plan,
    rows,
    table,
    usual,
)
from statsmodels.stats.multitest import multipletests

from common.audit import FIELDS, audit, holm_counts, summary
from common.audit.power import Truth, needed_replicates
from common.audit.statistics import Mean, spread_bound
from common.errors import Refused


def judged(one, run_table=None, the_plan=None, **more):
    """Return the rows of one claim."""
    run_table = usual() if run_table is None else run_table
    return audit(run_table, {one.id: one}, the_plan or plan(), **more)


def test_a_row_by_hand():
    (row,) = judged(claim(control=CONTROL, power={"effect": -0.1, "sd": 0.14}))
    assert tuple(row) == FIELDS
    half = 2.1318468 * math.sqrt(0.00025 / 5)
    assert row["estimate"] == pytest.approx(0.04)
    assert row["interval"] == pytest.approx([0.04 - half, 0.04 + half], abs=1e-7)
    assert (row["verdict"], row["n"], row["unit"]) == ("supported", 5, "points")
    assert (row["condition"], row["evidence"], row["scale"]) == ("paper", "measured", "cpu")
    assert row["holm"] is True and row["power"] == pytest.approx(0.986, abs=1e-3)
    assert row["control"].startswith("passed: dense test_error 1.68, at most 2.5 wanted; random")
    assert row["reason"] == "the 90 % interval [0.0249, 0.0551] lies below 0.2"


def test_contradicted_and_inconclusive_say_how():
    (row,) = judged(claim(), usual(near=FAR))
    assert row["verdict"] == "contradicted" and row["reason"].endswith("lies above 0.2")
    assert row["holm"] is None
    wide = [d + x for d, x in zip(DENSE, [0.5, -0.3, 0.4, 0.0, 0.3], strict=True)]
    (row,) = judged(claim(), usual(near=wide))
    assert row["verdict"] == "inconclusive" and "straddles 0.2" in row["reason"]
    assert row["needed_n"] is None or row["needed_n"] > 5
    (row,) = judged(claim("greater", supported_beyond=1))
    assert row["verdict"] == "inconclusive"
    assert "in the claimed direction, smaller than the margin" in row["reason"]


def test_needed_replicates_use_the_planned_effect_and_the_upper_bound_of_the_spread():
    wide = [d + x for d, x in zip(DENSE, [0.4, -0.2, 0.3, 0.0, 0.2], strict=True)]
    (row,) = judged(claim(power={"effect": 0.0, "sd": 0.14}), usual(near=wide))
    sd = float(np.std(np.array(wide) - DENSE, ddof=1))
    assert row["needed_n"] == needed_replicates(claim(), Truth(0.0, spread_bound(sd, 5)))
    assert f"about {row['needed_n']} replicates" in row["reason"]


def test_missing_replicates_arms_and_scales_are_named():
    (row,) = judged(claim(), usual(near=[*NEAR[:3], None, None]))
    assert row["verdict"] == "not_tested" and row["reason"].startswith("3 of 5 replicates run")
    (row,) = judged(claim(), the_plan=plan(arms={"dense": ARMS["dense"]}))
    assert row["reason"].startswith("not part of scale cpu: criterion snip, density 0.05")
    assert row["condition"] is None
    elsewhere = {**claim().estimand.model_dump(exclude_unset=True), "experiment": "table9"}
    (row,) = judged(claim(estimand=elsewhere))
    assert row["reason"] == "not part of scale cpu: needs a GPU"
    (row,) = judged(claim(), usual(near=NEAR[:2], dense=DENSE[:2]), plan(replicates=2))
    assert row["reason"] == "2 replicates, at least 3 are needed"
    wrong = {**claim().estimand.model_dump(exclude_unset=True), "metric": "test_eror"}
    (row,) = judged(claim(estimand=wrong))
    assert row["reason"] == "snip_0_05 records no test_eror (did you mean test_error?)"


def test_replicates_beyond_the_plan_are_left_alone():
    more = usual(near=[*NEAR, 99.0], dense=[*DENSE, 0.0])
    (row,) = judged(claim(), more)
    assert row["n"] == 5 and row["estimate"] == pytest.approx(0.04)


def test_plumbing_runs_judge_exact_claims_alone():
    exact = claim("exact", id="EDGE-01", supported_beyond=0, estimand={
        "experiment": "table1", "metric": "mask_excess",
        "every": {"criterion": "snip"}})  # fmt: skip
    kept = [
        rows("table1", run, [0.0] * 5, metric="excess", split="mask")
        for run in ("snip_0_05", "snip_0_02")
    ]
    both = {"EDGE-01": exact, "EDGE-05": claim()}
    found = audit(table(usual().to_dict("records"), *kept), both, plan(judge="exact"))
    assert [row["verdict"] for row in found] == ["supported", "not_tested"]
    assert found[0]["n"] == 10 and found[0]["power"] is None and found[0]["holm"] is None
    assert found[1]["reason"] == "plumbing run"
    kept[1][3]["value"] = 1.0
    found = audit(table(usual().to_dict("records"), *kept), both, plan(judge="exact"))
    assert found[0]["verdict"] == "contradicted" and found[0]["estimate"] == 1.0


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (
            {"floor": {"of": {"criterion": "dense"}, "at_most": 1.5}},
            "dense test_error 1.68, at most",
        ),
        ({"floor": {"of": {"criterion": "dense"}, "at_least": 2}}, "at least 2 wanted"),
        ({"contrast": {**CONTROL["contrast"], "greater": 30}}, "surely more than 30 wanted"),
        ({"floor": {"of": {"criterion": "erk"}, "at_most": 5}}, "not part of scale cpu"),
        ({"contrast": "EDGE-19"}, "EDGE-19 contradicted, supported wanted"),
    ],
)
def test_a_failed_control_means_the_runs_cannot_tell(control, said):
    worse = claim("greater", id="EDGE-19", supported_beyond=1, estimand={
        "experiment": "table1", "metric": "test_error", "of": {"criterion": "dense"},
        "minus": {"criterion": "random"}})  # fmt: skip
    claims = {"EDGE-05": claim(control=control), "EDGE-19": worse}
    row = audit(usual(), claims, plan(condition="proxy"))[0]
    assert row["verdict"] == "not_tested" and said in row["reason"]
    assert row["reason"].startswith("the proxy cannot tell: control failed: ")
    assert row["estimate"] == pytest.approx(0.04) and row["holm"] is None
    in_paper = audit(usual(), claims, plan())[0]
    assert in_paper["reason"].startswith("these runs cannot tell: ")


def levels(at_most, **more):
    return {"floor": {"of": {"criterion": "random"}, "at_most": at_most, **more}}


def test_a_part_out_of_whose_reach_the_claim_says_nothing_is_left_out_and_named():
    own = {"kind": "at_most", "supported_beyond": 1}
    low = {**own, "control": levels(1, only_where=True)}
    high = {**own, "control": levels(100, only_where=True)}
    row = audit(usual(), {"EDGE-05": claim("all_of", parts={"low": low, "high": high})}, plan())[0]
    assert row["verdict"] == "supported"
    assert row["reason"].endswith("; left out, where the claim says nothing: low")
    # All of them left out, or one whose control fails for another reason: nothing is judged.
    row = audit(usual(), {"EDGE-05": claim("all_of", parts={"low": low})}, plan())[0]
    assert row["verdict"] == "not_tested"
    failing = {**own, "control": levels(1)}
    both = {"EDGE-05": claim("all_of", parts={"failing": failing, "high": high})}
    assert audit(usual(), both, plan())[0]["verdict"] == "not_tested"
    missing = {"floor": {"of": {"criterion": "erk"}, "at_most": 1, "only_where": True}}
    both = {"EDGE-05": claim("all_of", parts={"a": {**own, "control": missing}, "high": high})}
    assert audit(usual(), both, plan())[0]["verdict"] == "not_tested"


def test_controls_in_a_circle_are_refused():
    claims = {
        "EDGE-01": claim(id="EDGE-01", control={"contrast": "EDGE-02"}),
        "EDGE-02": claim(id="EDGE-02", control={"contrast": "EDGE-01"}),
    }
    with pytest.raises(Refused, match="EDGE-01 -> EDGE-02 -> EDGE-01 is a circle"):
        audit(usual(), claims, plan())


def test_the_other_reading_stands_in_the_same_row_and_decides_nothing():
    best = table(
        usual().to_dict("records"),
        rows("table1", "dense", DENSE, metric="best_error"),
        rows("table1", "snip_0_05", FAR, metric="best_error"),
    )
    one = claim(other={"metric": "test_best_error"}, reading="authors_code")
    (row,) = judged(one, best)
    assert row["verdict"] == "supported" and row["reading"] == "authors_code"
    other = row["other_reading"]
    assert (other["reading"], other["verdict"]) == ("paper", "contradicted")
    assert other["estimate"] == pytest.approx(1.04)
    (row,) = judged(one)
    assert row["verdict"] == "supported" and row["other_reading"]["verdict"] == "not_tested"


def test_a_diverged_replicate_counts_at_chance_and_is_named():
    flagged = table(
        usual(near=[*NEAR[:4], math.nan]).to_dict("records"),
        [{**rows("table1", "snip_0_05", [1.0], split="run", metric="diverged")[0], "replicate": 4}],
    )
    (row,) = judged(claim(), flagged)
    # Chance is 90 points of error on ten classes: the last difference is 90 - 1.70.
    assert row["estimate"] == pytest.approx((0.05 + 0.02 + 0.06 + 0.03 + 88.3) / 5)
    assert row["verdict"] == "inconclusive"
    assert row["reason"].endswith("diverged, counted at chance level: snip_0_05 replicate 4")
    unknown = flagged.assign(data="my_data")
    arms = {name: {**settings, "data": "my_data"} for name, settings in ARMS.items()}
    (row,) = judged(claim(), unknown, plan(arms=arms))
    assert row["verdict"] == "not_tested" and "chance level is not known" in row["reason"]


@pytest.mark.parametrize("failure", ["diverged", "degenerate"])
def test_replicates_that_left_nothing_to_measure_count_too_and_a_failed_control_names_them(failure):
    groups = [
        rows("table1", "snip_0_05", NEAR),
        [{**rows("table1", "dense", [1.0], split="run", metric=failure)[0], "replicate": r}
         for r in range(5)],
    ]  # fmt: skip
    one = claim(control={"floor": {"of": {"criterion": "dense"}, "at_most": 2.5}})
    (row,) = judged(one, table(*groups))
    assert row["verdict"] == "not_tested"
    assert row["reason"].startswith("these runs cannot tell: control failed: dense test_error 90")
    assert "counted at chance level: dense replicate 0, dense replicate 1" in row["reason"]


def test_steps():
    curve = [
        row
        for step, level in ((10, 9.0), (50, 5.0), (100, 2.0))
        for row in rows("table1", "dense", [level, level + 0.1, level - 0.1], step=step)
    ]
    estimand = {"experiment": "table1", "metric": "test_error", "of": {"criterion": "dense"}}
    for step, expected in (("last", 2.0), ("first", 9.0), (50, 5.0), (0.6, 5.0)):
        one = claim(estimand={**estimand, "step": step})
        (row,) = judged(one, table(curve), plan(replicates=3))
        assert row["estimate"] == pytest.approx(expected), step
    (row,) = judged(claim(estimand={**estimand, "step": 60}), table(curve), plan(replicates=3))
    assert row["verdict"] == "not_tested"


def test_ratio_terms_and_spread_estimands():
    base = {"experiment": "table1", "metric": "test_error"}
    ratio = claim("greater", supported_beyond=1.05, estimand={
        **base, "of": {"criterion": "snip", "density": 0.02},
        "over": {"criterion": "dense"}})  # fmt: skip
    (row,) = judged(ratio)
    expected = math.exp(np.mean(np.log(np.array(FAR) / DENSE)))
    assert row["estimate"] == pytest.approx(expected) and row["unit"] == "ratio"
    assert (row["verdict"], row["contradicted_beyond"]) == ("supported", 1.0)
    terms = claim("at_least", supported_beyond=0, estimand={**base, "terms": [
        {"of": {"criterion": "random"}}, {"of": {"criterion": "dense"}, "times": -0.5},
        {"of": {"criterion": "snip", "density": 0.02}, "times": -0.5}]})  # fmt: skip
    (row,) = judged(terms)
    mean = np.mean(np.array(BAD) - (np.array(DENSE) + FAR) / 2)
    assert row["estimate"] == pytest.approx(mean)
    way = claim("at_least", supported_beyond=0.1, estimand={
        **base, "terms": [{"of": {"density": 0.02, "criterion": "snip"}},
                          {"of": {"criterion": "dense"}, "times": -1}],
        "per": [{"of": {"criterion": "random"}},
                {"of": {"criterion": "dense"}, "times": -1}]})  # fmt: skip
    (row,) = judged(way)
    mean = np.mean((np.array(FAR) - DENSE) / (np.array(BAD) - DENSE))
    assert row["estimate"] == pytest.approx(mean)
    spread = claim("greater", supported_beyond=1, estimand={
        **base, "of": {"criterion": "random"}, "over": {"criterion": "dense"},
        "statistic": "spread"})  # fmt: skip
    (row,) = judged(spread)
    assert row["estimate"] == pytest.approx(np.var(BAD, ddof=1) / np.var(DENSE, ddof=1))
    assert (row["verdict"], row["unit"]) == ("supported", "ratio of variances")
    (row,) = judged(spread, usual(dense=[1.7] * 5))
    assert row["verdict"] == "not_tested" and "no spread" in row["reason"]


def test_proportion_needs_zeros_and_ones_or_a_rule():
    estimand = {
        "experiment": "table1",
        "metric": "image_good",
        "of": {"criterion": "snip", "density": 0.05},
    }
    one = claim("proportion", supported_beyond=0.7, estimand=estimand)
    good = [1.0] * 18 + [0.0] * 2
    (row,) = judged(
        one, table(rows("table1", "snip_0_05", good, metric="good", split="image")), plan(20)
    )
    assert (row["verdict"], row["estimate"], row["unit"]) == ("supported", 0.9, "share")
    hits = [10.0 * g for g in good]
    hit_table = table(rows("table1", "snip_0_05", hits, metric="good", split="image"))
    (row,) = judged(one, hit_table, plan(20))
    assert row["verdict"] == "not_tested" and "0 or 1" in row["reason"]
    ruled = claim("proportion", supported_beyond=0.7, estimand=estimand, success={"at_least": 8})
    assert judged(ruled, hit_table, plan(20))[0]["verdict"] == "supported"


def test_medians_need_twenty_replicates():
    one = claim(estimand={**claim().estimand.model_dump(exclude_unset=True), "statistic": "median"})
    (row,) = judged(one)
    assert row["reason"] == "5 replicates: a bootstrap needs at least 20"
    rng = np.random.default_rng(5)
    dense = rng.normal(1.7, 0.1, 20)
    many = usual(dense=list(dense), near=list(dense + rng.normal(0, 0.05, 20)))
    assert judged(one, many, plan(20))[0]["verdict"] == "supported"


PARTS = {
    "d05": {"estimand": {"of": {"density": 0.05}}},
    "d02": {"estimand": {"of": {"density": 0.02}}},
}
BOTH = {
    "experiment": "table1", "metric": "test_error", "of": {"criterion": "snip"},
    "minus": {"criterion": "dense"},
}  # fmt: skip


def test_all_of_and_any_of_have_a_row_for_the_whole_and_one_a_part():
    one = claim(
        "all_of", each="at_most", estimand=BOTH, parts=PARTS, power={"effect": 0, "sd": 0.1}
    )
    found = judged(one)
    assert [(row["part"], row["verdict"]) for row in found] == [
        (None, "contradicted"), ("d05", "supported"), ("d02", "contradicted"),
    ]  # fmt: skip
    assert found[0]["reason"] == "of 2 parts 1 supported, 1 contradicted (d02)"
    assert found[0]["estimate"] is None and found[0]["supported_beyond"] is None
    assert found[1]["holm"] is None and found[0]["n"] == 5
    parts = [row["power"] for row in found[1:]]
    assert found[0]["power"] == pytest.approx(1 - sum(1 - p for p in parts))
    any_of = judged(claim("any_of", each="at_most", estimand=BOTH, parts=PARTS))
    assert any_of[0]["verdict"] == "supported" and any_of[0]["holm"] is True


def test_one_contradicted_part_settles_all_of_but_a_missing_part_leaves_it_open():
    one = claim("all_of", each="at_most", estimand=BOTH, parts=PARTS)
    found = judged(one, usual(near=[*NEAR[:4], None]))
    assert found[0]["verdict"] == "contradicted"
    found = judged(one, usual(near=NEAR, far=[None] * 5))
    assert [row["verdict"] for row in found] == ["not_tested", "supported", "not_tested"]
    assert found[0]["reason"].endswith("1 not tested (d02): 0 of 5 replicates run (snip_0_02)")
    any_of = claim("any_of", each="at_most", estimand=BOTH, parts=PARTS)
    assert judged(any_of, usual(far=[None] * 5))[0]["verdict"] == "supported"


def test_proxy_parts_are_judged_where_the_others_have_no_runs():
    one = claim("all_of", each="at_most", estimand=BOTH, parts=PARTS, proxy_parts=["d05"])
    narrow = plan(arms={name: ARMS[name] for name in ("dense", "snip_0_05")})
    found = judged(one, the_plan=narrow)
    assert (found[0]["verdict"], found[0]["condition"]) == ("supported", "proxy")
    assert found[0]["reason"] == "of 1 parts 1 supported; left out at this scale: d02"
    assert judged(one)[0]["verdict"] == "contradicted"  # here every part has its runs


def test_what_stands_for_the_paper_counts_only_where_the_paper_does_not_run():
    stand_in = {"small": {"estimand": {"of": {"criterion": "snip", "density": 0.05}}}}
    own = {"paper": {"estimand": {"experiment": "fig9", "of": {"criterion": "snip"}}}}
    one = claim("all_of", each="at_most", estimand=BOTH, parts=own | stand_in)
    here = plan(condition="proxy") | {"stand_ins": ["table1"]}
    found = judged(one, the_plan=here)
    assert (found[0]["verdict"], found[0]["condition"]) == ("supported", "proxy")
    assert found[0]["reason"] == "of 1 parts 1 supported; left out at this scale: paper"
    # Where the paper's own part has its runs, the other does not count.
    both = claim("all_of", each="at_most", estimand=BOTH, parts=PARTS)
    there = plan() | {"stand_ins": ["fig9"]}
    mixed = claim("all_of", each="at_most", estimand=BOTH, parts=PARTS | own)
    assert judged(mixed, the_plan=there)[0]["reason"] == judged(both)[0]["reason"]


def test_monotone_ranking_and_crossover_by_their_steps():
    along = [{"criterion": "dense", "density": 1}, {"density": 0.05}, {"density": 0.02}]
    estimand = {**BOTH, "minus": None, "along": along}
    rising = claim(
        "monotone", direction="rising", tolerance=0.1, supported_beyond=..., estimand=estimand
    )
    found = judged(rising)
    assert [row["verdict"] for row in found] == ["supported"] * 3
    assert [row["part"] for row in found] == [None, "step_1", "step_2"]
    assert found[1]["supported_beyond"] == -0.1 and found[1]["estimate"] == pytest.approx(0.04)
    falling = claim(
        "monotone", direction="falling", tolerance=0.1, supported_beyond=..., estimand=estimand
    )
    assert [row["verdict"] for row in judged(falling)] == [
        "contradicted", "supported", "contradicted",
    ]  # fmt: skip
    ranking = claim("ranking", supported_beyond=0, estimand={**estimand, "along": along[::-1]})
    assert [row["verdict"] for row in judged(ranking)] == ["supported"] * 3
    sides = {
        "a": {"estimand": {"of": {"criterion": "random"}, "minus": {"criterion": "dense"}}},
        "b": {"estimand": {"of": {"criterion": "dense"}, "minus": {"criterion": "random"}}},
    }
    base = {"experiment": "table1", "metric": "test_error"}
    crossover = claim("crossover", supported_beyond=0, estimand=base, parts=sides)
    assert [row["verdict"] for row in judged(crossover)] == [
        "contradicted", "supported", "contradicted",
    ]  # fmt: skip


def test_monotone_gaps_are_differences_of_differences():
    arms = {
        f"{c}_{d}": arm(c, d) for c in ("snip", "random") for d in (0.1, 0.05)
    }  # fmt: skip
    values = {"snip_0.1": 2.0, "snip_0.05": 3.0, "random_0.1": 4.0, "random_0.05": 9.0}
    noise = [0.0, 0.1, 0.2]
    data = table(
        *(rows("table1", run, [values[run] + x for x in noise], s) for run, s in arms.items())
    )
    one = claim("monotone", direction="rising", supported_beyond=..., estimand={
        "experiment": "table1", "metric": "test_error", "of": {"criterion": "random"},
        "minus": {"criterion": "snip"},
        "along": [{"density": 0.1}, {"density": 0.05}]})  # fmt: skip
    found = judged(one, data.assign(run=data["run"].str.replace(".", "_")), plan(
        3, {name.replace(".", "_"): s for name, s in arms.items()}))  # fmt: skip
    assert found[1]["estimate"] == pytest.approx((9 - 3) - (4 - 2))


def test_the_best_of_a_grid_is_judged_on_the_replicates_that_did_not_choose():
    grid = [{"density": 0.05}, {"density": 0.02}]
    one = claim("at_most", estimand={**BOTH, "choose": {"grid": grid, "best": "lowest"}})
    eight = usual(
        dense=[1.7] * 8, near=[1.0] * 4 + [1.9, 2.0, 1.8, 1.9], far=[1.5] * 8, bad=[20.0] * 8
    )
    (row,) = judged(one, eight, plan(8))
    assert row["n"] == 4 and row["estimate"] == pytest.approx(0.2)  # snip_0_05, its later half


def test_claims_of_kind_none_say_why():
    (row,) = judged(
        claim("none", supported_beyond=..., estimand=..., reason="Novelty is not measured.")
    )
    assert (row["verdict"], row["reason"]) == ("not_tested", "Novelty is not measured.")


def test_holm_is_statsmodels_over_the_sampled_claims():
    bounds = (0.2, 0.06, 0.056, 0.045)
    claims = {
        f"EDGE-{i:02d}": claim(id=f"EDGE-{i:02d}", supported_beyond=b) for i, b in enumerate(bounds)
    }
    found = audit(usual(), claims, plan())
    differences = Mean(np.array(NEAR) - DENSE)
    p = [float(differences.below(b, closed=True)) for b in bounds]
    stands = multipletests(p, alpha=0.05, method="holm")[0]
    assert [row["holm"] for row in found] == list(stands)
    supported = [row["verdict"] == "supported" for row in found]
    assert supported == [True, True, True, False] and sum(stands) < 3  # it changes no verdict
    assert holm_counts(found) == {"supported": 3, "stand": sum(stands)}


def test_summary_keeps_proxies_apart():
    proxy = audit(usual(), {"EDGE-05": claim()}, plan(condition="proxy"))
    counts = summary(proxy)
    assert counts["proxy"]["supported"] == 1 and counts["paper"]["supported"] == 0
    assert counts["claims"] == 1
    # Parts of a measured claim may have run and others not: nobody left a condition unstated.
    (partly,) = [row | {"condition": None} for row in proxy if row["part"] is None]
    counts = summary([partly])
    assert counts["no_runs"]["supported"] == 1 and counts["unstated"]["supported"] == 0
    counts = summary([partly | {"evidence": "submitted"}])
    assert counts["unstated"]["supported"] == 1


def test_a_proxy_names_every_setting_that_is_not_the_papers():
    the_plan = plan(condition="proxy")
    (row,) = judged(claim(), the_plan=the_plan)
    assert row["limits"] == "Proxy: recipe.steps 10000 (the paper's: 75000)."
    (row,) = judged(claim(limits="Short."), the_plan=the_plan)
    assert row["limits"] == "Short. Proxy: recipe.steps 10000 (the paper's: 75000)."
    (row,) = judged(claim(limits="Short."), the_plan=plan())
    assert row["limits"] == "Short."


def test_without_a_plan_the_table_says_what_there_is():
    (row,) = audit(usual(near=[*NEAR[:4], None]), {"EDGE-05": claim()}, evidence="submitted")
    assert (row["n"], row["evidence"], row["scale"]) == (4, "submitted", None)
    assert row["condition"] == "paper"  # from the table's own column
    (row,) = audit(usual().drop(columns="density"), {"EDGE-05": claim()})
    assert row["verdict"] == "not_tested" and "no run with" in row["reason"]
