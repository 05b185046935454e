"""A small made-up results folder: two papers, every verdict, markup where it could do harm."""

import csv
import json
from pathlib import Path

import numpy as np
import yaml

NASTY = "<script>alert(1)</script>"
ACROSS = f"""
weights:
  asks: Do the weights matter, or only where they are? {NASTY}
  note: One paper says so, the other does not.
  claims: [EDGE-05, TICKET-02, OTHER-01]
one_paper_alone:
  asks: This is no disagreement.
  claims: [EDGE-01, EDGE-02]
"""
PUBLISHED = [
    *("source", "experiment", "run", "model", "data", "criterion", "density", "metric"),
    *("value", "spread", "n", "unit", "origin", "note"),
]


def settings(**changed):
    base = {
        "procedure": "prune_then_train", "model": "lenet_300_100", "width": 1.0, "data": "mnist",
        "holdout": 0.1, "criterion": "dense", "density": 1.0, "scoring.batch": 100,
        "recipe.optimizer": "sgd", "recipe.lr": 0.1, "recipe.milestones": [25000, 50000],
        "recipe.steps": 75000,
    }  # fmt: skip
    return base | changed


def arm(name, settings_, condition="paper", n=5, overlaid=()):
    given = {"procedure", "model", "data", "criterion", "density", "recipe.lr", "recipe.steps"}
    sources = {key: "experiments.yaml" if key in given else "default" for key in settings_}
    sources |= dict.fromkeys(overlaid, "scales.cpu")
    digests = [f"{name.encode().hex():0<18.18}{r:02d}" for r in range(n)]
    return {"settings": settings_, "sources": sources, "condition": condition, "digests": digests}


def experiment(shows, title, arms, metric="test_error", x=None, procedure="prune_then_train"):
    return {
        "shows": shows, "title": title, "procedure": procedure, "replicates": 5, "seconds": 1234.5,
        "x": x, "metric": metric, "arms": arms,
    }  # fmt: skip


def density_arms(model="lenet_300_100", condition="paper", overlaid=(), **changed):
    arms = {"dense": arm("dense", settings(model=model, **changed), condition, overlaid=overlaid)}
    for criterion in ("edge", "random"):
        for density in (0.5, 0.2, 0.1, 0.05, 0.02):
            name = f"{criterion}_{str(density).replace('.', '_')}"
            own = settings(model=model, criterion=criterion, density=density, **changed)
            arms[name] = arm(name, own, condition, overlaid=overlaid)
    return arms


def edge_plan(scale="cpu", judge="all"):
    batch = {
        f"batch_{b}": arm(
            f"batch_{b}", settings(criterion="edge", density=0.1, **{"scoring.batch": b})
        )
        for b in (1, 10, 100, 1000, 10000)
    }
    inits = {
        f"init_{i}": arm(f"init_{i}", settings(criterion="edge", density=0.1, init=i))
        for i in ("vs", "vs_x", "vs_h", "rn")
    }
    narrow = density_arms(
        "vgg_d", "proxy", ("width", "data", "recipe.steps"), width=0.25, data="cifar10_batch1",
        **{"recipe.steps": 4000},
    )  # fmt: skip
    return {
        "paper": "edge", "scale": scale, "judge": judge,
        "citation": {
            "title": "EDGE: pruning at initialisation by edge sensitivity", "year": 2019,
            "authors": "A. Example, B. Specimen and C. Sample", "venue": "ICLR",
            "arxiv": "1901.00000", "url": "https://example.org/edge",
            "code": "github.com/example/edge",
        },
        "experiments": {
            name: experiment(shows, title, arms, x=x)
            for name, shows, title, arms, x in (
                ("fig1_mnist", "Figure 1", "Error against density", density_arms(), "density"),
                ("fig2_batch", "Figure 2", "Size of the scoring batch", batch, "scoring.batch"),
                ("table3_init", "Table 3", "Initialisers", inits, None),
                ("table2_vgg", "Table 2", "Narrow VGG-D", narrow, "density"),
            )
        },
        "not_run": {"table2_wrn": "needs a GPU; run it with SCALE=paper", "table4": NASTY},
    }  # fmt: skip


