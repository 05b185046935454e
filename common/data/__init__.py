"""Data sets by name as tensors in memory, splits, variants, and the batches networks see."""

from common.data.augment import AUGMENTATIONS, Moves, draw_moves, move
from common.data.batches import Batcher, evaluation_batches, normalise, scoring_batches
from common.data.moments import moments
from common.data.sets import Data, Split, load
from common.data.split import holdout
from common.data.variants import (
    enlarge,
    one_class,
    pixel_sequence,
    random_labels,
    rows,
    shuffled_pixels,
    subset,
)

__all__ = [
    "AUGMENTATIONS",
    "Batcher",
    "Data",
    "Moves",
    "Split",
    "draw_moves",
    "enlarge",
    "evaluation_batches",
    "holdout",
    "load",
    "moments",
    "move",
    "normalise",
    "one_class",
    "pixel_sequence",
    "random_labels",
    "rows",
    "scoring_batches",
    "shuffled_pixels",
    "subset",
]
