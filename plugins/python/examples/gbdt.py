#!/usr/bin/env python3
"""Gradient boosting on the counts and places of operations, by scikit-learn."""

import hypernas  # first: what other imports print must not reach standard output

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor


class Boosting(hypernas.Predictor):
    name = "gbdt-sklearn"
    summary = "scikit-learn's gradient boosting on one-hot operations"
    source = "Friedman, Greedy Function Approximation, 2001"
    predicts_labels = True
    options = {
        "trees": hypernas.Option(200, "boosting rounds"),
        "depth": hypernas.Option(3, "largest depth of a tree"),
        "rate": hypernas.Option(0.1, "learning rate"),
    }

    def fit(self, training):
        o = training.options
        if o["trees"] < 1 or o["depth"] < 1 or o["rate"] <= 0:
            raise hypernas.OptionError("trees and depth start at 1, rate lies above 0")
        self.nodes = training.batch.to_dense().mask.shape[1]
        self.model = GradientBoostingRegressor(
            n_estimators=o["trees"], max_depth=o["depth"], learning_rate=o["rate"], subsample=0.8, random_state=training.numpy_seed
        )
        self.model.fit(features(training.batch, self.nodes), training.labels, monitor=lambda *_: training.check())

    def predict(self, batch):
        return self.model.predict(features(batch, self.nodes))


def features(batch, nodes):
    """Return one row a network: the operation at each of so many nodes, and how often each operation occurs."""
    one_hot = batch.to_dense(nodes).one_hot
    return np.hstack([one_hot[:, :nodes].reshape(len(batch), -1), one_hot.sum(axis=1)])


if __name__ == "__main__":
    hypernas.serve(Boosting)
