"""Speed as ratios within one process: the engine beside plain code that does the same."""

from common.benchmarks.measure import Result, paired, to_csv
from common.benchmarks.pruning import scoring, scoring_memory
from common.benchmarks.training import lenet_training, matrix_share, resnet_training, start_up

__all__ = [
    "Result",
    "lenet_training",
    "matrix_share",
    "paired",
    "resnet_training",
    "scoring",
    "scoring_memory",
    "start_up",
    "to_csv",
]
