"""The plan of SNIP at a scale, and made-up run tables for its pictures."""

import functools
import zlib

import numpy as np
import pandas as pd

from common.products import read_published
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scale, load_scales
from common.suite.plan import PaperPlan, Plan, Request
from common.suite.start import paper_plan

PUBLISHED = "papers/snip/published.csv"


@functools.cache
def expanded(scale):
    loaded = load_paper("snip")
    return expand(loaded, load_scales())[scale]


@functools.cache
def plan(scale):
    part = PaperPlan(load_paper("snip"), load_scale(scale), expanded(scale), {})
    return paper_plan(Plan(Request(scale=scale), {"snip": part}), part)


@functools.cache
def published():
    return read_published(PUBLISHED)


def table(scale, experiment, measure, replicates=2):
    """Return a run table: `measure(settings, rng)` gives (step, split, metric, value) of a run."""
    entry = plan(scale)["experiments"][experiment]
    rows = []
    for run, arm in entry["arms"].items():
        for replicate in range(replicates):
            rng = np.random.default_rng([zlib.crc32(run.encode()), replicate])
            for found in measure(arm["settings"], rng):
                rows.append((experiment, run, replicate, *found))
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def errors(settings, rng):
    """A test error that random pruning raises far above everything else."""
    level = {"dense": 1.7, "snip": 1.9, "random": 20.0}[settings["criterion"]]
    yield 100, "test", "error", level + rng.normal(0, 0.05)


def losses(settings, rng):
    for step, loss in ((10, 2.3), (20, 1.0), (30, 0.1)):
        yield step, "train", "loss", loss + abs(rng.normal(0, 0.01))


def pixels(settings, rng):
    for index, value in enumerate(rng.random(784) * settings["density"]):
        yield 0, "image", f"pixel:{index}", value


def correlation(settings, rng):
    yield 0, "image", "correlation", 1 - 0.5 / settings["scoring.batch"]


def densities(settings, rng):
    layers = {"lenet5_caffe": ("conv1", "conv2", "fc1", "fc2")}
    for layer in layers.get(settings["model"], ("fc1", "fc2", "fc3")):
        yield 0, "mask", f"density:{layer}.weight", settings["density"] * rng.uniform(0.5, 1)
        yield 0, "mask", f"density:{layer}.bias", 0.0


MEASURES = {
    "fig1_lenet_300_100": errors,
    "fig1_lenet5": errors,
    "fig2_images": pixels,
    "fig3_errors": errors,
    "fig3_images": correlation,
    "fig4_random_labels": losses,
    "layer_densities": densities,
    "table3_lenet5": errors,
    "table3_lenet_300_100": errors,
    "table3_recurrent": errors,
}
