"""Small networks and batches for the tests of pruning."""

import torch
from torch import nn


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw_(model, seed=0):
    """Fill every parameter from one generator: fan-in normal weights, small biases."""
    with torch.no_grad():
        stream = generator(seed)
        for name, parameter in model.named_parameters():
            sd = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.1
            parameter.copy_(torch.randn(parameter.shape, generator=stream) * sd)
            if parameter.dim() == 1 and name.endswith("weight"):
                parameter.add_(1)
    return model


def mlp(biases=True, seed=0):
    return draw_(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(36, 12, biases),
            nn.ReLU(),
            nn.Linear(12, 8, biases),
            nn.ReLU(),
            nn.Linear(8, 3, biases),
        ),
        seed,
    )


def convnet(seed=0):
    return draw_(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 5, 3, bias=False),
            nn.BatchNorm2d(5),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(5, 3),
        ),
        seed,
    )


class Cell(nn.Module):
    """An LSTM over the rows of an image, written out, with weights of its own."""

    prunable_names = ("into", "back")
    bias_names = ("offset",)

    def __init__(self, pixels=6, hidden=5):
        super().__init__()
        self.into = nn.Parameter(torch.zeros(4 * hidden, pixels))
        self.back = nn.Parameter(torch.zeros(4 * hidden, hidden))
        self.offset = nn.Parameter(torch.zeros(4 * hidden))

    def forward(self, images):
        hidden = cell = images.new_zeros(len(images), self.back.shape[1])
        for row in images.squeeze(1).unbind(1):
            gates = row @ self.into.t() + hidden @ self.back.t() + self.offset
            entry, forget, candidate, out = gates.chunk(4, 1)
            cell = forget.sigmoid() * cell + entry.sigmoid() * candidate.tanh()
            hidden = out.sigmoid() * cell.tanh()
        return hidden


def recurrent(seed=0):
    return draw_(nn.Sequential(Cell(), nn.Linear(5, 3)), seed)


NETS = {"mlp": mlp, "convnet": convnet, "recurrent": recurrent}


def batch(n=8, seed=7, dtype=torch.float32):
    stream = generator(seed)
    images = torch.randn(n, 1, 6, 6, generator=stream).to(dtype)
    return images, torch.randint(3, (n,), generator=stream)
