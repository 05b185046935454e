"""What the networks compute: shapes, gradients, and values against independent code."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common import names
from common.models import build, initialise_, input_shape
from common.models.residual import PadShortcut
from common.models.roles import owner, role
from common.models.shapes import same_padding
from common.models.wrn import WideBlock


def images(shape, n=2, seed=0, dtype=torch.float32):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("name", names.MODELS)
def test_full_width_gives_logits(name):
    channels, side, _ = input_shape(name)
    shape = (channels, min(side, 64), min(side, 64))
    model = build(name, classes=7, in_shape=shape).eval()
    with torch.no_grad():
        logits = model(images(shape, 1))
    assert logits.shape == (1, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", names.MODELS)
def test_narrow_networks_learn_from_gray_images(name):
    side = min(input_shape(name)[1], 64)
    model = build(name, classes=10, in_shape=(1, side, side), width=0.25)
    assert model.training
    F.cross_entropy(model(images((1, side, side), 8)), torch.arange(8)).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), path
        if role(*owner(model, path)) == "weight":
            assert parameter.grad.abs().sum() > 0, path


@pytest.mark.parametrize("name", names.MODELS)
def test_gradient_can_be_differentiated_again(name):
    side = min(input_shape(name)[1], 32)
    model = build(name, classes=10, in_shape=(input_shape(name)[0], side, side), width=0.1)
    loss = F.cross_entropy(model(images((input_shape(name)[0], side, side), 4)), torch.arange(4))
    weights = [p for p in model.parameters() if p.dim() > 1]
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    squared = sum(g.square().sum() for g in gradients)
    second = torch.autograd.grad(squared, weights)
    assert all(g.isfinite().all() for g in second)
    assert sum(g.abs().sum() for g in second) > 0


@pytest.mark.parametrize("name", ["alexnet_s", "alexnet_b", "vgg_c", "vgg_d", "vgg_like"])
def test_tiny_imagenet_doubles_the_first_stride(name):
    small = build(name, classes=200, in_shape=(3, 32, 32), width=0.1)
    large = build(name, classes=200, in_shape=(3, 64, 64), width=0.1).eval()
    assert large.conv1.stride[0] == 2 * small.conv1.stride[0] == (4 if "alex" in name else 2)
    assert [m.stride for m in large.modules() if isinstance(m, nn.Conv2d)][1:] == [
        m.stride for m in small.modules() if isinstance(m, nn.Conv2d)
    ][1:]
    assert [p.shape for p in large.parameters()] == [p.shape for p in small.parameters()]
    assert large(images((3, 64, 64))).shape == (2, 200)


@pytest.mark.parametrize(
    "name, dtype_eps",
    [("vgg_d", 1e-3), ("alexnet_s", 1e-3), ("wrn_16_8", 1e-3), ("vgg16", 1e-5), ("resnet20", 1e-5)],
)
def test_batch_norm_constant(name, dtype_eps):
    model = build(name, classes=10, in_shape=(3, 32, 32), width=0.1)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert {m.eps for m in norms} == {dtype_eps}


def test_same_padding_keeps_tensorflow_output_size_and_puts_the_odd_zero_last():
    for side in range(1, 70):
        for kernel in (1, 3, 5, 11):
            for stride in (1, 2, 4):
                before, after = same_padding(side, kernel, stride)
                assert 0 <= after - before <= 1
                padded = F.pad(torch.zeros(1, 1, side), (before, after))
                if padded.shape[2] >= kernel:
                    out = F.conv1d(padded, torch.zeros(1, 1, kernel), stride=stride)
                    assert out.shape[2] == (side + stride - 1) // stride


def test_same_padding_in_place():
    net = build("alexnet_s", classes=2, in_shape=(1, 32, 32), width=1 / 256)
    pixel = torch.zeros(1, 1, 32, 32)
    pixel[..., 0, 0] = 1
    response = net.conv1(net.pad1(pixel))[0, 0] - net.conv1.bias[0]
    assert response.shape == (16, 16)
    # The first window starts 4 pixels before the image, so pixel 0 meets kernel entry 4.
    torch.testing.assert_close(response[0, 0], net.conv1.weight[0, 0, 4, 4])
    torch.testing.assert_close(response[1, 1], net.conv1.weight[0, 0, 2, 2])


def test_lenets_against_functional_code():
    for name in ("lenet_300_100", "lenet5_caffe"):
        net = build(name, classes=10, in_shape=(1, 28, 28))
        x, p = images((1, 28, 28), 3), dict(net.named_parameters())
        if name == "lenet_300_100":
            h = torch.relu(F.linear(x.reshape(3, -1), p["fc1.weight"], p["fc1.bias"]))
            h = torch.relu(F.linear(h, p["fc2.weight"], p["fc2.bias"]))
            expected = F.linear(h, p["fc3.weight"], p["fc3.bias"])
        else:
            h = F.max_pool2d(F.conv2d(x, p["conv1.weight"], p["conv1.bias"]), 2)
            assert (h < 0).any()  # nothing is rectified between the convolutions
            h = F.max_pool2d(F.conv2d(h, p["conv2.weight"], p["conv2.bias"]), 2).reshape(3, -1)
            h = torch.relu(F.linear(h, p["fc1.weight"], p["fc1.bias"]))
            expected = F.linear(h, p["fc2.weight"], p["fc2.bias"])
        torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize(
    "name, width, dtype",
    [
        ("lenet_300_100", 1, torch.float64),
        ("lenet5_caffe", 1, torch.float64),
        ("conv4", 0.25, torch.float64),
        ("alexnet_s", 0.1, torch.float64),
        ("vgg_c", 0.25, torch.float64),
        ("vgg16", 0.25, torch.float64),
    ],
)
def test_synaptic_saliency_is_conserved(name, width, dtype):
    """Sum of w dL/dw is the same in each layer: SNIP's sheet, check (a); Tanaka et al. 2020."""
    shape = input_shape(name)
    model = build(name, classes=10, in_shape=shape, width=width)
    initialise_(model, "vs", torch.Generator().manual_seed(3)).to(dtype).eval()
    logits = model(images(shape, 10, dtype=dtype))
    logits.retain_grad()
    F.cross_entropy(logits, torch.arange(10)).backward()
    expected = (logits * logits.grad).sum()
    sums = torch.stack([(p * p.grad).sum() for p in model.parameters() if p.dim() > 1])
    assert expected.abs() > 1e-6
    torch.testing.assert_close(sums, expected.expand_as(sums), rtol=1e-9, atol=1e-13)


