#!/usr/bin/env python3
"""A search space of 81 chains, each of four operations out of three, with invented accuracies."""

import hypernas  # first: what other imports print must not reach standard output

from itertools import product

import numpy as np

INPUT, OUTPUT, SKIP, CONV, POOL = range(5)
VOCABULARY = hypernas.Vocabulary(
    ops=(
        hypernas.Op("input", hypernas.Kind.INPUT),
        hypernas.Op("output", hypernas.Kind.OUTPUT),
        hypernas.Op("skip", hypernas.Kind.SKIP),
        hypernas.Op("conv3x3", hypernas.Kind.CONV, 3),
        hypernas.Op("avgpool3x3", hypernas.Kind.AVG_POOL, 3),
    ),
    numbers=("params",),
)


class Paths(hypernas.Space):
    name = "paths-python"
    summary = "81 chains of four operations, accuracies invented"
    options = {"noise": hypernas.Option(0.5, "standard deviation of the validation accuracy, in points")}

    def open(self, options):
        if options["noise"] < 0:
            raise hypernas.OptionError("noise starts at 0")
        choices = list(product((SKIP, CONV, POOL), repeat=4))
        convs = np.array([c.count(CONV) for c in choices])
        test = 60 + 8 * np.sqrt(convs) + np.array([c.index(POOL) if POOL in c else 2 for c in choices])
        noise = np.random.default_rng(0).normal(0, options["noise"], len(choices))
        return hypernas.Rows(
            vocabulary=VOCABULARY,
            networks=[network(c) for c in choices],
            # A skip does nothing, so it is no part of what a chain computes.
            identities=[hypernas.identity(" ".join(str(op) for op in c if op != SKIP)) for c in choices],
            numbers=np.array([[9 * 16 * 16 * n] for n in convs], float),
            columns=[
                hypernas.Column("validation", test + noise, split="validation", unit="%", runs=1),
                hypernas.Column("test", test, split="test", unit="%", runs=1),
            ],
            label="validation",
            target="test",
            license="Apache-2.0",
            citation="an example of hypernas",
            notes=["Accuracies are invented."],
        )


def network(choice):
    ops = (INPUT, *choice, OUTPUT)
    cell = hypernas.Cell(ops=ops, edges=tuple((i, i + 1) for i in range(len(ops) - 1)), role=hypernas.Role.NORMAL)
    return hypernas.Network(cells=(cell,), sequence=(hypernas.Step(0),))


if __name__ == "__main__":
    hypernas.serve(Paths)
