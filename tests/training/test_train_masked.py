"""Laws 1 and 4: pruned weights are exactly zero, and nothing else is touched by masks."""

import pytest
import torch
from small_nets import RECIPES, batches, conv_net, masks_of, same, state
from torch.func import functional_call
from torch.nn import functional as F

from common.training import load_checkpoint, loop, train


def pruned(net, masks):
    """The values of all pruned weights."""
    parameters = dict(net.named_parameters())
    return torch.cat([parameters[name].detach()[~mask] for name, mask in masks.items()])


@pytest.mark.parametrize("name", RECIPES)
def test_pruned_weights_are_exactly_zero_after_every_step(name):
    net = conv_net()
    masks = masks_of(net)
    seen = []

    def watched(step):
        seen.append(pruned(net, masks).count_nonzero())
        return batches(step)

    train(net, watched, RECIPES[name], masks=masks)
    assert len(seen) == RECIPES[name].steps
    assert not any(seen)
    assert pruned(net, masks).count_nonzero() == 0


@pytest.mark.parametrize("name", RECIPES)
def test_without_masks_the_same_weights_would_not_be_zero(name):
    net = conv_net()
    train(net, batches, RECIPES[name])
    assert pruned(net, masks_of(net)).count_nonzero() > 0


@pytest.mark.parametrize("name", RECIPES)
def test_zeros_survive_the_checkpoint_and_the_resumed_steps(name, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    net, path = conv_net(), tmp_path / "run.ckpt"
    masks = masks_of(net)
    with pytest.raises(InterruptedError):
        train(net, until(3), RECIPES[name], masks=masks, checkpoint=path)
    saved = load_checkpoint(path)
    assert saved.step == 3
    for key, mask in masks.items():
        assert saved.model[key][~mask].count_nonzero() == 0
        assert torch.equal(saved.masks[key], mask)
    resumed, seen = conv_net(seed=5), []

    def watched(step):
        seen.append(pruned(resumed, masks).count_nonzero())
        return batches(step)

    train(resumed, watched, RECIPES[name], masks=masks, checkpoint=path)
    assert len(seen) == RECIPES[name].steps - 3
    assert not any(seen)
    assert pruned(resumed, masks).count_nonzero() == 0


def until(stop):
    """Batches that end, as a kill would, before step `stop`."""

    def interrupted(step):
        if step == stop:
            raise InterruptedError
        return batches(step)

    return interrupted


def by_multiplied_weights(net, masks, recipe):
    """Train `net` as the definition says: the network computed is w * m; plain torch throughout."""
    net.train()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            weight *= masks.get(name, torch.ones(()))
    options = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "foreach": False}
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), **options)
    else:
        optimizer = torch.optim.SGD(
            net.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, **options
        )
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, recipe.milestones, recipe.gamma)
    for step in range(recipe.steps):
        images, labels = batches(step)
        product = {n: p * masks[n] if n in masks else p for n, p in net.named_parameters()}
        loss = F.cross_entropy(functional_call(net, product, (images,)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return net


@pytest.mark.parametrize("name", RECIPES)
def test_training_agrees_with_multiplying_weights_by_their_masks(name):
    net, other = conv_net(), conv_net(channels_last=False)
    masks = masks_of(net)
    train(net, batches, RECIPES[name], masks=masks)
    expected = by_multiplied_weights(other, masks, RECIPES[name]).state_dict()
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=2e-4, atol=2e-6, msg=key)


def test_masks_that_keep_everything_change_no_byte():
    net, masked = conv_net(), conv_net()
    train(net, batches, RECIPES["nesterov"])
    full = {name: torch.ones_like(mask) for name, mask in masks_of(net).items()}
    train(masked, batches, RECIPES["nesterov"], masks=full)
    assert same(state(net), state(masked))


def test_nothing_outside_the_masks_is_changed_when_they_are_put_in_force():
    net = conv_net()
    before, masks, seen = state(net), masks_of(net), {}

    def watched(step):
        if step == 0:
            seen.update(state(net))
        return batches(step)

    train(net, watched, RECIPES["momentum"], masks=masks)
    for name, value in before.items():
        mask = masks.get(name, torch.ones_like(value, dtype=torch.bool))
        assert torch.equal(seen[name], value * mask)


def test_parameters_without_a_mask_are_trained():
    net = conv_net()
    before, masks = state(net), masks_of(net)
    train(net, batches, RECIPES["sgd"], masks=masks)
    for name, value in net.named_parameters():
        if name not in masks:
            assert not torch.equal(value, before[name]), name


def test_a_masked_parameter_that_the_loss_does_not_reach_stays_zero():
    net = conv_net()
    net.unused = torch.nn.Linear(3, 2)
    net.forward = lambda images: torch.nn.Sequential(*list(net)[:-1])(images)
    masks = {"unused.weight": torch.zeros(2, 3, dtype=torch.bool)}
    train(net, batches, RECIPES["momentum"], masks=masks)
    assert net.unused.weight.count_nonzero() == 0
