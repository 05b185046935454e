"""Planned seconds of a run, from its spec alone, so that blocks are cut alike on every machine.

Seconds are of one core of the reference machine (2.8 GHz Xeon, AVX-512, float32); `make plan`
scales them to the machine at hand by a short calibration.
"""

from __future__ import annotations

from common.suite.settings import Settings

# Microseconds of a forward-backward pass per example at width 1, measured at batch 100 or 128.
TRAIN_US = {
    "lenet_300_100": 22, "mlp6": 15, "lenet5_caffe": 300, "conv2": 2500, "conv4": 4500,
    "conv6": 5500,
    "alexnet_s": 7000, "alexnet_b": 7500, "vgg_c": 14000, "vgg_d": 15000, "vgg_like": 14500,
    "vgg11": 8200, "vgg16": 16500, "vgg19": 21000, "resnet20": 9000, "resnet20_a": 9000,
    "resnet32": 15000, "resnet32_a": 15000, "resnet56": 27000, "resnet56_a": 27000,
    "resnet110": 54000, "cifar_resnet18": 27000, "cifar_resnet34": 56000,
    "cifar_resnet50": 63000, "resnet18": 90000, "resnet34": 180000, "resnet50": 210000,
    "wrn_16_8": 75000, "wrn_16_10": 115000, "wrn_22_8": 120000, "lstm_s": 300, "lstm_b": 950,
    "gru_s": 360, "gru_b": 1100,
}  # fmt: skip
UNKNOWN_US = 50000  # a network of timm, torchvision or the user
TEST_IMAGES = 10_000
STARTUP_S = 0.3  # building, initialising, scoring on one small batch, writing


def seconds(settings: Settings) -> float:
    """Return the planned seconds of one run of an arm with `settings` on the reference core."""
    # Narrow networks use the arithmetic units worse, so time falls slower than the products.
    shrink = settings.width ** (1.4 if settings.width < 1 else 2.0)
    example = TRAIN_US.get(settings.model, UNKNOWN_US) * 1e-6 * shrink
    scored = (
        0 if settings.criterion == "dense" else settings.scoring.batch * settings.scoring.batches
    )
    total = STARTUP_S + example * scored * (settings.scoring.steps or 1)
    recipe = settings.recipe
    if settings.measures == [] and recipe.steps:
        trainings = 1.0
        if settings.procedure == "prune_and_retrain":
            trainings += settings.rounds.count * settings.rounds.after + (
                settings.rounds.rewind or 0
            )
        total += example * recipe.batch * recipe.steps * trainings
        # An evaluation is a forward pass over the test images, a third of a training pass each;
        # what follows training looks at the next batch alone, forwards and backwards.
        images = 400 if settings.data == "digits" else TEST_IMAGES
        if settings.procedure == "follow_training":
            images = 3 * recipe.batch
        total += example / 3 * images * recipe.evaluations
    return total


def duration(span: float) -> str:
    """Return a time span in words: seconds, minutes or hours, as fits."""
    if span < 90:
        return f"{span:.0f} s"
    return f"{span / 60:.0f} min" if span < 5400 else f"{span / 3600:.1f} h"
