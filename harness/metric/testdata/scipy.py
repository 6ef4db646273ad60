"""Writes scipy.json beside it: correlations by scipy on invented, tied data. Run: python3 scipy.py (scipy 1.10)."""
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or '.') != here]  # this file would hide the package
import numpy as np
from scipy import stats

cases = []
for seed, (n, levels) in enumerate([(2, 0), (5, 3), (20, 4), (50, 0), (60, 7), (200, 2), (200, 30), (300, 0), (1000, 1), (1000, 2), (400, 3), (40, 1)]):
    rng = np.random.RandomState(seed)
    x = rng.randn(n)
    y = .6 * x + .8 * rng.randn(n)
    if levels:
        x, y = np.round(x * levels / 3), np.round(y * levels / 4)
    x, y = np.round(x, 6), np.round(y, 6)
    cases.append(dict(x=x.tolist(), y=y.tolist(), kendall=float(stats.kendalltau(x, y)[0]),
                      spearman=float(stats.spearmanr(x, y)[0]), pearson=float(stats.pearsonr(x, y)[0])))
json.dump(cases, open(os.path.join(here, 'scipy.json'), 'w'))
