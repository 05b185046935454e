"""The sparsities of SNIP's arms, in per cent as its pictures show them."""

from __future__ import annotations

from collections.abc import Mapping

from common.report.curves import setting_of


def sparsity_of(entry: Mapping, run: str) -> float:
    """Return an arm's share of weights removed, in %."""
    return round(100 * (1 - float(setting_of(entry, run, "density"))), 6)


def main_sparsity(entry: Mapping) -> float:
    """Return the sparsity (%) that most SNIP arms share; the others serve the control."""
    snip = [run for run in entry["arms"] if setting_of(entry, run, "criterion") == "snip"]
    found = [sparsity_of(entry, run) for run in snip]
    return max(found, key=found.count, default=0.0)
