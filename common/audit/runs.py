"""A paper's run table beside its plan: arms, replicates, values, and what is missing, named."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from common import names
from common.suite.selectors import Arms, Ref, matching

LEAST = 3  # replicates for any verdict
MEASUREMENT = ("step", "split", "metric", "value")


class NotTested(Exception):
    """The runs cannot decide a claim; the text is the reason."""


@dataclass
class Read:
    """What an estimand read: its arms, and the replicates that diverged or found no mask."""

    arms: set[tuple[str, str]] = field(default_factory=set)
    diverged: list[str] = field(default_factory=list)


class Runs:
    """A paper's run table beside its plan.

    Parameters
    ----------
    table : DataFrame
        Columns ``experiment, run, replicate, step, split, metric, value``, settings as they come.
    plan : mapping, optional
        The paper's plan; without one the table itself says which arms exist and how many
        replicates were meant.
    """

    def __init__(self, table: pd.DataFrame, plan: Mapping | None = None) -> None:
        self.plan = plan
        self.table = table
        metric = table["split"].astype(str) + "_" + table["metric"].astype(str)
        self._replicates = table["replicate"].to_numpy(int)
        self._steps = pd.to_numeric(table["step"]).to_numpy(float)
        self._values = pd.to_numeric(table["value"], errors="coerce").to_numpy(float)
        keys = pd.DataFrame(
            {"experiment": table["experiment"], "run": table["run"], "metric": metric}
        )
        self._rows = keys.groupby(list(keys), sort=False).indices if len(keys) else {}
        self.stand_ins = frozenset(plan.get("stand_ins", ()) if plan else ())
        self._own_arms: dict[str, dict[str, dict]] = {} if plan else self._arms_of_table()

    def _arms_of_table(self) -> dict[str, dict[str, dict]]:
        columns = [name for name in self.table if name not in (*MEASUREMENT, "replicate", "paper")]
        arms: dict[str, dict[str, dict]] = {}
        for row in self.table[columns].drop_duplicates(["experiment", "run"]).to_dict("records"):
            arms.setdefault(row["experiment"], {})[row["run"]] = row
        return arms

    def arms(self, experiment: str) -> Arms:
        """Return the arms of `experiment` with their flat settings."""
        if self.plan is None:
            return self._own_arms.get(experiment, {})
        entry = self.plan["experiments"].get(experiment, {"arms": {}})
        return {name: arm["settings"] for name, arm in entry["arms"].items()}

    def conditions(self, arms: set[tuple[str, str]]) -> str | None:
        """Return ``paper`` if every arm is in the paper's condition, else ``proxy`` or None."""
        found = {self._condition(*arm) for arm in arms}
        if not found or None in found:
            return None
        return "paper" if found == {"paper"} else "proxy"

    def _condition(self, experiment: str, run: str) -> str | None:
        if self.plan is not None:
            return self.plan["experiments"][experiment]["arms"][run]["condition"]
        given = self._own_arms[experiment][run].get("condition")
        return given if given in ("paper", "proxy") else None

    def resolve(self, ref: Ref) -> list[str]:
        """Return the arms that `ref` means.

        Raises
        ------
        NotTested
            If there is none here, or several where one is meant.
        """
        arms = self.arms(ref.experiment)
        found = matching(ref.selector, arms)
        if not found:
            raise NotTested(self._absent(ref))
        if len(found) > 1 and not ref.several:
            raise NotTested(f"{_shown(ref)} matches several arms: {', '.join(found)}")
        return found

    def _absent(self, ref: Ref) -> str:
        if self.plan is None:
            return f"the table has no run with {_shown(ref)}"
        why = self.plan.get("not_run", {}).get(ref.experiment)
        return f"not part of scale {self.plan['scale']}: {why or _shown(ref)}"

    def collect(self, refs: Sequence[Ref], least: int = LEAST) -> tuple[list[np.ndarray], Read]:
        """Return one array a reference, each of shape (n,) over the replicates all arms share.

        Parameters
        ----------
        refs : sequence of Ref
            Each must mean one arm.
        least : int
            Replicates below which nothing is judged.

        Raises
        ------
        NotTested
            If an arm is not part of the scale, replicates are missing, or fewer than `least`.
        """
        read = Read()
        runs = [(ref, self.resolve(ref)[0]) for ref in refs]
        read.arms |= {(ref.experiment, run) for ref, run in runs}
        planned = [self._planned(ref.experiment, run) for ref, run in runs]
        series = [self._series(ref, run, read) for ref, run in runs]
        if self.plan is not None:
            replicates = list(range(min(planned)))
            for (_, run), values in zip(runs, series, strict=True):
                done = sum(replicate in values for replicate in replicates)
                if done < len(replicates):
                    raise NotTested(f"{done} of {len(replicates)} replicates run ({run})")
        else:
            replicates = sorted(set.intersection(*(set(values) for values in series)))
        if len(replicates) < least:
            raise NotTested(f"{len(replicates)} replicates, at least {least} are needed")
        return [np.array([values[r] for r in replicates]) for values in series], read

    def _planned(self, experiment: str, run: str) -> int:
        if self.plan is None:
            return 0
        return len(self.plan["experiments"][experiment]["arms"][run]["digests"])

    def _series(self, ref: Ref, run: str, read: Read) -> dict[int, float]:
        """Return replicate -> value; a diverged replicate counts at chance level and is named."""
        rows = self._rows.get((ref.experiment, run, ref.metric), np.array([], dtype=int))
        values: dict[int, float] = {}
        for replicate in np.unique(self._replicates[rows]):
            own = rows[self._replicates[rows] == replicate]
            if (row := self._at_step(own, ref.step)) is not None:
                values[int(replicate)] = float(self._values[row])
        failed = {r for r, value in values.items() if not math.isfinite(value)}
        if _has_chance_level(ref.metric):
            failed |= self._diverged(ref.experiment, run)
        chance = chance_level(ref.metric, self.arms(ref.experiment)[run].get("data"))
        for replicate in sorted(failed):
            if chance is None:
                named = f"{run} replicate {replicate}: {ref.metric} is not a number or diverged"
                raise NotTested(f"{named}, and its chance level is not known")
            values[replicate] = chance
            read.diverged.append(f"{run} replicate {replicate}")
        if not values and (nearest := self._other_metric(ref, run)) is not None:
            raise NotTested(f"{run} records no {ref.metric}{nearest}")
        return values

    def _at_step(self, rows: np.ndarray, step: str | float) -> int | None:
        """Return the row at `step`: the last one not after it, where it is a share of the last."""
        steps = self._steps[rows]
        order = np.argsort(steps, kind="stable")
        if step in ("last", "first"):
            return int(rows[order[-1 if step == "last" else 0]])
        wanted = float(step)
        if wanted >= 1:
            exact = rows[steps == wanted]
            return int(exact[0]) if len(exact) else None
        before = [index for index in order if steps[index] <= wanted * steps.max()]
        return int(rows[before[-1]]) if before else None

    def _diverged(self, experiment: str, run: str) -> set[int]:
        failures = ("run_diverged", "run_degenerate")
        rows = [row for name in failures for row in self._rows.get((experiment, run, name), ())]
        return {int(self._replicates[row]) for row in rows if self._values[row] == 1}

    def _other_metric(self, ref: Ref, run: str) -> str | None:
        recorded = [metric for e, r, metric in self._rows if (e, r) == (ref.experiment, run)]
        if not recorded:
            return None
        near = difflib.get_close_matches(ref.metric, recorded, n=1)
        return f" (did you mean {near[0]}?)" if near else ""


def _shown(ref: Ref) -> str:
    chosen = ", ".join(f"{key} {value}" for key, value in ref.selector.items()) or "any settings"
    return f"{chosen} in {ref.experiment}"


def chance_level(metric: str, data: object) -> float | None:
    """Return what a network that guesses scores: error and accuracy in points, loss in nats.

    None for other metrics and unknown data sets.
    """
    classes = names.CLASSES.get(str(data))
    if classes is None or not _has_chance_level(metric):
        return None
    levels = {"error": 100 - 100 / classes, "accuracy": 100 / classes, "loss": math.log(classes)}
    return levels[metric.rsplit("_", 1)[-1]]


def _has_chance_level(metric: str) -> bool:
    return metric.rsplit("_", 1)[-1] in ("error", "accuracy", "loss")
