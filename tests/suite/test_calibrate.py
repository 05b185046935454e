"""The calibration of planned times; no time is asserted, only that it is one core's."""

import numpy as np

from common.suite.calibrate import speed_factor


def test_the_factor_is_of_this_order_whatever_loaded_numpy_before():
    assert np.__version__
    assert 0.05 < speed_factor() < 50
