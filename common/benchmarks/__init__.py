"""Speed as ratios within one process: the engine beside plain code that does the same."""

from common.benchmarks.measure import Result, paired, to_csv
from common.benchmarks.training import BENCHMARKS

__all__ = ["BENCHMARKS", "Result", "paired", "to_csv"]
