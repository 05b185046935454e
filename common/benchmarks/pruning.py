"""What scoring costs, in plain training passes and in memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.benchmarks.measure import Result, paired
from common.models import build
from common.pruning import prune

NETWORKS = ("resnet20", "vgg16")
WIDTH = 0.25  # narrow, so that sixty steps of FORCE take seconds; fixed costs weigh more there
STEPS = {"snip": 1, "grasp": 1, "synflow": 100, "force": 60}
DTYPES = {"synflow": torch.float64}
IMAGES = (128, 3, 32, 32)
DENSITY = 0.01


def _setting(network: str, criterion: str) -> tuple[nn.Module, Tensor, Tensor]:
    net = build(network, classes=10, in_shape=IMAGES[1:], width=WIDTH)
    images, labels = torch.randn(IMAGES), torch.randint(0, 10, IMAGES[:1])
    dtype = DTYPES.get(criterion, torch.float32)
    net = net.to(dtype).to(memory_format=torch.channels_last)
    return net, images.to(dtype, memory_format=torch.channels_last), labels


def _pass(net: nn.Module, images: Tensor, labels: Tensor) -> None:
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()


def _prune(criterion: str, net: nn.Module, images: Tensor, labels: Tensor) -> None:
    prune(net, criterion, DENSITY, batches=[(images, labels)], steps=STEPS[criterion])


def scoring() -> Iterator[Result]:
    """Compare a step of each method with one training batch of 128 in the same arithmetic."""
    for network in NETWORKS:
        for criterion, steps in STEPS.items():
            ours = partial(_prune, criterion, *_setting(network, criterion))
            theirs = partial(_pass, *_setting(network, criterion))
            mine, other, ratio = paired(ours, theirs, pairs=7 if steps == 1 else 2)
            name, quantity = f"{criterion}_step_{network}_w025", "seconds of a batch of 128"
            yield Result(name, quantity, mine / steps, other, ratio / steps)


def scoring_memory() -> Iterator[Result]:
    """Compare the most memory that each method takes with that of one such training batch."""
    for network in NETWORKS:
        for criterion in STEPS:
            mine, other = (_in_new_process(network, criterion, scores) for scores in (True, False))
            name, quantity = f"{criterion}_memory_{network}_w025", "MiB above the network and data"
            yield Result(name, quantity, mine, other, mine / other)


def _in_new_process(network: str, criterion: str, scores: bool) -> float:
    """Return the peak MiB of one call in a process of its own, where nothing is cached."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(_peak, network, criterion, scores).result()


def _peak(network: str, criterion: str, scores: bool) -> float:
    torch.set_num_threads(1)
    setting = _setting(network, criterion)
    action: Callable[..., None] = partial(_prune, criterion) if scores else _pass
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest use so far is forgotten
    action(*setting)
    return (_resident("VmHWM") - before) / 1024


def _resident(field: str) -> int:
    """Return a field of /proc/self/status in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])
