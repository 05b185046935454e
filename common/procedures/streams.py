"""Named random streams of a replicate, independent of paper, experiment and arm."""

from __future__ import annotations

import hashlib

import torch


def seed(replicate: int, stream: str) -> int:
    """Return the seed of the stream called `stream` of a replicate, below 2**63.

    It depends on the two alone, so the same replicate of two arms shares split, initialisation
    and order, and arms are compared in pairs.
    """
    text = f"{replicate}/{stream}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def generator(replicate: int, stream: str) -> torch.Generator:
    """Return a fresh CPU generator at the start of a replicate's stream."""
    return torch.Generator().manual_seed(seed(replicate, stream))
