"""What a pass through a network costs, in weights and multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from common.procedures.stage import Found, Stage
from common.pruning import prunable


def costs(stage: Stage) -> Found:
    """Return the weights stored and the multiply-adds of a pass, of the arm's mask and dense.

    One kept weight of a convolution costs one multiply-add for each position of its output, padding
    included, one of a linear layer a single one. A training pass also takes each kept weight once
    for its own gradient and once for that of its input; the first layer's input needs none.

    Returns
    -------
    rows
        ``cost weights``, ``cost forward`` and ``cost training`` (multiply-adds an image), the same
        with ``dense_`` of the unpruned network; ``cost fewer``: 1 if all three are below the dense
        network's.
    """
    model = stage.model()
    places = positions(model, stage.data.in_shape)
    kept = {name: count for name, (count, _) in stage.path[-1].counts().items()}
    whole = {name: weight.numel() for name, weight in prunable(model).items()}
    pruned, dense = (_costs(count, places) for count in (kept, whole))
    rows: Found = [("cost", name, float(value)) for name, value in pruned.items()]
    rows += [("cost", f"dense_{name}", float(value)) for name, value in dense.items()]
    fewer = all(pruned[name] < dense[name] for name in pruned)
    return [*rows, ("cost", "fewer", float(fewer))]


def positions(model: nn.Module, in_shape: tuple[int, int, int]) -> dict[str, int]:
    """Return, by weight, the places at which a weight of each layer is used for one image."""
    found: dict[str, int] = {}
    hooks = []
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            name = f"{path}.weight" if path else "weight"

            def used(
                layer: nn.Module, _: Any, output: Tensor, name: str = name
            ) -> None:  # the name is bound now, not when called
                channels = output.shape[1] if isinstance(layer, nn.Conv2d) else output.shape[-1]
                found[name] = output.numel() // channels

            hooks.append(module.register_forward_hook(used))
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *in_shape, device=next(model.parameters()).device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _costs(kept: Mapping[str, int], places: Mapping[str, int]) -> dict[str, int]:
    products = [count * places[name] for name, count in kept.items()]
    forward = sum(products)
    return {
        "weights": sum(kept.values()),
        "forward": forward,
        "training": 3 * forward - products[0],
    }
