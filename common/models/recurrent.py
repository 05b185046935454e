"""LSTM and GRU networks that read an image row by row.

A linear embedding of each row, one recurrent cell, and a linear layer on its last state. Biases
start at zero (the forget gate's too), one for each gate.

References
----------
Lee, Ajanthan, Torr, "SNIP", ICLR 2019, table 2. The networks were not released; the published
counts fit exactly this form. Cells: Hochreiter and Schmidhuber 1997 with forget gates; Cho et al.
2014, the GRU of TensorFlow 1, which resets the state before the matrix product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from common.errors import Refused
from common.models.shapes import Shape, scaled


class Cell(nn.Module):
    """Weights of a recurrent cell with as many inputs as hidden units.

    Parameters
    ----------
    gates, hidden : int
        ``weight_x`` and ``weight_h`` have shape (gates x hidden, hidden), ``bias`` (gates x
        hidden,). All start at zero: `common.models.initialise_` draws them, each matrix with its
        own fans.
    """

    prunable_names = ("weight_x", "weight_h")
    bias_names = ("bias",)

    def __init__(self, gates: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.weight_x = nn.Parameter(torch.zeros(gates * hidden, hidden))
        self.weight_h = nn.Parameter(torch.zeros(gates * hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(gates * hidden))


class LSTMCell(Cell):
    """Long short-term memory over a whole sequence; rows: input, forget, cell, output gate.

    One fused kernel. On a GPU cuDNN's cannot be differentiated twice: a criterion that needs this
    runs under ``torch.backends.cudnn.flags(enabled=False)``.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__(4, hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """Map a sequence (N, steps, hidden) to the last hidden state (N, hidden)."""
        start = sequence.new_zeros(1, len(sequence), self.hidden)
        # The fused kernel adds two biases to each gate; the second is not there to be trained.
        weights = (self.weight_x, self.weight_h, self.bias, torch.zeros_like(self.bias))
        # Always its training form: cuDNN has no gradient in the other, and without dropout both
        # compute the same. Then: one layer, dropout 0, one direction, examples first.
        _, state, _ = torch.lstm(sequence, (start, start), weights, True, 1, 0.0, True, False, True)
        return state[0]


class GRUCell(Cell):
    """Gated recurrent unit over a whole sequence; rows: reset gate, update gate, candidate."""

    def __init__(self, hidden: int) -> None:
        super().__init__(3, hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """Map a sequence (N, steps, hidden) to the last hidden state (N, hidden).

        PyTorch's fused kernel resets after the matrix product, so the steps are a plain loop.
        """
        inputs = nn.functional.linear(sequence, self.weight_x, self.bias)
        into_gates, into_candidate = self.weight_h.t().split([2 * self.hidden, self.hidden], dim=1)
        state = sequence.new_zeros(len(sequence), self.hidden)
        for step in inputs.unbind(dim=1):
            gates, candidate = step.split([2 * self.hidden, self.hidden], dim=1)
            reset, update = torch.addmm(gates, state, into_gates).sigmoid().chunk(2, dim=1)
            proposed = torch.addmm(candidate, reset * state, into_candidate).tanh()
            state = torch.lerp(proposed, state, update)
        return state


class RowReader(nn.Module):
    """Embedding, recurrent cell and output layer; an image is a sequence of its rows.

    Parameters
    ----------
    cell : type
        `LSTMCell` or `GRUCell`.
    pixels, hidden, classes : int
        Pixels of a row, hidden units, outputs.
    """

    def __init__(
        self, cell: type[LSTMCell] | type[GRUCell], pixels: int, hidden: int, classes: int
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(pixels, hidden)
        self.cell = cell(hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 1, rows, pixels) to logits (N, classes)."""
        return self.out(self.cell(self.embed(images.squeeze(1))))


def _row_reader(
    cell: type[LSTMCell] | type[GRUCell], hidden: int, classes: int, in_shape: Shape, width: float
) -> nn.Module:
    if in_shape[0] != 1:
        raise Refused(f"in_shape {in_shape}: the recurrent networks read images of one channel")
    return RowReader(cell, in_shape[2], scaled(hidden, width), classes)


def lstm_s(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return SNIP's LSTM-s, 128 hidden units (135,936 weights, 650 biases).

    Parameters as in `common.models.build`.

    Raises
    ------
    Refused
        If the images have more than one channel.
    """
    return _row_reader(LSTMCell, 128, classes, in_shape, width)


def lstm_b(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return SNIP's LSTM-b: `lstm_s` with 256 units (534,016 weights, 1,290 biases)."""
    return _row_reader(LSTMCell, 256, classes, in_shape, width)


def gru_s(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return SNIP's GRU-s, 128 hidden units (103,168 weights, 522 biases).

    Parameters as in `common.models.build`.

    Raises
    ------
    Refused
        If the images have more than one channel.
    """
    return _row_reader(GRUCell, 128, classes, in_shape, width)


def gru_b(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return SNIP's GRU-b: `gru_s` with 256 units (402,944 weights, 1,034 biases)."""
    return _row_reader(GRUCell, 256, classes, in_shape, width)
