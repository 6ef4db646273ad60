#!/usr/bin/python3
"""Moments of the surrogate's values, computed by numpy in float64 from the
public files, without this project's code. The numbers stand in mirror_test.go.

    /usr/bin/python3 reference.py new_model.onnx encoding.json zc_nasbench301_725.json zc_nasbench301_500.json [POOL]

POOL is a text file of genotypes, one a line, as Genotype.String writes them: it
is how the default pool was checked.
"""
import ast
import json
import sys

import numpy as np
from scipy.stats import spearmanr

OPS = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"


def fields(message):
    """Yields (number, value) of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, message[at:at + size]
            at += size


weights = {}
graph = dict(fields(open(sys.argv[1], "rb").read()))[7]
for number, value in fields(graph):
    if number == 5:
        tensor = list(fields(value))
        dims = [v for n, v in tensor if n == 1]
        d = dict(tensor)
        if d[2] == 1:
            weights[d[8].decode()] = np.frombuffer(d[9], "<f4").astype(float).reshape(dims)
encoding = json.load(open(sys.argv[2]))


def normalized(text):
    return tuple(tuple(tuple(sorted(c[2 * i:2 * i + 2])) for i in range(4)) for c in ast.literal_eval(text))


def encode(genotype):
    row = []
    for name, cell in zip(("normal", "reduce"), genotype):
        edges, first = [0] * 14, 0
        for i in range(4):
            for j, op in cell[i]:
                edges[first + j] = encoding[f"{PREFIX}edge_{name}_{first + j}"][OPS[op]]
            first += 2 + i
        row += edges
    for name, cell in zip(("normal", "reduce"), genotype):
        row += [encoding[f"{PREFIX}inputs_node_{name}_{i + 2}"][f"{cell[i][0][0]}_{cell[i][1][0]}"] for i in (1, 2, 3)]
    return row


def linear(name, x):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1))


def values(genotypes, epoch=98):
    x = np.array([encode(g) for g in genotypes])
    h = [weights[f"embds_fct.{i}.weight"][x[:, i]] for i in range(34)]
    # The graph scales the epoch by the float32 with the bytes d9 89 9d 3c.
    h = np.concatenate(h + [np.full((len(x), 1), epoch * float(np.frombuffer(b"\xd9\x89\x9d<", "<f4")[0]))], 1)
    y = linear("wide.0", h) + linear("deep.2.0", selu(linear("deep.1.1", selu(linear("deep.0.1", h)))))
    for i in range(4):
        h = selu(linear(f"deeper.{i}.1", h))
    y = y + linear("deeper.4.0", h)
    return 1 / (1 + np.exp(-y[:, 0])) / float(np.float32(0.01))


def moments(name, v):
    print(f"{name}: n {len(v)} mean {v.mean():.7f} sd {v.std():.7f} min {v.min():.7f} max {v.max():.7f}")


xgb = {}
for text, entry in json.load(open(sys.argv[3]))["cifar10"].items():
    xgb.setdefault(normalized(text), []).append(entry["val_accuracy"])
for text, entry in json.load(open(sys.argv[4]))["nasbench301"]["cifar10"].items():
    xgb.setdefault(normalized(text), []).append(entry["val_accuracy"])
y = np.array([np.mean(v) for v in xgb.values()])
v = values(list(xgb))
moments("surrogate", v)
moments("XGBoost", y)
print(f"Spearman {spearmanr(v, y)[0]:.7f} offset {v.mean() - y.mean():.7f}")
if len(sys.argv) > 5:
    moments("pool", values([normalized(line) for line in open(sys.argv[5])]))
