"""Networks by name: those of this room, and those of timm and torchvision."""

from __future__ import annotations

import inspect
import math
import pkgutil
from collections.abc import Callable, Sequence

import torch
from torch import nn

from common import names
from common.errors import Refused, unknown
from common.models.foreign import foreign, foreign_input
from common.models.initialise import initialise_
from common.models.roles import owner, role
from common.models.shapes import Shape


def build(name: str, *, classes: int, in_shape: Sequence[int], width: float = 1.0) -> nn.Module:
    """Return the network called `name`, on the CPU, in float32 and training mode.

    Its parameters are those of ``initialise_(model, "default", ...)`` with a generator of seed 0,
    so that equal calls give equal networks; experiments draw their own with
    `common.models.initialise_`. The global generators are left as they were.

    Parameters
    ----------
    name : str
        A model of `common.names.MODELS`, or ``timm:<name>`` or ``torchvision:<name>``.
    classes : int
        Logits, at least 1.
    in_shape : sequence of int
        Channels, height and width of an image.
    width : float
        Factor on channels and hidden units (rounded, at least 1 each), never on inputs or classes.

    Raises
    ------
    Refused
        If the name is unknown, a number is out of range, or the network cannot take such images.

    Examples
    --------
    >>> net = build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.5)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    shape = _shape(in_shape)
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise Refused(f"classes {classes!r}: must be a whole number of at least 1")
    if not (math.isfinite(width) and width > 0):
        raise Refused(f"width {width!r}: the factor on channels must be positive")
    # Constructors draw; the fork keeps that from the caller, the seed makes it the same each time.
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        if name.startswith(names.MODEL_PREFIXES):
            model = foreign(name, classes, shape, width)
        else:
            model = _function(name)(classes, shape, width)
    others = {
        path: parameter.detach().clone()
        for path, parameter in model.named_parameters()
        if role(*owner(model, path)) == "other"
    }
    if others:
        model.as_built = others  # type: ignore[assignment]
    return initialise_(model, "default", torch.Generator().manual_seed(0))


def input_shape(name: str) -> Shape:
    """Return the images that the network called `name` was made for: channels, height, width.

    Raises
    ------
    Refused
        If the name is unknown.

    Examples
    --------
    >>> input_shape("lenet_300_100")
    (1, 28, 28)
    """
    if name.startswith(names.MODEL_PREFIXES):
        return foreign_input(name)
    return inspect.signature(_function(name)).parameters["in_shape"].default


def _function(name: str) -> Callable[[int, Shape, float], nn.Module]:
    if name not in names.MODELS:
        raise unknown("model", name, [*names.MODELS, *(f"{p}<name>" for p in names.MODEL_PREFIXES)])
    return pkgutil.resolve_name(names.MODELS[name])


def _shape(in_shape: Sequence[int]) -> Shape:
    shape = tuple(in_shape)
    if len(shape) != 3 or any(not isinstance(side, int) or side < 1 for side in shape):
        raise Refused(f"in_shape {shape}: must be channels, height, width, each at least 1")
    return shape[0], shape[1], shape[2]
