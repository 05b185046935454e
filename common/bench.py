"""Measure the engine and write results/bench.csv: ``python -m common.bench [--out FILE]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.files import RESULTS, write_whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status 0."""
    parser = argparse.ArgumentParser(prog="python -m common.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "bench.csv")
    options = parser.parse_args(argv)
    import torch

    from common import benchmarks

    torch.set_num_threads(1)
    results = []
    measured = (
        benchmarks.lenet_training, benchmarks.matrix_share, benchmarks.resnet_training,
        benchmarks.scoring, benchmarks.scoring_memory, benchmarks.start_up,
    )  # fmt: skip
    for benchmark in measured:
        for result in benchmark():
            print(f"{result.benchmark}: {result.ratio:.3g} ({result.quantity})", flush=True)
            results.append(result)
    write_whole(options.out, benchmarks.to_csv(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
