"""Writes labels.json: normal scores by scipy, z-scores by scikit-learn.

Run with Debian's python3-scipy (1.10.1) and python3-sklearn (1.2.1) in this
folder; the labels are invented.
"""
import json

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.preprocessing import StandardScaler

rng = np.random.RandomState(0)
cases = []
for n, ties in ((1, False), (2, False), (7, True), (50, False), (200, True)):
    y = 90 + 3 * rng.randn(n)
    y = np.round(y, 0 if ties else 6)
    cases.append({
        "labels": y.tolist(),
        "rank_gauss": norm.ppf((rankdata(y, method="average") - .5) / n).tolist(),
        "z_score": StandardScaler().fit_transform(y[:, None])[:, 0].tolist(),
    })
with open("labels.json", "w") as f:
    json.dump(cases, f)
