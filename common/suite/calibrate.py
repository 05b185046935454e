"""How fast this machine's core is beside the reference core of the planned seconds."""

from __future__ import annotations

import os
import subprocess
import sys

REFERENCE_US = 442.0  # numpy's 100x784 by 784x300 product in float32 on the reference core
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
TIMED = """
import time
import numpy as np
left, right = np.ones((100, 784), np.float32), np.ones((784, 300), np.float32)
best = float("inf")
for _ in range(60):
    begun = time.perf_counter()
    left @ right
    best = min(best, time.perf_counter() - begun)
print(best)
"""


def speed_factor() -> float:
    """Return the seconds that this core needs for what the reference core does in one.

    A matrix product of a LeNet-300-100 step is timed for a few hundredths of a second in a process
    of its own, on one thread; the fastest of many trials counts, so that other programs disturb
    little.
    """
    command = [sys.executable, "-c", TIMED]
    done = subprocess.run(
        command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True
    )
    return float(done.stdout) * 1e6 / REFERENCE_US
