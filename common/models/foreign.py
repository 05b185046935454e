"""Networks of timm and torchvision by ``timm:<name>`` and ``torchvision:<name>``.

Neither library is imported unless such a name is asked for, and nothing is downloaded.
"""

from __future__ import annotations

import difflib

import torch
from torch import nn

from common.errors import Refused
from common.models.shapes import Shape


def foreign(name: str, classes: int, in_shape: Shape, width: float) -> nn.Module:
    """Return the untrained network called `name`, prefix included.

    Parameters as in `common.models.build`. The constructor draws from the global generator.

    Raises
    ------
    Refused
        If the library has no such classification network, a width factor is asked for, or the
        network does not map one image of `in_shape` to `classes` logits.
    """
    library, _, inner = name.partition(":")
    if width != 1:
        raise Refused(f"width {width}: networks of {library} have no width factor")
    _check_known(library, inner)
    model = _timm(inner, classes, in_shape) if library == "timm" else _torchvision(inner, classes)
    if getattr(model, "aux_logits", False):
        raise Refused(f"model {name!r}: networks with auxiliary outputs are not supported")
    try:
        with torch.no_grad():
            logits = model.eval()(torch.zeros(1, *in_shape))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise Refused(f"in_shape {in_shape}: {name} cannot take it ({error})") from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (1, classes):
        raise Refused(f"model {name!r}: its output is not one row of {classes} logits")
    return model.train()


def foreign_input(name: str) -> Shape:
    """Return the images that the network called `name` was made for, (C, H, W).

    Raises
    ------
    Refused
        If the library has no such classification network.
    """
    library, _, inner = name.partition(":")
    _check_known(library, inner)
    if library == "timm":
        import timm

        pretrained = timm.get_pretrained_cfg(inner)
        if pretrained is not None:
            channels, height, breadth = pretrained.input_size
            return channels, height, breadth
    return 3, 224, 224


def _timm(name: str, classes: int, in_shape: Shape) -> nn.Module:
    import timm

    return timm.create_model(name, pretrained=False, num_classes=classes, in_chans=in_shape[0])


def _torchvision(name: str, classes: int) -> nn.Module:
    from torchvision import models

    return models.get_model(name, weights=None, num_classes=classes)


def _check_known(library: str, name: str) -> None:
    if library == "timm":
        import timm

        # Asked first: it also knows names with the tag of a set of weights ("resnet18.a1_in1k").
        if timm.is_model(name):
            return
        known = timm.list_models()
    else:
        from torchvision import models

        known = models.list_models(module=models)
        if name in known:
            return
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f", did you mean {' or '.join(map(repr, near))}?" if near else "."
    raise Refused(f"unknown {library} model {name!r}{hint} Its list_models() names them all")
