"""Writes reference.json: t intervals by scipy and crossings by numpy.

Run with Debian's python3-scipy (1.10.1) in this folder; the numbers are
invented, from numpy's RandomState(0).
"""
import json

import numpy as np
from scipy import stats

rng = np.random.RandomState(0)
intervals = []
for n in (2, 3, 5, 10, 30, 100):
    x = np.round(.7 + .04 * rng.randn(n), 6)
    low, high = stats.t.interval(.95, n - 1, loc=x.mean(), scale=stats.sem(x))
    intervals.append({"x": x.tolist(), "mean": x.mean(), "low": low, "high": high})

crossings = []
for labels in ([20, 50, 100], [39, 78, 156, 469]):
    base = .4 + .1 * np.log2(np.array(labels) / labels[0])
    tau = np.round(base[:, None] + .03 * rng.randn(len(labels), 6), 6)
    level = .5
    # The means ascend here, so the first crossing is numpy's interpolation.
    mean = tau.mean(1)
    assert (np.diff(mean) > 0).all() and mean[0] < level < mean[-1]
    crossings.append({"labels": labels, "tau": tau.tolist(), "level": level,
                      "want": float(np.exp(np.interp(level, mean, np.log(labels))))})

with open("reference.json", "w") as f:
    json.dump({"intervals": intervals, "crossings": crossings}, f)
