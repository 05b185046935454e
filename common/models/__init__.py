"""Networks by name, their initialisers, and the width factor."""

from common.models.build import build, input_shape
from common.models.initialise import initialise_

__all__ = ["build", "initialise_", "input_shape"]
