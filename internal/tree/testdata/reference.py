"""Writes reference.json: what scikit-learn 1.2.1 predicts on invented data.

Run with scikit-learn 1.2 and numpy 1.24: python3 reference.py > reference.json
"""
import json

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor


def data(seed, n, columns, whole=0):
    """Values are exact as float32, which scikit-learn's trees compute in, and
    sums of labels as float64, so that rounding decides between no splits; the
    first columns hold few distinct ones."""
    r = np.random.RandomState(seed)
    x = r.randint(0, 4096, (n, columns)) / 4096
    x[:, :whole] = r.randint(0, 6, (n, whole)) / 5 * 4 // 1 / 4
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, -1]) + 5 * x[:, columns // 2] + r.randn(n)
    return x, np.round(64 * y) / 64


def case(seed, n, columns, whole=0, tests=40):
    x, y = data(seed, n + tests, columns, whole)
    return x[:n], y[:n], x[n:], {"x": x[:n].tolist(), "y": y[:n].tolist(), "test": x[n:].tolist()}


trees = []
for seed, n, columns, whole, leaf, depth in [(0, 50, 1, 0, 1, 0), (1, 80, 1, 1, 1, 0), (2, 120, 6, 0, 6, 0), (3, 150, 8, 3, 12, 3), (4, 9, 2, 0, 5, 0)]:
    x, y, test, c = case(seed, n, columns, whole)
    # With enough rows in a leaf no two columns split a node equally well, so
    # the random order in which scikit-learn looks at them decides nothing.
    values = [DecisionTreeRegressor(min_samples_leaf=leaf, max_depth=depth or None, random_state=s).fit(x, y).predict(test) for s in range(5)]
    assert all(np.allclose(v, values[0], 1e-12) for v in values), seed
    trees.append(c | {"leaf": leaf, "depth": depth, "want": values[0].tolist()})

boosting = []
for seed, n, columns, whole, rounds, rate, leaves, leaf, l2 in [
    (10, 120, 5, 2, 100, 0.1, 31, 20, 0),
    (11, 400, 3, 1, 60, 0.1, 31, 5, 1),
    (12, 300, 6, 3, 40, 0.2, 6, 3, 0.5),
    (13, 30, 3, 0, 10, 0.1, 31, 20, 0),
    (14, 60, 4, 4, 50, 0.1, 31, 2, 0),
]:
    x, y, test, c = case(seed, n, columns, whole)
    m = HistGradientBoostingRegressor(
        max_iter=rounds, learning_rate=rate, max_leaf_nodes=leaves, min_samples_leaf=leaf, l2_regularization=l2, early_stopping=False
    ).fit(x, y)
    o = {"rounds": rounds, "rate": rate, "leaves": leaves, "leaf": leaf, "l2": l2}
    boosting.append(c | o | {"want": m.predict(test).tolist()})

forests = []
for seed, make, features, bootstrap in [(20, RandomForestRegressor, 1 / 3, True), (21, ExtraTreesRegressor, 1.0, False), (22, RandomForestRegressor, 0.5, False)]:
    x, y, test, c = case(seed, 100, 8, 3, 60)
    m = make(n_estimators=4000, max_features=features, bootstrap=bootstrap, random_state=0, n_jobs=2).fit(x, y)
    each = np.array([t.predict(test) for t in m.estimators_])
    o = {"features": features, "bootstrap": bootstrap, "random_cuts": make is ExtraTreesRegressor}
    o |= {"mean": np.round(each.mean(0), 6).tolist(), "error": np.round(each.std(0) / np.sqrt(len(each)), 6).tolist()}
    forests.append(c | o)

print(json.dumps({"trees": trees, "boosting": boosting, "forests": forests}))
