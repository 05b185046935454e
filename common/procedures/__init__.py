"""What an arm does: train, prune then train, or analyse masks without training."""

from common.procedures.execute import execute, namespace, prepare
from common.procedures.stage import Stage
from common.procedures.streams import generator, seed

__all__ = ["Stage", "execute", "generator", "namespace", "prepare", "seed"]
