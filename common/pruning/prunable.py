"""Which parameters of a network a criterion may remove."""

from __future__ import annotations

from typing import Literal

from torch import nn

from common.errors import Refused, unknown
from common.models.roles import AFFINE, Role, role

Biases = Literal["free", "counted"]
BIASES: tuple[Biases, ...] = ("free", "counted")


def prunable(model: nn.Module, biases: Biases = "free") -> dict[str, nn.Parameter]:
    """Return the prunable parameters of `model` by name, in the order in which ties are settled.

    Parameters
    ----------
    model : nn.Module
        Any network. Prunable are the weights of ``nn.Linear`` and ``nn.Conv*`` modules and what
        other modules list in an attribute ``prunable_names``; never norm parameters.
    biases : {"free", "counted"}
        ``"free"``: biases are not pruned. ``"counted"``: they compete with the weights, and are
        counted in every density. A module of its own kind lists them in ``bias_names``.

    Returns
    -------
    dict of str to nn.Parameter
        The weights in the order of ``named_parameters``, then the biases in that order. A shared
        parameter stands once, under its first name.

    Raises
    ------
    Refused
        If nothing is prunable, a layer computes its weight from other parameters, or `biases` is
        unknown.

    References
    ----------
    Biases count in the code of SNIP's authors (namhoonlee/snip-public, model.py), not in its text.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    >>> list(prunable(net)), list(prunable(net, biases="counted"))[2:]
    (['0.weight', '2.weight'], ['0.bias', '2.bias'])
    """
    if biases not in BIASES:
        raise unknown("treatment of biases", biases, BIASES)
    roles: dict[int, Role] = {}
    for path, module in model.named_modules():
        if isinstance(module, AFFINE) and "weight" not in module._parameters:
            raise Refused(
                f"layer {path or type(module).__name__!r} computes its weight from other "
                "parameters; remove the parametrisation before pruning"
            )
        for name, parameter in module.named_parameters(recurse=False):
            roles.setdefault(id(parameter), role(module, name))
    named = dict(model.named_parameters())
    chosen = {name: p for name, p in named.items() if roles[id(p)] == "weight"}
    if not chosen:
        raise Refused(
            f"{type(model).__name__} has no prunable weight: no nn.Linear, no nn.Conv* and no "
            "module with an attribute prunable_names"
        )
    if biases == "counted":
        chosen |= {name: p for name, p in named.items() if roles[id(p)] == "bias"}
    return chosen
