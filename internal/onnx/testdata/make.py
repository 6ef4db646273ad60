#!/usr/bin/python3
"""Writes tiny.onnx and tiny.json: an invented network with every operator that
package onnx knows, exported by PyTorch (1.13) as the surrogate of NAS-Bench-301
was, and what PyTorch computes for five rows. Weights come from a fixed seed.

    /usr/bin/python3 make.py
"""
import json

import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Embedding(4, 3)
        self.b = nn.Embedding(5, 2)
        self.wide = nn.Linear(6, 2)
        self.deep = nn.Sequential(nn.Linear(6, 17), nn.SELU(), nn.Linear(17, 2))

    def forward(self, x_cat, x_cont):
        epoch = (x_cont[:, 0] * 0.25).to(torch.float32).unsqueeze(1)
        x = torch.cat([torch.cat([self.a(x_cat[:, 0]), self.b(x_cat[:, 1])], 1), torch.cat([epoch], 1)], 1)
        y = torch.zeros(x.shape[0], 2)
        y = torch.sigmoid(y + self.wide(x) + self.deep(x))
        first = (y[:, 0] / 0.01).to(torch.float32).unsqueeze(1)
        second = ((y[:, 1] - 0.5) * 20.0 + 3.0).to(torch.float32).unsqueeze(1)
        return torch.cat([first, second], 1)


torch.manual_seed(301)
model = Tiny().eval()
cat = torch.tensor([[0, 0], [1, 4], [3, 2], [2, 3], [3, 1]], dtype=torch.int32)
cont = torch.tensor([[1.0], [2.5], [-3.0], [0.0], [4.0]])
torch.onnx.export(model, (cat[:1], cont[:1]), "tiny.onnx", opset_version=12, input_names=["x_cat", "x_cont"],
                  output_names=["y"], dynamic_axes={"x_cat": {0: "n"}, "x_cont": {0: "n"}})
with torch.no_grad():
    y = model(cat, cont)
json.dump({"x_cat": cat.flatten().tolist(), "x_cont": cont.flatten().tolist(), "y": y.flatten().tolist()},
          open("tiny.json", "w"), indent=1)
