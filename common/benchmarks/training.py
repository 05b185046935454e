"""Training and start-up beside plain PyTorch code. Each benchmark yields results."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from common import data as datasets
from common.benchmarks.measure import Result, paired
from common.data import Batcher, Data, Split
from common.datafiles import check
from common.errors import Refused
from common.files import ROOT
from common.models import build
from common.suite.cost import seconds
from common.suite.plan import make_plan, settings
from common.training import Recipe, train

STEPS = 150


def _data(name: str, shape: tuple[int, int, int]) -> Data:
    """Return the data set, or random images of its shape where the files are not there."""
    try:
        check(name)
        return datasets.load(name)
    except Refused:
        draw = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (10_000, *shape), dtype=torch.uint8, generator=draw)
        labels = torch.randint(0, 10, (10_000,), generator=draw)
        split = Split(images, labels)
        channels = (0.5,) * shape[0]
        return Data(name, split, split, classes=10, mean=channels, sd=channels)


class _AsTorchvision(Dataset):
    """Images one by one as torchvision's MNIST gives them: PIL, to tensor, normalised."""

    def __init__(self, data: Data) -> None:
        from torchvision import transforms

        self.images = data.train.images.squeeze(1).numpy()
        self.labels = data.train.labels.tolist()
        normal = transforms.Normalize(data.mean, data.sd)
        self.transform = transforms.Compose([transforms.ToTensor(), normal])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def _plain_step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()


def _sgd(net: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)


def _ours(net: nn.Module, data: Data, batch: int, steps: int, **options) -> None:
    recipe = Recipe(
        lr=0.01, momentum=0.9, weight_decay=5e-4, batch=batch, steps=steps, evaluations=1
    )
    batcher = Batcher(data.train, data.mean, data.sd, batch, order_seed=0, **options)
    train(net, batcher.batch, recipe)


def lenet_training() -> Iterator[Result]:
    """Compare LeNet-300-100 on MNIST with the usual loop over a DataLoader, batch 100."""
    data = _data("mnist", (1, 28, 28))
    loader = DataLoader(_AsTorchvision(data), batch_size=100, shuffle=True)
    nets = [build("lenet_300_100", classes=10, in_shape=(1, 28, 28)) for _ in range(2)]
    optimizer = _sgd(nets[1])

    def plain() -> None:
        for step, (x, y) in enumerate(loader):
            if step == STEPS:
                break
            _plain_step(nets[1], optimizer, x, y)

    mine, other, ratio = paired(lambda: _ours(nets[0], data, 100, STEPS), plain)
    images = 100 * STEPS
    yield Result("lenet_300_100_mnist", "images/s", images / mine, images / other, 1 / ratio)


def matrix_share() -> Iterator[Result]:
    """Compare the bare matrix products of a LeNet-300-100 step with the whole step."""
    data = _data("mnist", (1, 28, 28))
    net = build("lenet_300_100", classes=10, in_shape=(1, 28, 28))
    x = torch.randn(100, 784)
    hidden = [torch.randn(100, width) for width in (300, 100, 10)]
    weights = [torch.randn(*shape) for shape in ((300, 784), (100, 300), (10, 100))]

    def products() -> None:
        for _ in range(STEPS):
            inputs = [x, *hidden[:2]]
            for left, weight, out in zip(inputs, weights, hidden, strict=True):
                left @ weight.t()  # forward
                out.t() @ left  # gradient of the weight
            for weight, out in zip(weights[1:], hidden[1:], strict=True):
                out @ weight  # gradient of the input; the first layer needs none

    mine, other, ratio = paired(lambda: _ours(net, data, 100, STEPS), products)
    quantity = "steps/s, share of the bare matrix products' rate"
    yield Result("lenet_300_100_matrix_share", quantity, STEPS / mine, STEPS / other, 1 / ratio)


def resnet_training() -> Iterator[Result]:
    """Compare a quarter-width ResNet-20 on CIFAR-10 with a plain in-memory NCHW loop, batch 128."""
    data = _data("cifar10_batch1", (3, 32, 32))
    normal = datasets.normalise(data.train.images, data.mean, data.sd)
    nets = [build("resnet20", classes=10, in_shape=(3, 32, 32), width=0.25) for _ in range(2)]
    nets[0] = nets[0].to(memory_format=torch.channels_last)
    optimizer, steps = _sgd(nets[1]), 10

    def plain() -> None:
        order = torch.randperm(len(normal))
        for step in range(steps):
            chosen = order[step * 128 : (step + 1) * 128]
            _plain_step(nets[1], optimizer, normal[chosen], data.train.labels[chosen])

    ours = lambda: _ours(nets[0], data, 128, steps, channels_last=True)  # noqa: E731
    mine, other, ratio = paired(ours, plain)
    images = 128 * steps
    yield Result("resnet20_w025_cifar10", "images/s", images / mine, images / other, 1 / ratio)


def start_up() -> Iterator[Result]:
    """Compare the start of a job, torch and data loaded, with its block's planned time."""
    plan = make_plan(settings({"scale": "cpu"}))
    blocks = [block.seconds for block in plan.blocks.values()]
    trained = [
        cost
        for block, cost in zip(plan.blocks.values(), blocks, strict=True)
        if any(seconds(run.settings) > 2 for run in block.runs)
    ]
    command = "import common.procedures; from common import data; data.load('digits')"
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", command], check=True, cwd=ROOT)
    spent = time.perf_counter() - begun
    typical = sorted(trained)[len(trained) // 2]
    yield Result("job_start", "seconds, of a block at cpu scale", spent, typical, spent / typical)
