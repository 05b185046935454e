"""The benchmarks' arithmetic, and that each of them runs; no time is asserted."""

import csv
import io
import time

import pytest

from common.benchmarks.measure import COLUMNS, Result, paired, to_csv
from common.benchmarks.pruning import _in_new_process
from common.benchmarks.training import start_up


def test_pairs_compare_like_with_like():
    ours, theirs, ratio = paired(lambda: time.sleep(0.01), lambda: time.sleep(0.04), pairs=3)
    assert ours < theirs
    assert ratio == pytest.approx(ours / theirs, rel=0.5)


def test_the_csv_has_the_documented_columns():
    rows = list(csv.reader(io.StringIO(to_csv([Result("a", "s, of b", 1.23456, 2.0, 0.61728)]))))
    assert rows == [list(COLUMNS), ["a", "s, of b", "1.235", "2", "0.6173"]]


def test_the_start_of_a_job_is_measured():
    (result,) = start_up()
    assert 0 < result.ratio == pytest.approx(result.value / result.baseline)


def test_scoring_takes_more_memory_than_holding_the_network():
    peak = _in_new_process("resnet20", "snip", scores=True)
    assert 10 < peak < 1000  # MiB: the activations of a batch of 128
