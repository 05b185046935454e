"""The criterion under test and the networks that it is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from common import names
from common.datafiles import check
from common.errors import Refused, unknown
from common.procedures import Stage, namespace
from common.procedures.prune_then_train import train_under
from common.pruning import Masks, load_criterion, score
from common.suite.settings import Settings

MLP, DEEP_MLP, CONVOLUTIONAL = "lenet_300_100", "mlp6", "resnet20"
BUILT_IN = ("random", "magnitude", "snip", "grasp", "synflow", "force")
# Fixed for all criteria, so that their pages can be laid beside each other.
RECIPE = {
    "lr": 0.05, "momentum": 0.9, "batch": 100, "steps": 500, "milestones": [250, 400],
    "evaluations": 1,
}  # fmt: skip
SCORING = {"batch": 100, "sampling": "balanced"}
WIDTHS = {CONVOLUTIONAL: 0.25}


class Finding(NamedTuple):
    """One number of the battery."""

    criterion: str
    test: str
    network: str
    setting: str
    replicate: int
    metric: str
    value: float


@dataclass(frozen=True)
class Subject:
    """A criterion by name or as a function, and the data it is tried on.

    Attributes
    ----------
    name : str
        What the page calls it.
    criterion : str or callable
        As `common.pruning.prune` takes it.
    images, colour_images : str
        Data sets of 28x28 and of 32x32 images; ``digits`` where no other is at hand.
    replicates : int
    """

    name: str
    criterion: Any
    images: str
    colour_images: str
    replicates: int = 5

    @classmethod
    def of(cls, given: str, replicates: int = 5) -> Subject:
        """Return the subject of a registered name or of ``file.py:function``, whose code is run.

        Raises
        ------
        Refused
            If there is no such criterion, file or function.
        """
        criterion: Any = load_criterion(given) if ".py" in given else given
        if isinstance(criterion, str) and criterion not in names.CRITERIA:
            raise unknown("criterion", criterion, names.CRITERIA)
        name = given if isinstance(criterion, str) else given.rpartition(":")[2]
        return cls(name, criterion, _here("fashion_mnist"), _here("cifar10_batch1"), replicates)

    def stage(self, network: str, replicate: int, **changed: Any) -> Stage:
        """Return data, network and streams of a replicate on `network`."""
        given: dict[str, Any] = {
            "procedure": "prune_then_train",
            "model": network,
            "width": WIDTHS.get(network, 1.0),
            "data": self.colour_images if network == CONVOLUTIONAL else self.images,
            "init": "kaiming_normal",
            "criterion": "random",  # replaced by the one under test
            "scoring": SCORING,
            "recipe": RECIPE,
        }
        if given["data"] != "digits":
            given["subset"] = 10_000
        settings = Settings.model_validate({**given, **changed})
        device = torch.device("cpu")
        return Stage(namespace(settings.model_dump(mode="json")), replicate, device)

    def masks(self, stage: Stage, model: nn.Module, density: float, **changed: Any) -> Masks:
        """Return the masks that the criterion finds for `model` at `density`."""
        return stage.masks(model, density=density, **{"criterion": self.criterion, **changed})

    def scores(self, stage: Stage, model: nn.Module, **changed: Any) -> dict[str, torch.Tensor]:
        """Return the scores of the dense network."""
        batches = stage.scoring_batches()
        generator = stage.stream("mask")
        return score(model, self.criterion, batches, generator=generator, **changed)

    def error(self, stage: Stage, model: nn.Module, masks: Masks | None) -> float:
        """Return the test error (points) after training `model` under `masks`, in place."""
        rows = train_under(stage, model, masks, None)
        found = [row.value for row in rows if (row.split, row.metric) == ("test", "error")]
        return found[-1] if found else 100 * (1 - 1 / stage.data.classes)  # diverged: at chance


def _here(data: str) -> str:
    """Return `data`, or the embedded digits where its files are not there."""
    try:
        check(data)
    except Refused:
        return "digits"
    return data
