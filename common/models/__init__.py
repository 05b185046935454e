"""Networks by name, their initialisers, and the width factor."""

from common.models.build import build, input_shape
from common.models.initialise import initialise_, initialise_linear_

__all__ = ["build", "initialise_", "initialise_linear_", "input_shape"]
