#!/usr/bin/python3
"""Writes the invented miniature of the space's files: surrogate.onnx, a network
of the real one's form but 1/16 of its width, with weights from a fixed seed,
exported by PyTorch (1.13); encoding.json with other codes than the real one's;
seven genotypes with made-up accuracies and proxies in xgb_725.json and
xgb_500.json; and values.json, what PyTorch computes for the seven.

    /usr/bin/python3 make.py
"""
import json
import random

import torch
from torch import nn

OPS = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
rng = random.Random(301)


def codes(categories):
    """Codes from 1 in reverse order; the real file has them in order."""
    return {"#na#": 0, **{c: len(categories) - i for i, c in enumerate(categories)}}


def pairs(node):
    return [f"{a}_{b}" for a in range(node) for b in range(a + 1, node)]


columns = [f"edge_{t}_{e}" for t in ("normal", "reduce") for e in range(14)]
columns += [f"inputs_node_{t}_{n}" for t in ("normal", "reduce") for n in (3, 4, 5)]
encoding = {c: codes(OPS if c.startswith("edge") else pairs(int(c[-1]))) for c in columns}
json.dump({PREFIX + c: encoding[c] for c in sorted(columns)}, open("encoding.json", "w"))


class Surrogate(nn.Module):
    def __init__(self):
        super().__init__()
        self.embds_fct = nn.ModuleList([nn.Embedding(len(encoding[c]), 2 + len(encoding[c]) // 4) for c in columns])
        d = sum(e.embedding_dim for e in self.embds_fct) + 1
        self.wide = nn.Linear(d, 2)
        self.deep = nn.Sequential(nn.Linear(d, 32), nn.SELU(), nn.Linear(32, 32), nn.SELU(), nn.Linear(32, 2))
        self.deeper = nn.Sequential(nn.Linear(d, 16), nn.SELU(), nn.Linear(16, 8), nn.SELU(), nn.Linear(8, 2))

    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embds_fct)], 1)
        epoch = (x_cont[:, 0] * 0.0192).to(torch.float32).unsqueeze(1)
        x = torch.cat([x, torch.cat([epoch], 1)], 1)
        y = torch.zeros(x.shape[0], 2) + self.wide(x)
        y = torch.sigmoid(y + self.deep(x) + self.deeper(x))
        accuracy = (y[:, 0] / 0.01).to(torch.float32).unsqueeze(1)
        runtime = ((y[:, 1] - 0.01) * 13132.0 + 30.5).to(torch.float32).unsqueeze(1)
        return torch.cat([accuracy, runtime], 1)


def genotype():
    """Two lists of eight pairs, the two of a node in either order."""
    return [[(f, rng.randrange(7)) for n in range(4) for f in rng.sample(range(n + 2), 2)] for _ in range(2)]


def encode(g):
    row = dict.fromkeys(columns, 0)
    for t, cell in zip(("normal", "reduce"), g):
        first = 0
        for n in range(4):
            for f, op in cell[2 * n:2 * n + 2]:
                row[f"edge_{t}_{first + f}"] = encoding[f"edge_{t}_{first + f}"][OPS[op]]
            if n > 0:
                a, b = sorted(f for f, _ in cell[2 * n:2 * n + 2])
                row[f"inputs_node_{t}_{n + 2}"] = encoding[f"inputs_node_{t}_{n + 2}"][f"{a}_{b}"]
            first += n + 2
    return [row[c] for c in columns]


torch.manual_seed(301)
model = Surrogate().eval()
genotypes = [genotype() for _ in range(7)]
x = torch.tensor([encode(g) for g in genotypes], dtype=torch.int32)
torch.onnx.export(model, (x[:1], torch.tensor([[98.0]])), "surrogate.onnx", opset_version=12,
                  input_names=["x_cat", "x_cont"], output_names=["y"], dynamic_axes={"x_cat": {0: "n"}, "x_cont": {0: "n"}})
values = {}
with torch.no_grad():
    for epoch in (98, 12):
        y = model(x, torch.full((7, 1), float(epoch)))[:, 0].tolist()
        values[str(epoch)] = dict(zip(map(str, genotypes), y))
json.dump(values, open("values.json", "w"), indent=1)

PROXIES = ["flops", "params", "synflow", "grasp", "fisher", "grad_norm", "l2_norm", "plain", "epe_nas", "jacov", "snip"]


def proxies():
    return {p: round(rng.uniform(-5, 5), 3) for p in PROXIES}


a, b = {}, {}
for i, g in enumerate(genotypes):
    accuracy = round(rng.uniform(91, 95), 3)
    if i < 5:
        scores = {p: {"score": v, "time": 0.5} for p, v in {**proxies(), "nwot": 400.0}.items()}
        a[str(g)] = {"idx": str(i), "arch": str(g), "val_accuracy": accuracy, **scores}
    if i >= 4:
        b[str(g)] = {**proxies(), "val_accuracy": accuracy + (0.25 if i == 4 else 0)}
json.dump({"cifar10": a}, open("xgb_725.json", "w"), indent=1)
json.dump({"nasbench301": {"cifar10": b}}, open("xgb_500.json", "w"), indent=1)
