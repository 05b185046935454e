"""Names: what `build` accepts, refuses, draws and imports."""

import doctest
import importlib
import socket
import subprocess
import sys

import pytest
import torch

from common import names
from common.errors import Refused
from common.files import ROOT
from common.models import build, initialise_, input_shape
from common.models.roles import owner, role


def equal(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", names.MODELS)
def test_native_input(name):
    shape = input_shape(name)
    if name.startswith(("lenet", "lstm", "gru", "mlp6", "conv_mnist")):
        assert shape == (1, 28, 28)
    elif name.startswith("tiny"):
        assert shape == (3, 64, 64)
    elif name in ("resnet18", "resnet34", "resnet50"):
        assert shape == (3, 224, 224)
    else:
        assert shape == (3, 32, 32)


@pytest.mark.parametrize("name", ["lenet_300_100", "resnet20", "gru_s", "timm:test_resnet"])
def test_build_is_deterministic_and_leaves_the_global_generator(name):
    shape = (1, 28, 28) if name in ("lenet_300_100", "gru_s") else (3, 32, 32)
    built = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.random.get_rng_state()
            built.append(build(name, classes=10, in_shape=shape))
            assert torch.equal(before, torch.random.get_rng_state())
    assert equal(*built)
    generator = torch.Generator().manual_seed(0)
    assert equal(built[0], initialise_(built[1], "default", generator))


@pytest.mark.parametrize(
    "name, given, message",
    [
        ("lenet5_cafe", {}, "unknown model 'lenet5_cafe', did you mean 'lenet5_caffe'"),
        ("lenet_300_100", {"classes": 0}, "classes 0"),
        ("lenet_300_100", {"classes": 2.5}, "classes 2.5"),
        ("lenet_300_100", {"in_shape": (28, 28)}, "in_shape"),
        ("lenet_300_100", {"in_shape": (1, 0, 28)}, "in_shape"),
        ("lenet_300_100", {"width": 0.0}, "width 0.0"),
        ("lenet_300_100", {"width": float("inf")}, "width inf"),
        ("lenet5_caffe", {"in_shape": (1, 12, 12)}, "at least 16x16"),
        ("conv6", {"in_shape": (3, 4, 4)}, "at least 8x8"),
        ("vgg16", {"in_shape": (3, 8, 8)}, "at least 16x16"),
        ("resnet50", {"in_shape": (3, 16, 16)}, "at least 32x32"),
        ("vgg_d", {"in_shape": (3, 28, 28)}, "32x32 or 64x64"),
        ("alexnet_s", {"in_shape": (3, 32, 64)}, "32x32 or 64x64"),
        ("lstm_s", {"in_shape": (3, 28, 28)}, "one channel"),
        ("timm:resnet_18", {"in_shape": (3, 32, 32)}, "unknown timm model.*did you mean"),
        ("torchvision:resnet81", {"in_shape": (3, 32, 32)}, "unknown torchvision model.*resnet18"),
        ("torchvision:squeezenet1_1", {"in_shape": (1, 64, 64)}, "cannot take it"),
        ("timm:test_resnet", {"in_shape": (3, 32, 32), "width": 0.5}, "no width factor"),
    ],
)
def test_refusals(name, given, message):
    settings = {"classes": 10, "in_shape": (1, 28, 28), "width": 1.0} | given
    with pytest.raises(Refused, match=message):
        build(name, **settings)


@pytest.mark.parametrize("name", ["lenet", "timm:nothing_like_it", "torchvision:raft_small"])
def test_input_shape_refuses_unknown_names(name):
    with pytest.raises(Refused, match="unknown"):
        input_shape(name)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("timm:test_resnet", (1, 64, 64)),
        ("timm:test_convnext", (3, 64, 64)),
        ("torchvision:squeezenet1_1", (3, 64, 64)),
        ("torchvision:mobilenet_v3_small", (3, 64, 64)),
    ],
)
def test_networks_of_other_libraries(name, shape, no_network):
    model = build(name, classes=7, in_shape=shape)
    assert model.training
    assert len(input_shape(name)) == 3
    first = {key: value.clone() for key, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7)
    initialise_(model, "default", torch.Generator().manual_seed(0))
    assert all(torch.equal(first[key], value) for key, value in model.state_dict().items())
    initialise_(model, "vs_h", generator)
    for path, parameter in model.named_parameters():
        if role(*owner(model, path)) == "weight":
            assert not torch.equal(parameter, first[path]), path


def test_auxiliary_outputs_are_refused(no_network):
    with pytest.raises(Refused, match="auxiliary"):
        build("torchvision:googlenet", classes=7, in_shape=(3, 96, 96))


def test_own_networks_import_neither_library():
    code = (
        "import sys; from common.models import build;"
        "[build(n, classes=10, in_shape=(1, 32, 32), width=.1) for n in ('resnet20', 'vgg_d')];"
        "print([m for m in ('timm', 'torchvision', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["build", "roles", "shapes"])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(importlib.import_module(f"common.models.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
