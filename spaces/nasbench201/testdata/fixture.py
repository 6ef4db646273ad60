"""Writes the invented miniature of the three files, beside this script.

Seven cells of NAS-Bench-201's topology with made-up accuracies, in the exact
form of nats_bench.csv, of the entries of nb201_zen.zip and of metric_vals.pkl.
Run with Python 3.11 and numpy 1.24.
"""
import csv
import json
import os
import pickle

import numpy

NAMES = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
# NASLib's own numbers of these operations.
NASLIB = {1: 0, 0: 1, 3: 2, 2: 3, 4: 4}
# Operations on the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3. Cells 3 and 4 compute
# the same: nothing reaches vertex 1.
CELLS = [
    (3, 3, 3, 3, 3, 3),
    (0, 0, 0, 0, 0, 0),
    (4, 2, 1, 2, 1, 1),
    (0, 3, 2, 1, 2, 2),
    (0, 3, 4, 1, 3, 2),
    (1, 0, 4, 0, 2, 3),
    (2, 4, 3, 1, 0, 1),
]
RUNS = [3, 2, 3, 2, 3, 2, 3]
# NATS-Bench's unique strings of the cells; the importer does not read them.
UNIQUE = "invented"


def params(cell, classes):
    """Trainable parameters of the whole network, layer by layer."""
    total = 3 * 9 * 16 + 2 * 16
    for c in (16, 32, 64):
        if c > 16:
            total += 9 * (c // 2) * c + 2 * c + 9 * c * c + 2 * c + (c // 2) * c
        for op in cell:
            total += 5 * {2: c * c + 2 * c, 3: 9 * c * c + 2 * c}.get(op, 0)
    return total + 2 * 64 + 65 * classes


here = os.path.dirname(os.path.abspath(__file__))
os.makedirs(os.path.join(here, "zen"), exist_ok=True)
with open(os.path.join(here, "nats_bench.csv"), "w", newline="") as f:
    w = csv.writer(f, lineterminator="\n")
    w.writerow(["CIFAR10TestAccuracy200Epochs", "CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs", "ArchitectureString", "UniqueString"])
    for i, c in enumerate(CELLS):
        arch = "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|" % tuple(NAMES[op] for op in c)
        w.writerow([91.25 - 3.5 * i, 70.125 - 5 * i, 40.0625 - 4 * i, arch, UNIQUE])

for d, (name, top) in enumerate([("cifar10", 88), ("cifar100", 69), ("ImageNet16-120", 39)]):
    rows = []
    # In another order than the CSV file, and with indices that mean nothing.
    for k, i in enumerate([4, 0, 6, 2, 5, 1, 3]):
        c = [NASLIB[op] for op in CELLS[i]]
        arch = "(%d, %d, %d, %d, %d, %d)" % (c[0], c[1], c[3], c[2], c[4], c[5])
        score = -1e8 if i == 1 else 20.5 + 10 * i + d
        rows.append({"idx": str(k), "arch": arch, "zen": {"score": score, "time": 0.25}, "val_accuracy": top - 4.5 * i})
    for offset, part in ((0, rows[:5]), (5, rows[5:])):
        with open(os.path.join(here, "zen", f"benchmark--nasbench201--{name}--{offset}.json"), "w") as f:
            json.dump(part, f)

table = {}
for key, classes, base in (("imagenet", 120, 60.0), ("cifar10", 10, 10.0), ("cifar100", 100, 30.0)):
    loss, runtime, size = [], [], []
    for i, c in enumerate(CELLS):
        for run in range(RUNS[i]):
            loss.append(base + 4 * i + 0.5 * run)
            runtime.append(1000.0 + 10 * i)
            size.append(params(c, classes) / 1e6)
    table[key] = {"loss": numpy.array(loss), "runtime": numpy.array(runtime), "size_in_mb": numpy.array(size)}
with open(os.path.join(here, "metric_vals.pkl"), "wb") as f:
    pickle.dump(table, f)
