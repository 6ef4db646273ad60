"""Writes reference.json: scikit-learn's ridge regression on one-hot operations.

Run with Debian's python3-sklearn (1.2.1) in this folder. Architectures are
six choices among five operations, labels are invented from them.
"""
import json

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.linear_model import Ridge, RidgeCV

rng = np.random.RandomState(0)
effect = rng.randn(6, 5)


def onehot(a):
    return np.eye(5)[a].reshape(len(a), 30)


cases = []
for n in (8, 20, 60):
    train, test = rng.randint(5, size=(n, 6)), rng.randint(5, size=(12, 6))
    labels = np.round(90 - np.exp(-.6 * (onehot(train) @ effect.ravel())) + .5 * rng.randn(n), 4)
    y = norm.ppf((rankdata(labels) - .5) / n)
    case = {"train": train.tolist(), "labels": labels.tolist(), "test": test.tolist(), "fixed": {}}
    for alpha in (.01, 1, 100):
        model = Ridge(alpha=alpha, solver="svd").fit(onehot(train), y)
        case["fixed"][str(alpha)] = model.predict(onehot(test)).tolist()
    # Without cv this is leave-one-out, by the closed form.
    model = RidgeCV(alphas=10.0 ** np.arange(4, -3.1, -.5)).fit(onehot(train), y)
    case["alpha"], case["chosen"] = model.alpha_, model.predict(onehot(test)).tolist()
    model = Ridge(alpha=1, solver="svd").fit(onehot(train), labels)
    case["raw"] = model.predict(onehot(test)).tolist()
    cases.append(case)
    print(n, model.alpha, case["alpha"])
with open("reference.json", "w") as f:
    json.dump(cases, f)