def ticket_plan(scale="cpu", judge="all"):
    arms = density_arms(condition="proxy", overlaid=("recipe.steps",), **{"recipe.steps": 9000})
    other = {n: arm(n, settings(criterion=n), "proxy", 3) for n in ("magnitude", "gradient")}
    return {
        "paper": "ticket", "scale": scale, "judge": judge, "from_record": True,
        "citation": {
            "title": "Tickets, drawn again", "authors": "D. Placeholder", "year": 2020,
            "venue": "NeurIPS", "arxiv": "", "url": "javascript:alert(1)", "code": "",
        },
        "experiments": {
            "fig1": experiment("Figure 1", "Iterated pruning", arms, x="density"),
            "fig2_empty": experiment("Figure 2", "Not run yet", other),
        },
        "not_run": {},
    }  # fmt: skip


def run_rows(plan, skip=("fig2_empty",), seed=3):
    """Return the rows of a run table: errors rise as the density falls, fastest for random."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, entry in plan["experiments"].items():
        for run, one in entry["arms"].items() if name not in skip else ():
            s = one["settings"]
            hard = 18.0 if s["model"] == "vgg_d" else 1.6
            slope = {"dense": 0.0, "edge": 0.03, "random": 0.4}.get(s["criterion"], 0.1)
            level = hard + slope * (1 / s["density"] - 1) + 0.1 / np.log10(s["scoring.batch"] + 9)
            for replicate in range(len(one["digests"]) - (run == "random_0_02")):
                error = level + rng.normal(0, 0.02 * hard + 0.04 * slope)
                head = {"paper": plan["paper"], "experiment": name, "run": run}
                head |= {"replicate": replicate, "condition": one["condition"], **s}
                for step, split, metric, value in (
                    (0, "mask", "density", s["density"]),
                    (0, "mask", "effective_density", s["density"] * 0.97),
                    (100, "test", "error", error + 5),
                    (200, "test", "error", error),
                    (200, "test", "best_error", error - 0.05),
                ):
                    row = {"step": step, "split": split, "metric": metric, "value": round(value, 4)}
                    rows.append(head | row)
    return rows


def published_rows():
    found, base = "found:Table 1 of the paper", dict.fromkeys(PUBLISHED, "")
    cells = [
        ("fig1_mnist", "dense", "1.7", "", found), ("fig1_mnist", "edge_0_05", "1.9", "0.1", found),
        ("fig1_mnist", "edge_0_02", "2.4", "0.1", found),
        ("fig1_mnist", "random_0_1", "6.5", "", "recalled"),
        ("table3_init", "init_vs", "1.75", "0.10", found),
        ("table3_init", "init_rn", "1.88", "", "recalled"),
        ("", "", "1.6", "", f"found:{NASTY}"),
    ]  # fmt: skip
    return [
        base | {"source": "Table 1", "experiment": e, "run": r, "value": v, "spread": s,
                "origin": o, "metric": "test_error", "criterion": "" if e else "LWC",
                "model": "lenet_300_100"}
        for e, r, v, s, o in cells
    ]  # fmt: skip


def claims(paper):
    """Return the rows of the audit of `paper`, unknown fields null."""
    unknown = ("part", "other_reading", "estimate", "interval", "power", "holm", "control", "n")
    base = dict.fromkeys((*unknown, "limits", "published", "needed_n"))
    base |= {
        "where": "Table 1", "kind": "at_most", "verdict": "supported", "condition": "paper",
        "reason": "The interval lies on the claim's side of the boundary.", "scale": "cpu",
        "evidence": "measured", "reading": "authors_code", "unit": "points",
        "supported_beyond": 0.2, "contradicted_beyond": 0.2,
    }  # fmt: skip
    rows = yaml.safe_load((Path(__file__).parent / "claims.yaml").read_text())
    return [base | row for row in rows[paper]]


def plumbing(rows):
    """Return `rows` as a plumbing run leaves them: sampled claims not tested."""
    untested = dict.fromkeys(("estimate", "interval", "holm", "power", "other_reading", "n"))
    untested |= {"verdict": "not_tested", "scale": "smoke", "condition": "proxy"}
    untested["reason"] = "A plumbing run judges exact claims alone."
    exact = ("exact", "none")
    return [
        row if row["kind"] in exact or row["evidence"] == "published" else row | untested
        for row in rows
    ]


def write_csv(path, columns, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_paper(folder: Path, plan, claims, published=(), log="claims unchanged since the runs"):
    """Write what planning, the runs and the audit leave in a paper's folder of results."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "audit.json").write_text(json.dumps({"claims": claims, "claims_log": log}))
    rows = run_rows(plan)
    keys = dict.fromkeys(key for row in rows for key in row)
    write_csv(folder / "runs.csv", keys, rows)
    write_csv(folder / "published.csv", PUBLISHED, published)
