"""Writes cost.json beside this script: parameters and multiply-adds of a few
networks of TransNAS-Bench-101's micro space on its seven tasks, counted by
PyTorch 1.13 on modules built from the authors' published description of them
(github.com/yawen-d/TransNASBench: lib/models and configs/train_from_scratch).
Multiply-adds are counted while an example passes through: a layer's weights
times the pixels of its output, of its input where it is transposed.
"""
import json
import os

import torch
from torch import nn


class Zero(nn.Module):
    def __init__(self, c, stride):
        super().__init__()
        self.c, self.stride = c, stride

    def forward(self, x):
        side = x.shape[2] // self.stride
        return torch.zeros(x.shape[0], self.c, side, side)


class Halves(nn.Module):
    """A skip that halves the resolution: two 1x1 convolutions side by side."""

    def __init__(self, cin, cout):
        super().__init__()
        self.a = nn.Conv2d(cin, cout // 2, 1, 2, bias=False)
        self.b = nn.Conv2d(cin, cout // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = torch.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.a(x), self.b(shifted)], 1))


def conv(cin, cout, kernel, stride):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout))


def operation(op, cin, cout, stride):
    if op == "0":
        return Zero(cout, stride)
    if op == "1":
        return nn.Identity() if stride == 1 and cin == cout else Halves(cin, cout)
    return conv(cin, cout, {"2": 1, "3": 3}[op], stride)


class Cell(nn.Module):
    def __init__(self, code, cin, cout, stride):
        super().__init__()
        self.edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
        self.ops = nn.ModuleList(
            operation(op, cin if a == 0 else cout, cout, stride if a == 0 else 1) for op, (a, _) in zip(code, self.edges))

    def forward(self, x):
        nodes = [x, 0, 0, 0]
        for op, (a, b) in zip(self.ops, self.edges):
            nodes[b] = nodes[b] + op(nodes[a])
        return nodes[3]


def encoder(code):
    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), conv(32, 64, 3, 2)]
    c = 64
    for module in "41414":
        stride, out = (2, 2 * c) if module == "4" else (1, c)
        layers += [Cell(code, c, out, stride), Cell(code, out, out, 1)]
        c = out
    return nn.Sequential(*layers)


def plain(cin, cout, norm=True):
    return [nn.Conv2d(cin, cout, 3, 1, 1)] + ([nn.BatchNorm2d(cout)] if norm else [])


def double(cin, cout):
    return [nn.ConvTranspose2d(cin, cout, 3, 2, 1, output_padding=1), nn.BatchNorm2d(cout)]


def head(task):
    classes = {"class_scene": 47, "class_object": 75, "room_layout": 9}
    if task in classes:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes[task]))
    if task == "jigsaw":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9 * 512, 1000))
    if task == "segmentsemantic":
        layers = plain(512, 1024) + plain(1024, 512)
        for c in (512, 256, 128, 64):
            layers += double(c, c // 2)
        return nn.Sequential(*layers, *double(32, 32), *plain(32, 17, norm=False))
    return nn.Sequential(
        *plain(512, 1024), *plain(1024, 1024), *plain(1024, 512), *plain(512, 512), *double(512, 256), *plain(256, 128),
        *double(128, 64), *plain(64, 64), *double(64, 32), *plain(32, 32), *double(32, 16), *plain(16, 32), *double(32, 16),
        *plain(16, 3, norm=False))


def measure(code, task):
    body, last = encoder(code).eval(), head(task).eval()
    total = [0]

    def count(module, given, result):
        pixels = 1
        if isinstance(module, nn.Conv2d):
            pixels = result.shape[2] * result.shape[3]
        if isinstance(module, nn.ConvTranspose2d):
            pixels = given[0].shape[2] * given[0].shape[3]
        total[0] += module.weight.numel() * pixels

    for m in list(body.modules()) + list(last.modules()):
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            m.register_forward_hook(count)
    with torch.no_grad():
        if task == "jigsaw":
            features = torch.cat([body(torch.zeros(1, 3, 64, 64)) for _ in range(9)], 1)
        else:
            features = body(torch.zeros(1, 3, 256, 256))
        out = last(features)
    if task in ("segmentsemantic", "normal", "autoencoder"):
        assert out.shape[2:] == (256, 256)
    params = sum(p.numel() for m in (body, last) for p in m.parameters())
    return {"cell": code, "task": task, "params": params, "flops": total[0]}


TASKS = ["class_scene", "class_object", "room_layout", "jigsaw", "segmentsemantic", "normal", "autoencoder"]
rows = [measure(code, task) for code in ("333333", "111111", "102333", "023120") for task in TASKS]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cost.json"), "w") as f:
    f.write("[\n " + ",\n ".join(json.dumps(r) for r in rows) + "\n]\n")
