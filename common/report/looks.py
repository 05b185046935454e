"""How things are called and drawn: printed names, and a colour and marker for every criterion.

A method looks the same in every picture of every paper. A name that stands in no table, such as a
criterion of one's own, is printed as it is, its underscores as spaces. Nothing is imported that
draws, so that tables and pages can use the names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# Okabe and Ito's palette (told apart under every common colour blindness), maroon in place of their
# yellow, which is too pale on paper; the marker tells series apart in black and white.
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#333333", "#661100",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
BLUE, VERMILION, GREEN, PINK, SKY, ORANGE, DARK, MAROON = PALETTE
RECALLED = "#8a8a8a"  # of published numbers from memory


class Look(NamedTuple):
    """The printed name, colour and marker of a criterion or an ablation."""

    name: str
    colour: str
    marker: str

    @property
    def drawn(self) -> tuple[str, str]:
        """Colour and marker."""
        return self.colour, self.marker


# fmt: off
# Variants of a method share its colour: the draws that look at no weight, SNIP's, and GraSP's.
CRITERIA = {
    "dense": Look("dense", DARK, "D"),
    "random": Look("random", MAROON, "X"),
    "uniform": Look("uniform", MAROON, "o"),
    "er": Look("ER", MAROON, "s"),
    "erk": Look("ERK", MAROON, "D"),
    "smart_ratio": Look("smart ratio", MAROON, "v"),
    "smart_ratio_vgg": Look("smart ratio, VGG", MAROON, "^"),
    "magnitude": Look("magnitude", PINK, "P"),
    "snip": Look("SNIP", BLUE, "o"),
    "snip_it": Look("SNIP-it", BLUE, "D"),
    "iter_snip": Look("Iterative SNIP", ORANGE, "s"),
    "force": Look("FORCE", VERMILION, "^"),
    "grasp": Look("GraSP", GREEN, "v"),
    "grasp_abs": Look("|GraSP|", GREEN, "^"),
    "grasp_it": Look("GRASP-It", GREEN, "D"),
    "synflow": Look("SynFlow", SKY, "<"),
}
ABLATIONS = {
    "none": Look("as found", BLUE, "o"),
    "shuffle": Look("shuffled in layers", VERMILION, "s"),
    "redraw": Look("new weights", GREEN, "^"),
    "invert": Look("inverted", PINK, "v"),
    "empty_layer": Look("a layer emptied", ORANGE, "D"),
}
NETWORKS = {
    "lenet_300_100": "LeNet-300-100", "lenet5_caffe": "LeNet-5-Caffe",
    "mlp6": "six-layer MLP", "conv_mnist": "two-layer ConvNet",
    "conv2": "Conv-2", "conv4": "Conv-4", "conv6": "Conv-6",
    "alexnet_s": "AlexNet-s", "alexnet_b": "AlexNet-b",
    "vgg_c": "VGG-C", "vgg_d": "VGG-D", "vgg_like": "VGG-like",
    "vgg11": "VGG-11", "vgg16": "VGG-16", "vgg19": "VGG-19",
    "tiny_vgg11": "VGG-11, Tiny ImageNet's", "tiny_vgg16": "VGG-16, Tiny ImageNet's",
    "resnet20": "ResNet-20", "resnet32": "ResNet-32", "resnet56": "ResNet-56",
    "resnet110": "ResNet-110", "resnet20_a": "ResNet-20 (A)", "resnet32_a": "ResNet-32 (A)",
    "resnet56_a": "ResNet-56 (A)", "cifar_resnet18": "ResNet-18", "cifar_resnet34": "ResNet-34",
    "cifar_resnet50": "ResNet-50", "resnet18": "ResNet-18, ImageNet's",
    "resnet34": "ResNet-34, ImageNet's", "resnet50": "ResNet-50, ImageNet's",
    "wrn_16_8": "WRN-16-8", "wrn_16_10": "WRN-16-10", "wrn_22_8": "WRN-22-8",
    "lstm_s": "LSTM-s", "lstm_b": "LSTM-b", "gru_s": "GRU-s", "gru_b": "GRU-b",
}
DATA_SETS = {
    "digits": "digits", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10", "cifar10_batch1": "CIFAR-10, first batch", "cifar100": "CIFAR-100",
    "tiny_imagenet": "Tiny ImageNet", "imagenet": "ImageNet",
}
# fmt: on
BY_NAME = {one.name: one for one in CRITERIA.values()}


def plain(name: str) -> str:
    """Return `name` for reading: its underscores as spaces."""
    return name.replace("_", " ")


def criterion(name: str) -> Look:
    """Return how the criterion `name` is printed and drawn; one not in the table: dark, a star."""
    return CRITERIA.get(name) or Look(plain(name), DARK, "*")


def ablation(name: str) -> Look:
    """Return how the ablation `name` is printed and drawn; one not in the table: dark, a star."""
    return ABLATIONS.get(name) or Look(plain(name), DARK, "*")


def network(name: str) -> str:
    """Return the printed name of a network."""
    return NETWORKS.get(name) or plain(name)


def data_set(name: str) -> str:
    """Return the printed name of a data set."""
    return DATA_SETS.get(name) or plain(name)


def printed(key: str, value: str) -> str:
    """Return the value of the setting `key` for reading.

    Examples
    --------
    >>> printed("criterion", "grasp_abs"), printed("model", "vgg11"), printed("init", "vs_x")
    ('|GraSP|', 'VGG-11', 'vs x')
    """
    if key in ("criterion", "layers_like"):
        return criterion(value).name
    if key == "ablation":
        return ablation(value).name
    return {"model": network, "data": data_set}.get(key, plain)(value)


def look(index: int) -> tuple[str, str]:
    """Return colour and marker of the series number `index`, where series are no criteria."""
    return PALETTE[index % len(PALETTE)], MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]


def looks_of(labels: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each series, by label.

    A series that bears the printed name of a criterion has that criterion's look; the others get
    looks by number whose colours are still free, as long as there are such.

    Examples
    --------
    >>> looks_of(["dense", "mine", "SNIP"])
    {'dense': ('#333333', 'D'), 'mine': ('#D55E00', 's'), 'SNIP': ('#0072B2', 'o')}
    """
    labels = list(dict.fromkeys(labels))
    known = {label: BY_NAME[label] for label in labels if label in BY_NAME}
    taken = {one.colour for one in known.values()}
    numbers = range(len(labels) + len(PALETTE))
    free = [number for number in numbers if look(number)[0] not in taken]
    spare = iter([*free, *(number for number in numbers if number not in free)])
    return {label: known[label].drawn if label in known else look(next(spare)) for label in labels}
