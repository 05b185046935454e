"""What a parameter is for: a weight that may be pruned, a bias, part of a norm, or neither.

The convention, on which pruning and initialisation rest: the weights of a network are the
parameters named ``weight`` of ``nn.Linear`` and ``nn.Conv*`` modules, its biases those named
``bias`` there. A module that holds weights of its own, such as a recurrent cell, names them in two
attributes, ``prunable_names`` and ``bias_names``: tuples of its own parameters' names.
"""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

Role = Literal["weight", "bias", "norm", "other"]

AFFINE = (nn.Linear, _ConvNd)
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def role(module: nn.Module, name: str) -> Role:
    """Return the role of the parameter `name` that belongs to `module` itself.

    Examples
    --------
    >>> role(nn.Linear(2, 3), "weight"), role(nn.BatchNorm2d(4), "bias")
    ('weight', 'norm')
    """
    affine = isinstance(module, AFFINE)
    if (affine and name == "weight") or name in getattr(module, "prunable_names", ()):
        return "weight"
    if (affine and name == "bias") or name in getattr(module, "bias_names", ()):
        return "bias"
    if isinstance(module, NORMS) and name in ("weight", "bias"):
        return "norm"
    return "other"


def owner(model: nn.Module, parameter: str) -> tuple[nn.Module, str]:
    """Return the module of `model` that holds the parameter called `parameter`, and its name there.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 3))
    >>> owner(net, "0.weight") == (net[0], "weight")
    True
    """
    path, _, name = parameter.rpartition(".")
    return model.get_submodule(path), name
