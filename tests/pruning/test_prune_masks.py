"""Masks: counting, application, files; and which parameters are prunable."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_nets import batch, convnet, generator, mlp, recurrent
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from common.errors import Refused
from common.pruning import Masks, prunable, prune, shuffle


def random_masks(model, density=0.4, seed=1, **options):
    return prune(model, "random", density, generator=generator(seed), **options)


def test_prunable_leaves_norms_and_biases_out():
    assert list(prunable(convnet())) == ["0.weight", "4.weight", "9.weight"]
    assert list(prunable(convnet(), "counted"))[3:] == ["0.bias", "9.bias"]


def test_prunable_of_a_cell_of_its_own():
    counted = ["0.into", "0.back", "1.weight", "0.offset", "1.bias"]
    assert list(prunable(recurrent(), "counted")) == counted


def test_shared_weights_count_once():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert list(prunable(net)) == ["0.weight"]
    assert prune(net, "magnitude", 1 / 3).kept == 3


def test_every_kind_of_convolution_is_prunable():
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    assert len(prunable(nn.ModuleList(kind(2, 3, 1) for kind in kinds))) == len(kinds)


def test_what_cannot_be_pruned_is_refused():
    with pytest.raises(Refused, match="no prunable weight"):
        prunable(nn.BatchNorm1d(3))
    with pytest.raises(Refused, match="computes its weight"):
        prunable(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))))
    with pytest.raises(Refused, match="unknown treatment of biases 'count'"):
        prunable(mlp(), "count")


def test_counts_and_density():
    masks = Masks({"a": torch.tensor([[True, False]]), "b": torch.tensor([True, True])})
    assert masks.counts() == {"a": (1, 2), "b": (2, 2)}
    assert (masks.kept, masks.total, masks.density) == (3, 4, 0.75)
    assert list(masks) == ["a", "b"] and len(masks) == 2
    assert Masks.full(convnet()).density == 1.0


def test_equality():
    net = mlp()
    assert random_masks(net) == random_masks(net)
    assert random_masks(net) != random_masks(net, seed=2)
    assert random_masks(net) != Masks.full(net, "counted")
    assert random_masks(net) != "masks"


def test_masks_must_be_boolean():
    with pytest.raises(Refused, match="float32"):
        Masks({"w": torch.ones(2)})
    with pytest.raises(Refused, match="at least one"):
        Masks({})


@pytest.mark.parametrize("biases", ["free", "counted"])
def test_apply_touches_the_pruned_weights_alone(biases):
    net, before = convnet(), convnet().state_dict()
    with torch.no_grad():
        net[0].weight.view(-1)[:3] = float("nan")
    masks = random_masks(net, biases=biases)
    masks.apply_to(net)
    for name, value in net.state_dict().items():
        if name in masks:
            assert (value[~masks[name]] == 0).all()
            kept = masks[name] & ~value.isnan()
            assert torch.equal(value[kept], before[name][kept])
        else:
            assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    ],
)
def test_pruned_weights_stay_exactly_zero_in_training(optimizer):
    net = convnet()
    masks = random_masks(net, biases="counted")
    masks.apply_to(net)
    update = optimizer(net.parameters())
    images, labels = batch()
    first = {name: p.detach().clone() for name, p in net.named_parameters()}
    for _ in range(5):
        update.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        masks.mask_gradients_(net)
        update.step()
        for name, parameter in masks.parameters_of(net).items():
            assert (parameter[~masks[name]] == 0).all()
    name = "9.weight"
    assert not torch.equal(first[name], net[9].weight)


def test_masks_of_another_network_are_refused_before_anything_changes():
    net, other = mlp(), convnet()
    with pytest.raises(Refused, match=r"name a parameter '1\.weight' that Sequential lacks|shape"):
        random_masks(net).apply_to(other)
    wide = nn.Sequential(nn.Flatten(), nn.Linear(36, 13))
    before = wide[1].weight.detach().clone()
    with pytest.raises(Refused, match=r"shape \(12, 36\), the parameter \(13, 36\)"):
        random_masks(net).apply_to(wide)
    assert torch.equal(wide[1].weight, before)


def test_file_round_trip(tmp_path):
    net = convnet()
    masks = random_masks(net, biases="counted")
    masks.save(tmp_path / "m.safetensors")
    again = Masks.load(tmp_path / "m.safetensors", net)
    assert again == masks and list(again) == list(masks)
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_wrong_files_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(Refused, match="not a readable file of masks"):
        Masks.load(path)
    path.write_bytes(b"no tensors at all")
    with pytest.raises(Refused, match="not a readable file of masks"):
        Masks.load(path)
    save_file({"w": torch.ones(2, dtype=torch.bool)}, path)
    with pytest.raises(Refused, match="not one of masks"):
        Masks.load(path)
    save_file({"w": torch.ones(2)}, path, {"kind": "pruning masks", "order": '["w"]'})
    with pytest.raises(Refused, match="must be a boolean tensor"):
        Masks.load(path)
    save_file({"w": torch.ones(2)}, path, {"kind": "pruning masks", "order": '["v"]'})
    with pytest.raises(Refused, match="not a readable file of masks"):
        Masks.load(path)
    random_masks(mlp()).save(path)
    with pytest.raises(Refused, match=r"lacks|shape"):
        Masks.load(path, convnet())


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 1.0), st.integers(0, 2**31))
def test_shuffle_keeps_the_layer_counts(density, seed):
    masks = random_masks(convnet(), density)
    shuffled = shuffle(masks, generator(seed))
    assert shuffled.counts() == masks.counts()
    assert shuffled == shuffle(masks, generator(seed))


def test_shuffle_moves_weights_uniformly():
    """Each position of a layer is kept as often as any other, to four standard errors."""
    masks = Masks({"w": torch.tensor([True, True, False, False, False])})
    stream = generator(3)
    rounds = 2000
    mean = sum(shuffle(masks, stream)["w"].double() for _ in range(rounds)) / rounds
    assert (mean - 0.4).abs().max() < 4 * (0.4 * 0.6 / rounds) ** 0.5
