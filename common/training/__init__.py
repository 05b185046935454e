"""Training under a fixed mask: recipe, loop, evaluation, checkpoints."""

from common.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from common.training.evaluate import evaluate
from common.training.loop import History, train
from common.training.recipe import Recipe

__all__ = [
    "Checkpoint",
    "History",
    "Recipe",
    "evaluate",
    "load_checkpoint",
    "save_checkpoint",
    "train",
]
