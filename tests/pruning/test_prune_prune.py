"""The path from score to masks: what it leaves alone, steps, options, and other people's code."""

import copy
import math
from contextlib import nullcontext

import pytest
import torch
from pruning_nets import NETS, batch, convnet, generator, mlp
from torch import nn
from torch.nn import functional as F

from common import names
from common.errors import Refused
from common.pruning import (
    Degenerate,
    Masks,
    Network,
    Options,
    allocate,
    layer_densities,
    prunable,
    prune,
    score,
)


def state(model):
    """Return everything a caller could see change, and the global generator's state."""
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        [module.training for module in model.modules()],
        [p.grad for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        torch.get_rng_state(),
    )


def same(before, after):
    tensors = all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    return tensors and before[1:4] == after[1:4] and torch.equal(before[4], after[4])


def meddling(model, batches, loss):
    """A user's criterion that changes whatever it can."""
    model.train()
    images, labels = batches[0]
    loss(model(images), labels).backward()
    scores = {name: p.grad.abs() + torch.rand(p.shape) for name, p in model.named_parameters()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return scores


@pytest.mark.parametrize("criterion", [*names.CRITERIA, meddling])
@pytest.mark.parametrize("norm_mode", ["eval", "train"])
def test_nothing_of_the_caller_changes(criterion, norm_mode):
    net = convnet()
    net[1].eval()
    net[4].weight.requires_grad_(False)
    before = state(net)
    density = 1.0 if criterion == "dense" else 0.3
    options = {"norm_mode": norm_mode, "generator": generator()}
    one_image = criterion == "synflow" and norm_mode == "train"
    with pytest.raises(Refused, match="single image") if one_image else nullcontext():
        prune(net, criterion, density, [batch()], steps=2, **options)
    with pytest.raises(Refused, match="single image") if one_image else nullcontext():
        score(net, criterion, [batch()], dtype="float64", **options)
    assert same(before, state(net))


def test_modes_are_restored_after_an_error():
    net = convnet().train()
    with pytest.raises(ValueError, match=r"[Ee]xpected"):
        score(net, "snip", [(torch.zeros(2, 1, 6, 6), torch.zeros(3, dtype=torch.long))])
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize("criterion", names.CRITERIA)
def test_every_criterion_covers_the_prunable_set_at_the_density(criterion):
    net = NETS["recurrent"]()
    density = 1.0 if criterion == "dense" else 0.25
    masks = prune(net, criterion=criterion, density=density, batches=[batch()])
    assert list(masks) == list(prunable(net))
    assert abs(masks.kept - density * masks.total) <= len(masks) / 2


def test_uniform_gives_every_layer_the_density():
    masks = prune(mlp(), "uniform", 0.25, generator=generator())
    assert masks.counts() == {"1.weight": (108, 432), "3.weight": (24, 96), "5.weight": (6, 24)}


def test_random_masks_come_from_the_generator_alone():
    net = mlp()
    first = prune(net, "random", 0.5, generator=generator(1))
    torch.manual_seed(99)
    assert prune(net, "random", 0.5, generator=generator(1)) == first
    assert prune(net, "random", 0.5, generator=generator(2)) != first
    assert prune(net, "random", 0.5) == prune(net, "random", 0.5, generator=generator(0))


def test_like_gives_the_layer_counts_of_another_criterion():
    net, data = mlp(), [batch()]
    snip = prune(net, "snip", 0.2, data)
    for like in (snip, "snip"):
        found = prune(net, "random", 0.2, data, like=like, generator=generator(3))
        assert found.counts() == snip.counts() and found != snip
    counted = prune(net, "random", 0.2, data, like="snip", reading="authors_code")
    expected = prune(net, "snip", 0.2, data, reading="authors_code")
    assert counted.counts() == expected.counts()
    with pytest.raises(Refused, match=r"density is 0\.5"):
        prune(net, "random", 0.5, like=snip)


def test_magnitude_keeps_the_largest_weights():
    net = mlp()
    masks = prune(net, "magnitude", 0.25)
    flat = torch.cat([p.detach().abs().flatten() for p in prunable(net).values()])
    kept = torch.cat([mask.flatten() for mask in masks.values()])
    assert flat[kept].min() > flat[~kept].max()


def test_steps_are_score_allocate_mask_again():
    """Two steps of SNIP by hand, with the weights zeroed in a copy, equal prune(steps=2)."""
    net, data = mlp(), batch()
    middle = 0.1**0.5
    first = prune(net, "snip", middle, [data])
    zeroed = copy.deepcopy(net)
    first.apply_to(zeroed)
    gradients = torch.autograd.grad(
        F.cross_entropy(zeroed(data[0]), data[1]), list(prunable(zeroed).values())
    )
    scores = {
        name: (p.detach() * g).abs()
        for (name, p), g in zip(prunable(net).items(), gradients, strict=True)
    }
    nested = prune(net, "snip", 0.1, [data], steps=2)
    assert nested == allocate(scores, 0.1, alive=first)
    assert all((nested[name] <= first[name]).all() for name in nested)
    returned = prune(net, "snip", 0.1, [data], steps=2, returning=True)
    assert returned == allocate(scores, 0.1)


def test_one_step_is_the_same_with_or_without_return():
    net, data = mlp(), [batch()]
    assert prune(net, "snip", 0.1, data, returning=True) == prune(net, "snip", 0.1, data)


def test_returning_weights_may_return():
    found = 0
    for seed in range(5):
        net, data = mlp(seed=seed), [batch(seed=seed)]
        path = [
            prune(net, "snip", 0.02 ** (1 / 2), data, returning=True),
            prune(net, "snip", 0.02, data, steps=2, returning=True),
        ]
        found += any((path[1][name] & ~path[0][name]).any() for name in path[0])
    assert found > 0


def test_pruned_weights_have_no_part_in_the_forward_pass():
    net = convnet()
    masks = prune(net, "random", 0.3)
    zeroed = copy.deepcopy(net).eval()
    masks.apply_to(zeroed)
    network = Network(net, masks=masks)
    with network.scoring():
        assert torch.equal(network(batch()[0]), zeroed(batch()[0]))


def test_gradients_are_averaged_by_batch_size_before_the_absolute_value():
    net, parts = mlp(), [batch(4, 1), batch(12, 2)]
    whole = [tuple(torch.cat(pair) for pair in zip(*parts, strict=True))]
    joined = score(net, "snip", whole, dtype="float64")
    apart = score(net, "snip", parts, dtype="float64")
    later = score(net, "snip", parts, dtype="float64", reduction="per_batch")
    alone = [score(net, "snip", [part], dtype="float64") for part in parts]
    for name in joined:
        assert torch.allclose(apart[name], joined[name], atol=1e-14)
        assert torch.allclose(later[name], (alone[0][name] + 3 * alone[1][name]) / 4, atol=1e-14)
        assert (later[name] >= apart[name] - 1e-14).all()


def test_one_batch_gives_the_plain_gradient_to_the_bit():
    net, (images, labels) = mlp(), batch()
    gradients = torch.autograd.grad(
        F.cross_entropy(net(images), labels), list(prunable(net).values())
    )
    found = score(net, "snip", [(images, labels)]).values()
    for s, p, g in zip(found, prunable(net).values(), gradients, strict=True):
        assert torch.equal(s, (p * g).abs())


def test_one_shot_iterables_serve_all_steps():
    net, data = mlp(), [batch(4, 1), batch(4, 2)]
    assert prune(net, "snip", 0.1, iter(data), steps=3) == prune(net, "snip", 0.1, data, steps=3)


def test_redraw_scores_another_draw_and_leaves_this_one():
    net, other, data = mlp(seed=0), mlp(seed=5), [batch()]
    before = state(net)
    masks = prune(net, "snip", 0.2, data, redraw=lambda m: m.load_state_dict(other.state_dict()))
    assert masks == prune(other, "snip", 0.2, data) != prune(net, "snip", 0.2, data)
    assert same(before, state(net))


def test_ablations():
    net, data = mlp(), [batch()]
    plain = prune(net, "snip", 0.2, data)
    inverted = prune(net, "snip", 0.2, data, ablation="invert")
    scores = torch.cat([s.flatten() for s in score(net, "snip", data).values()])
    kept = torch.cat([mask.flatten() for mask in inverted.values()])
    assert scores[kept].max() <= scores[~kept].min() and inverted.kept == plain.kept
    shuffled = prune(net, "snip", 0.2, data, ablation="shuffle", generator=generator(4))
    assert shuffled.counts() == plain.counts() and shuffled != plain
    assert prune(net, "snip", 0.2, data, ablation="redraw") == plain
    with pytest.raises(Refused, match="unknown ablation 'shufle', did you mean 'shuffle'"):
        prune(net, "snip", 0.2, data, ablation="shufle")


def test_a_function_is_a_criterion():
    net, data = mlp(), [batch()]

    def by_hand(model, batches, loss):
        weights = dict(model.named_parameters())
        value = sum(loss(model(images), labels) for images, labels in batches)
        gradients = torch.autograd.grad(value, list(weights.values()))
        return {n: (w * g).abs() for (n, w), g in zip(weights.items(), gradients, strict=True)}

    assert prune(net, by_hand, 0.1, data, steps=3) == prune(net, "snip", 0.1, data, steps=3)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], "returned list"),
        ({}, r"must score '1\.weight'"),
        ({"1.weight": torch.ones(2)}, r"shape \(12, 36\), it gave \(2,\)"),
        ({"one": torch.ones(2)}, "unknown parameter 'one'"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores, message):
    with pytest.raises(Refused, match=message):
        prune(mlp(), lambda model, batches, loss: scores, 0.5)


