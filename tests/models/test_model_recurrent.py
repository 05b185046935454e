"""The recurrent cells against step loops written from their equations."""

import pytest
import torch
from torch import nn

from common.models import build, initialise_
from common.models.recurrent import GRUCell, LSTMCell


def cell_and_sequence(kind, hidden=6, steps=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    cell = initialise_(kind(hidden), "default", generator).to(dtype)
    sequence = torch.randn(3, steps, hidden, generator=generator).to(dtype)
    return cell, sequence


def step_loop(cell, sequence, rule):
    h = hidden = torch.zeros(len(sequence), cell.hidden, dtype=sequence.dtype)
    for t in range(sequence.shape[1]):
        h, hidden = rule(cell, sequence[:, t], h, hidden)
    return h


def lstm_step(cell, x, h, c):
    k = cell.hidden
    wx, wh, b = cell.weight_x, cell.weight_h, cell.bias
    i, f, g, o = (
        x @ wx[n * k : (n + 1) * k].T + h @ wh[n * k : (n + 1) * k].T + b[n * k : (n + 1) * k]
        for n in range(4)
    )
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(cell, x, h, _):
    k = cell.hidden
    (xr, xz, xn), (wr, wz, wn) = cell.weight_x.split(k), cell.weight_h.split(k)
    br, bz, bn = cell.bias.split(k)
    r = torch.sigmoid(x @ xr.T + h @ wr.T + br)
    z = torch.sigmoid(x @ xz.T + h @ wz.T + bz)
    n = torch.tanh(x @ xn.T + (r * h) @ wn.T + bn)
    return z * h + (1 - z) * n, None


@pytest.mark.parametrize("kind, rule", [(LSTMCell, lstm_step), (GRUCell, gru_step)])
def test_cell_equals_its_equations(kind, rule):
    cell, sequence = cell_and_sequence(kind)
    expected = step_loop(cell, sequence, rule)
    torch.testing.assert_close(cell(sequence), expected)
    ours = torch.autograd.grad(cell(sequence).square().sum(), list(cell.parameters()))
    theirs = torch.autograd.grad(expected.square().sum(), list(cell.parameters()))
    torch.testing.assert_close(ours, theirs)


def test_lstm_equals_pytorch_with_one_bias():
    cell, sequence = cell_and_sequence(LSTMCell)
    theirs = nn.LSTM(6, 6, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(cell.weight_x)
        theirs.weight_hh_l0.copy_(cell.weight_h)
        theirs.bias_ih_l0.copy_(cell.bias)
        theirs.bias_hh_l0.zero_()
    torch.testing.assert_close(cell(sequence), theirs(sequence)[1][0][0])


@pytest.mark.parametrize("kind", [LSTMCell, GRUCell])
def test_first_and_second_derivatives(kind):
    cell, sequence = cell_and_sequence(kind, hidden=2, steps=3)
    names = [name for name, _ in cell.named_parameters()]

    def function(*values):
        return torch.func.functional_call(cell, dict(zip(names, values, strict=True)), sequence)

    values = tuple(p.detach().requires_grad_() for p in cell.parameters())
    assert torch.autograd.gradcheck(function, values)
    assert torch.autograd.gradgradcheck(function, values)


@pytest.mark.parametrize("name", ["lstm_s", "gru_s"])
def test_rows_are_read_from_the_top(name):
    model = build(name, classes=10, in_shape=(1, 28, 28), width=0.1)
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 3, 7] = 1.0
    rows = model.embed.bias.expand(1, 28, -1).clone()
    rows[0, 3] += model.embed.weight[:, 7]
    torch.testing.assert_close(model(image), model.out(model.cell(rows)))


def test_names_that_pruning_relies_on():
    model = build("gru_b", classes=10, in_shape=(1, 28, 28))
    assert [name for name, _ in model.named_parameters()] == [
        "embed.weight", "embed.bias", "cell.weight_x", "cell.weight_h", "cell.bias",
        "out.weight", "out.bias",
    ]  # fmt: skip
    assert model.cell.prunable_names == ("weight_x", "weight_h")
    assert model.cell.bias_names == ("bias",)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", [LSTMCell, GRUCell])
def test_gpu_gradient_in_evaluation_mode(kind):
    cell, sequence = cell_and_sequence(kind)
    expected = torch.autograd.grad(cell(sequence).square().sum(), cell.weight_h)[0]
    cell, sequence = cell.cuda().eval(), sequence.cuda()
    ours = torch.autograd.grad(cell(sequence).square().sum(), cell.weight_h)[0]
    torch.testing.assert_close(ours.cpu(), expected)
