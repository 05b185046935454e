"""Engine of the pruning suite: networks, data, masks, training, statistics, audit, report."""