def test_nan_scores_are_degenerate():
    images, labels = batch()
    with pytest.raises(Degenerate):
        prune(mlp(), "snip", 0.5, [(images * float("nan"), labels)])


def test_an_emptied_layer_is_a_result():
    net = mlp()
    with torch.no_grad():
        net[5].weight.mul_(1e-6)
    masks = prune(net, "magnitude", 0.1)
    assert masks.counts()["5.weight"] == (0, 24)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"criterion": "snap"}, "unknown criterion 'snap'"),
        ({"criterion": 3}, "not int"),
        ({"batches": []}, "needs batches"),
        ({"batches": None}, "needs batches"),
        ({"density": 0}, r"density 0 must lie"),
        ({"density": "abc"}, r"density 'abc' must lie"),
        ({"model": "resnet20"}, r"must be a torch\.nn\.Module, not str"),
        ({"batches": batch()}, r"batches must be a list of \(images, labels\)"),
        ({"reading": "code"}, "unknown reading"),
        ({"norm_mode": "test"}, "unknown batch-norm mode"),
        ({"reduction": "sum"}, "unknown reduction"),
        ({"dtype": "float16"}, "unknown dtype"),
        ({"steps": 0}, "at least 1"),
        ({"criterion": "dense"}, r"keeps every weight, but density is 0\.5"),
        ({"criterion": "er", "allocation": "layerwise"}, "defined by its allocation 'er'"),
    ],
)
def test_bad_arguments_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        right = {"model": mlp(), "criterion": "snip", "density": 0.5, "batches": [batch()]}
        prune(**{**right, **wrong})