def test_saliency_of_hidden_units_is_conserved():
    model = build("lenet_300_100", classes=10, in_shape=(1, 28, 28))
    initialise_(model, "vs", torch.Generator().manual_seed(0)).double()
    logits = model(images((1, 28, 28), 20, dtype=torch.float64))
    F.cross_entropy(logits, torch.arange(20) % 10).backward()
    incoming = (model.fc1.weight * model.fc1.weight.grad).sum(1)
    outgoing = (model.fc2.weight * model.fc2.weight.grad).sum(0)
    assert incoming.abs().max() > 1e-4
    torch.testing.assert_close(incoming, outgoing, rtol=0, atol=1e-15)


def test_imagenet_resnets_equal_torchvision():
    from torchvision import models

    for name in ("resnet18", "resnet50"):
        with torch.device("meta"):
            theirs = getattr(models, name)(num_classes=5)
        theirs.to_empty(device="cpu")
        ours = build(name, classes=5, in_shape=(3, 64, 64))
        theirs.load_state_dict(ours.state_dict())
        x = images((3, 64, 64))
        with torch.no_grad():
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_cifar_resnets_equal_torchvision_with_another_stem():
    from torchvision import models

    theirs = models.resnet18(num_classes=5)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    ours = build("cifar_resnet18", classes=5, in_shape=(3, 32, 32))
    theirs.load_state_dict(ours.state_dict())
    x = images((3, 32, 32))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("name, letter", [("vgg11", "A"), ("vgg16", "D"), ("vgg19", "E")])
def test_cifar_vgg_equals_torchvision_features(name, letter):
    from torchvision.models import vgg

    narrow = [c if c == "M" else c // 8 for c in vgg.cfgs[letter][:-1]]
    theirs = vgg.make_layers(narrow, batch_norm=True)
    ours = build(name, classes=5, in_shape=(3, 32, 32), width=1 / 8)
    values = [p for path, p in ours.named_parameters() if not path.startswith("fc.")]
    with torch.no_grad():
        for target, value in zip(theirs.parameters(), values, strict=True):
            target.copy_(value)
        x = images((3, 32, 32), 4)
        torch.testing.assert_close(ours(x), ours.fc(theirs(x).mean((2, 3))))


def test_zero_padded_shortcut():
    x = images((3, 5, 4))
    y = PadShortcut(3, 8, 2)(x)
    assert y.shape == (2, 8, 3, 2)
    assert (y[:, :2] == 0).all() and (y[:, 5:] == 0).all()
    assert torch.equal(y[:, 2:5, 1, 1], x[:, :, 2, 2])


@pytest.mark.parametrize("channels, out, stride", [(4, 8, 2), (8, 8, 1)])
def test_wide_block_against_functional_code(channels, out, stride):
    block = WideBlock(channels, out, stride).eval()
    x = images((channels, 8, 8))
    active = torch.relu(x / (1 + 1e-3) ** 0.5)
    h = torch.relu(block.conv1(active) / (1 + 1e-3) ** 0.5)
    assert (block.shortcut is None) == (channels == out)
    shortcut = x if block.shortcut is None else block.shortcut(active)
    torch.testing.assert_close(block(x), shortcut + block.conv2(h))
