"""Writes tests.json: tests and distributions by scipy on invented, tied data.

Run with Debian's python3-scipy (1.10.1) in this folder. Where scipy has no
exact signed-rank test (ties, zeros), its permutation_test over all signs is
the reference; Holm and components of variance are written out.
"""
import itertools
import json

import numpy as np
from scipy import stats

rng = np.random.RandomState(1)
out = {}


def holm(p):
    order, adjusted, least = np.argsort(p, kind="stable"), np.zeros(len(p)), 0.0
    for k, i in enumerate(order):
        least = max(least, min(1, p[i] * (len(p) - k)))
        adjusted[i] = least
    return adjusted.tolist()


out["paired"] = []
for n in (2, 5, 10, 40):
    a = np.round(.7 + .04 * rng.randn(n), 5)
    b = np.round(a - .01 + .02 * rng.randn(n), 5)
    d = a - b
    low, high = stats.t.interval(.95, n - 1, loc=d.mean(), scale=stats.sem(d))
    out["paired"].append({"a": a.tolist(), "b": b.tolist(), "mean": d.mean(), "low": low, "high": high,
                          "p": stats.ttest_rel(a, b).pvalue})

out["holm"] = [{"p": p, "want": holm(p)} for p in
               ([.01, .04, .03, .005], [.5, .5, .02, .02], [.9], np.round(rng.rand(12) ** 3, 6).tolist())]

# Friedman: none, some and heavy ties.
out["friedman"] = []
for blocks, k, levels in ((6, 3, 0), (12, 5, 0), (12, 4, 3), (20, 6, 2), (40, 3, 2)):
    x = rng.randn(blocks, k) + np.arange(k) * .4
    x = np.round(x, 6) if levels == 0 else np.clip(np.round(x), 0, levels - 1)
    s, p = stats.friedmanchisquare(*x.T)
    ranks = (k + 1 - np.apply_along_axis(stats.rankdata, 1, x)).mean(0)
    out["friedman"].append({"x": x.tolist(), "statistic": s, "p": p, "ranks": ranks.tolist()})


def wilcoxon(d, **how):
    r = stats.wilcoxon(d, zero_method="wilcox", correction=False, **how)
    return float(r.statistic), float(r.pvalue)


out["wilcoxon"] = []
for n in (1, 2, 5, 10, 25, 50):  # distinct: scipy's own exact distribution
    d = np.round(.3 + rng.randn(n), 6)
    s, p = wilcoxon(d, mode="exact")
    out["wilcoxon"].append({"d": d.tolist(), "statistic": s, "p": p, "exact": True})


def signed(x, axis=-1):
    """The sum of the ranks of positive values, zeros left out beforehand."""
    return (stats.rankdata(np.abs(x), axis=axis) * (x > 0)).sum(axis=axis)


for n, levels in ((4, 2), (8, 2), (10, 3), (12, 2), (13, 4)):  # ties and zeros: all signs
    d = np.round((.3 + rng.randn(n)) * levels / 2)
    kept = d[d != 0]
    r = stats.permutation_test((kept,), signed, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    total = len(kept) * (len(kept) + 1) / 2
    out["wilcoxon"].append({"d": d.tolist(), "statistic": float(min(r.statistic, total - r.statistic)),
                            "p": float(min(1, r.pvalue)), "exact": True})
for n, levels in ((60, 0), (80, 3), (200, 2)):  # many: the normal approximation
    d = .2 + rng.randn(n)
    d = np.round(d, 6) if levels == 0 else np.round(d * levels / 2)
    s, p = wilcoxon(d, mode="approx")
    out["wilcoxon"].append({"d": d.tolist(), "statistic": s, "p": p, "exact": int((d != 0).sum()) <= 50})

out["studentized"] = [{"k": k, "q": q, "p": float(stats.studentized_range.cdf(q, k, np.inf))}
                      for k, q in itertools.product((2, 3, 5, 10, 30), (.5, 2., 3.5, 6.))]
out["quantiles"] = [{"k": k, "q": float(stats.studentized_range.ppf(.95, k, np.inf))} for k in (2, 3, 4, 5, 8, 10, 20)]

# Power of the two-sided t test by scipy's noncentral t.
out["power"] = []
for paired, n, difference, sd in ((True, 2, .05, .03), (True, 5, .02, .02), (True, 10, .02, .03), (True, 100, .01, .04),
                                  (False, 2, .05, .03), (False, 9, .02, .015), (False, 50, .02, .0376), (False, 300, -.01, .04)):
    df = n - 1 if paired else 2 * n - 2
    shift = abs(difference) / sd * np.sqrt(n if paired else n / 2)
    t = stats.t.ppf(.975, df)
    p = stats.nct.sf(t, df, shift) + stats.nct.cdf(-t, df, shift)
    out["power"].append({"paired": paired, "n": n, "difference": difference, "sd": sd, "power": float(p)})

# Components of variance: F is scipy's, the rest the textbook's.
out["components"] = []
for numbers in ([3] * 6, [2, 3, 4, 2, 5], [1, 1, 4], [2] * 30):
    groups = [np.round(.7 + .03 * rng.randn() + .02 * rng.randn(n), 5) for n in numbers]
    total, k = sum(numbers), len(numbers)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (total - k)
    between = stats.f_oneway(*groups).statistic * within
    n0 = (total - sum(n * n for n in numbers) / total) / (k - 1)
    out["components"].append({"groups": [g.tolist() for g in groups], "seed": within,
                              "split": max(0, (between - within) / n0)})

# Area under tau over log n, by numpy.
labels, tau = [20, 50, 100, 400], np.round(.4 + .1 * np.arange(4)[:, None] + .02 * rng.randn(4, 5), 5)
area = np.trapz(tau, np.log(labels), axis=0) / np.log(labels[-1] / labels[0])
out["area"] = {"labels": labels, "tau": tau.tolist(), "want": area.tolist()}

with open("tests.json", "w") as f:
    json.dump(out, f)
    f.write("\n")