def test_settings_of_a_table_do_not_override_what_defines_a_method():
    net = mlp()
    assert prune(net, "erk", 0.3, allocation="global") == prune(
        net, "random", 0.3, allocation="erk"
    )


def test_float64_and_float32_scores_agree():
    single, double = (score(mlp(), "snip", [batch()], dtype=d) for d in ("float32", "float64"))
    assert all(s.dtype == torch.float64 for s in double.values())
    assert all(torch.allclose(single[n].double(), double[n], atol=1e-6) for n in single)


def test_a_network_of_a_user():
    """Own forward, in-place state, unused head, tokens as input, weights without gradient."""

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 6)
            self.norm = nn.LayerNorm(6)
            self.body = nn.ModuleDict({"a": nn.Linear(6, 6), "b": nn.Conv1d(6, 6, 3, padding=1)})
            self.head, self.unused = nn.Linear(6, 3), nn.Linear(6, 2)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, tokens):
            self.calls += 1
            x = self.norm(self.embed(tokens))
            x = self.body["a"](x) + self.body["b"](x.transpose(1, 2)).transpose(1, 2)
            return self.head(x.mean(1))

    net = Tagger()
    data = [(torch.randint(11, (5, 7), generator=generator()), torch.tensor([0, 1, 2, 0, 1]))]
    before = state(net)
    masks = prune(net, "snip", 0.3, data, steps=2)
    assert same(before, state(net))
    assert list(masks) == ["body.a.weight", "body.b.weight", "head.weight", "unused.weight"]
    assert not masks["unused.weight"].any()


def test_memory_format_does_not_matter():
    plain, last = convnet(), convnet().to(memory_format=torch.channels_last)
    for criterion in ("magnitude", "random"):
        assert prune(plain, criterion, 0.3) == prune(last, criterion, 0.3)
    again = torch.zeros_like(last[4].weight, dtype=torch.bool)
    assert Masks({"w": again}) == Masks({"w": again.contiguous()})


def test_options_default_to_the_paper_of_snip():
    assert Options().norm_mode == "eval" and Options().biases == "free"
    assert Masks.full(mlp()) == prune(mlp(), "dense", 1.0)


def test_a_rule_of_what_is_left_counts_anew_at_every_step():
    net, left = mlp(), sum(p.numel() for p in prunable(mlp()).values())
    for _ in range(4):
        left = left - math.ceil((1 - 0.3 ** (1 / 4)) * left) - 1
    rule = {"rounding": "one_fewer", "ties": "drop", "dtype": "float64"}
    masks = prune(net, "random", 0.3, steps=4, generator=generator(), **rule)
    assert masks.kept == left
    with pytest.raises(Refused, match="counts the network as a whole"):
        prune(net, "erk", 0.3, generator=generator(), **rule)


def test_the_smart_ratio_keeps_whole_weights_of_each_layer():
    shapes = {name: tuple(p.shape) for name, p in prunable(convnet()).items()}
    for criterion in ("smart_ratio", "smart_ratio_vgg"):
        share = layer_densities(shapes, 0.35, criterion)
        masks = prune(convnet(), criterion, 0.35, generator=generator())
        for name, (kept, total) in masks.counts().items():
            assert kept == int(share[name] * total)
        other = prune(convnet(), criterion, 0.35, generator=generator(1))
        assert other != masks and other.counts() == masks.counts()
