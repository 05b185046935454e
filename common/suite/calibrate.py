"""How fast this machine's core is beside the reference core of the planned seconds."""

from __future__ import annotations

import os
import time

REFERENCE_US = 390.0  # one 100x784 by 784x300 product in float32 on the reference core
TRIALS = 60


def speed_factor() -> float:
    """Return the seconds that this core needs for what the reference core does in one.

    A matrix product of a LeNet-300-100 step is timed for a few hundredths of a second; the
    fastest of many trials counts, so that other programs disturb little.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read when numpy loads its library
    import numpy as np

    left = np.ones((100, 784), np.float32)
    right = np.ones((784, 300), np.float32)
    best = float("inf")
    for _ in range(TRIALS):
        begun = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - begun)
    return best * 1e6 / REFERENCE_US
