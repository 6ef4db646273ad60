#!/usr/bin/env python3
"""A small graph convolutional network, by PyTorch."""

import hypernas  # first: what other imports print must not reach standard output

import numpy as np
import torch
from torch import nn


class Graphs(nn.Module):
    def __init__(self, ops, width):
        super().__init__()
        self.embed = nn.Linear(ops, width)
        self.forth = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.back = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, adjacency, one_hot, mask):
        a = adjacency + torch.diag_embed(mask.float())
        out = a / a.sum(-1, keepdim=True).clamp(min=1)
        into = a.transpose(1, 2) / a.sum(1).unsqueeze(-1).clamp(min=1)
        h = self.embed(one_hot)
        for forth, back, norm in zip(self.forth, self.back, self.norms):
            h = norm(0.5 * torch.relu(out @ forth(h)) + 0.5 * torch.relu(into @ back(h)))
        pooled = (h * mask.unsqueeze(-1)).sum(1) / 4
        return self.head(pooled).squeeze(-1)


class GCN(hypernas.Predictor):
    name = "gcn-torch"
    summary = "three bidirectional graph convolutions by PyTorch"
    source = "Wen et al., Neural Predictor for Neural Architecture Search, ECCV 2020"
    notes = ["LayerNorm after each layer and a sum over nodes, unlike the paper."]
    options = {"epochs": hypernas.Option(100, "passes over the training rows"), "width": hypernas.Option(64, "hidden size")}

    def fit(self, training):
        o = training.options
        if o["epochs"] < 1 or o["width"] < 1:
            raise hypernas.OptionError("epochs and width start at 1")
        torch.manual_seed(training.seed & 0x7FFFFFFFFFFFFFFF)
        torch.use_deterministic_algorithms(True)
        dense = training.batch.to_dense()
        self.nodes = dense.mask.shape[1]
        graphs = tensors(dense)
        sd = training.labels.std()
        y = torch.tensor((training.labels - training.labels.mean()) / (sd if sd > 0 else 1), dtype=torch.float32)
        self.model = Graphs(graphs[1].shape[-1], o["width"])
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-3, weight_decay=1e-3)
        for _ in range(o["epochs"]):
            training.check()
            for rows in torch.randperm(len(y)).split(16):
                loss = nn.functional.mse_loss(self.model(*(x[rows] for x in graphs)), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.no_grad()
    def predict(self, batch):
        # One row at a time would be exact and slow; matrix products over batches of
        # another size round differently, so blocks are padded to one size, and
        # graphs to that of the training rows (a larger one stands for itself).
        dense = tensors(batch.to_dense(self.nodes))
        values = []
        for lo in range(0, len(batch), 64):
            part = [x[lo : lo + 64] for x in dense]
            rows = len(part[0])
            padded = [torch.cat([x, x[:1].expand(64 - rows, *x.shape[1:])]) if rows < 64 else x for x in part]
            values.append(self.model(*padded)[:rows].numpy())
        return np.concatenate(values) if values else np.zeros(0)


def tensors(dense):
    return [torch.from_numpy(x) for x in dense]


if __name__ == "__main__":
    hypernas.serve(GCN)
