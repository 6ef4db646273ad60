"""Writes naslib.json beside it: what NASLib's evaluator computes, on invented
values with ties. Run: python3 naslib.py (numpy 1.24, scipy 1.10).

The formulas are those of naslib/defaults/predictor_evaluator.py; it takes the
absolute value of Pearson's correlation, which is positive here.
"""
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or '.') != here]  # scipy.py would hide the package
import numpy as np
from scipy import stats

cases = []
for seed, (n, decimals) in enumerate([(30, 6), (60, 1), (200, 1), (200, 0), (25, 0)]):
    rng = np.random.RandomState(100 + seed)
    y = np.round(90 + 2 * rng.randn(n), decimals)
    pred = np.round(y + 1.5 * rng.randn(n), decimals)
    case = dict(y=y.tolist(), pred=pred.tolist(), mae=np.abs(pred - y).mean(), rmse=np.sqrt(((pred - y) ** 2).mean()),
                pearson=abs(np.corrcoef(y, pred)[1, 0]), spearman=stats.spearmanr(y, pred)[0],
                kendalltau=stats.kendalltau(y, pred)[0])
    for k in (10, 20):
        top = [v > np.sort(v)[::-1][min(n - 1, k)] for v in (y, pred)]
        case['precision_%d' % k] = (top[0] & top[1]).sum() / k
    cases.append(case)
json.dump(cases, open(os.path.join(here, 'naslib.json'), 'w'))
