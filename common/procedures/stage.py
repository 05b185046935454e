"""What every procedure starts from: the data, the network and the masks of a replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from common import data as datasets
from common.data import Batcher, Data, Split
from common.models import build, initialise_, initialise_linear_, input_shape
from common.procedures.streams import generator, seed
from common.pruning import Masks, prune

SCORING = (
    "reading", "loss", "temperature", "norm_mode", "reduction", "biases", "allocation", "ties",
    "rounding", "steps", "schedule", "dtype",
)  # fmt: skip
EVALUATION_BATCH = 1000

Batch = tuple[Tensor, Tensor]
Found = list[tuple[str, str, float]]  # what a measure returns: split, metric, value


@lru_cache(maxsize=2)
def _fitted(name: str, in_shape: tuple[int, int, int] | None) -> Data:
    loaded = datasets.load(name)
    if in_shape is None or _larger(loaded.in_shape, in_shape):
        return loaded
    return datasets.enlarge(loaded, in_shape)


def _larger(images: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    """Return whether the images exceed what the network is usually given, in size alone.

    The network is built for the images then, as the CIFAR networks are for Tiny ImageNet.
    """
    return images[0] == wanted[0] and images[1] >= wanted[1] and images[2] >= wanted[2]


def channels_last(model: nn.Module) -> bool:
    """Return whether `model` and its images lie channels last: it convolves, and is faster so."""
    return any(isinstance(module, nn.Conv2d) for module in model.modules())


@dataclass(frozen=True)
class Fresh:
    """Batches that are drawn anew each time they are gone through."""

    draw: Callable[[], Iterator[Batch]]

    def __iter__(self) -> Iterator[Batch]:
        return self.draw()


@dataclass
class Stage:
    """Data, network and masks of one run; every draw comes from a named stream of the replicate.

    Attributes
    ----------
    settings : namespace
        The settings of the arm, every default filled in.
    replicate : int
    device : torch.device
    """

    settings: SimpleNamespace
    replicate: int
    device: torch.device

    def stream(self, name: str) -> torch.Generator:
        """Return a fresh generator at the start of the replicate's stream `name`."""
        return generator(self.replicate, name)

    @cached_property
    def data(self) -> Data:
        """The data set, enlarged to the network's input where it is smaller."""
        return _fitted(self.settings.data, input_shape(self.settings.model))

    @cached_property
    def splits(self) -> tuple[Split, Split | None]:
        """Training and validation split with true labels; None if nothing is held out."""
        images = self.data.train
        if self.settings.subset:
            images = datasets.subset(images, self.settings.subset, self.stream("subset"))
        if not self.settings.holdout:
            return images, None
        kept, held = datasets.holdout(len(images), self.settings.holdout, self.stream("split"))
        return images.take(kept), images.take(held)

    @cached_property
    def training(self) -> Split:
        """The training split with the labels that are trained on."""
        split = self.splits[0]
        if self.settings.labels == "random":
            split = datasets.random_labels(split, self.data.classes, self.stream("labels"))
        return split

    def model(self, stream: str = "init") -> nn.Module:
        """Return the network, initialised from `stream`, on the device."""
        settings = self.settings
        net = build(
            settings.model,
            classes=self.data.classes,
            in_shape=self.data.in_shape,
            width=settings.width,
        )
        initialise_(net, settings.init, self.stream(stream), sd=settings.init_sd)
        if channels_last(net):
            net = net.to(memory_format=torch.channels_last)
        return net.to(self.device)

    def batcher(self, split: Split, **options) -> Batcher:
        """Return the training batches of `split` on the device."""
        return Batcher(
            split, self.data.mean, self.data.sd,
            order_seed=seed(self.replicate, "order"), augment_seed=seed(self.replicate, "augment"),
            pixels=self.settings.pixels, device=self.device, **options,
        )  # fmt: skip

    def training_batches(self, model: nn.Module) -> Callable[[int], Batch]:
        """Return the batches that `model` is trained on by the arm's recipe, by finished steps."""
        recipe = self.settings.recipe
        return self.batcher(
            self.training, batch=recipe.batch, augment=recipe.augment,
            channels_last=channels_last(model),
        ).batch  # fmt: skip

    def evaluation_batches(self, split: Split, channels_last: bool) -> Iterator[Batch]:
        """Yield all of `split` in order, normalised, on the device."""
        return datasets.evaluation_batches(
            split, min(EVALUATION_BATCH, len(split)), mean=self.data.mean, sd=self.data.sd,
            pixels=self.settings.pixels, channels_last=channels_last, device=self.device,
        )  # fmt: skip

    def scoring_batches(self, one_class: int | None = None) -> list[Batch]:
        """Return the batches that a criterion sees: not augmented, from the training split."""
        return list(self._draws(one_class)())

    def _draws(self, one_class: int | None) -> Callable[[], Iterator[Batch]]:
        """Return a function that draws scoring batches, others each time it is called."""
        scoring = self.settings.scoring
        split = self.training if scoring.labels == "training" else self.splits[0]
        if scoring.labels == "random":
            split = datasets.random_labels(split, self.data.classes, self.stream("scored_labels"))
        if scoring.pixels == "shuffled":
            split = datasets.shuffled_pixels(split, self.stream("scored_pixels"))
        chosen = scoring.one_class if one_class is None else one_class
        if chosen is not None:
            split = datasets.one_class(split, chosen)
        return partial(
            datasets.scoring_batches, split, scoring.batch, scoring.batches,
            self.stream("criterion"), mean=self.data.mean, sd=self.data.sd,
            sampling=scoring.sampling, pixels=self.settings.pixels, device=self.device,
        )  # fmt: skip

    def criterion_batches(self, one_class: int | None = None) -> Iterable[Batch]:
        """Return what a criterion sees at each step: these batches, or fresh ones every time."""
        draws = self._draws(one_class)
        return Fresh(draws) if self.settings.scoring.fresh else list(draws())

    @cached_property
    def path(self) -> list[Masks]:
        """The arm's masks at initialisation after each step, the last as they are used.

        Found once, so that the measures of a run share them.
        """
        steps: list[Masks] = []
        final = self.masks(self.model(), on_step=steps.append)
        return [*steps[:-1], final]

    def masks(
        self,
        model: nn.Module,
        one_class: int | None = None,
        density: float | None = None,
        **changed: Any,
    ) -> Masks:
        """Return the masks of the arm for `model`.

        Those scored on one class alone have streams of their own, so that the masks of several
        classes are independent.

        Parameters
        ----------
        model : nn.Module
            Scored as it is, unless the arm scores another draw.
        one_class : int, optional
            Score images of this class alone.
        density : float, optional
            Instead of the arm's.
        changed : optional
            Arguments of `common.pruning.prune` that differ from the arm's settings.
        """
        of_class = "" if one_class is None else f"_class_{one_class}"
        settings, scoring = self.settings, self.settings.scoring
        options: dict[str, Any] = {name: getattr(scoring, name) for name in SCORING}
        if scoring.init:
            draw = initialise_linear_ if scoring.redrawn == "linear" else initialise_
            options["redraw"] = lambda net: draw(
                net, scoring.init, self.stream(f"scored{of_class}"), sd=scoring.init_sd
            )
        if settings.layers_like:
            options["like"] = settings.layers_like
        options |= {
            "criterion": settings.criterion,
            "density": settings.density if density is None else density,
            "ablation": settings.ablation,
            "batches": self.criterion_batches(one_class),
            "generator": self.stream(f"mask{of_class}"),
        }
        return prune(model, **{**options, **changed})
