# Writes flow.json: inputs, outputs and gradients of the layers of flow.go and of
# the pairwise hinge loss as PyTorch computes them in double precision. Run with
# PyTorch 1.13: python3 flow.py
import json

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
cases = []


def flat(t):
    return {"shape": list(t.shape), "data": [float("%.12g" % v) for v in t.detach().contiguous().reshape(-1).tolist()]}


def case(name, f, inputs, data=()):
    """Inputs whose positions are in data get no gradient."""
    for i, x in enumerate(inputs):
        x.requires_grad_(i not in data)
    out = f(*inputs)
    gout = torch.randn(out.shape) if out.dim() else torch.tensor(1.7)
    out.backward(gout)
    cases.append({
        "name": name,
        "in": [flat(x) for x in inputs],
        "out": flat(out),
        "gout": flat(gout),
        "gin": [None if i in data else flat(x.grad) for i, x in enumerate(inputs)],
    })


b, n, h = 3, 5, 6
mask = torch.tensor([[1., 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
adjacency = torch.tril((torch.rand(b, n, n) < .6).double(), -1) * mask.unsqueeze(1) * mask.unsqueeze(2)


def flow(s, g, a, bias):
    return torch.sigmoid(g) * (a @ s) + s + bias


case("flow", flow, [torch.randn(b, n, h), torch.randn(b, n, h), adjacency.clone(), torch.randn(h)], (2,))


def attention(q, k, v, a, adj, m, g):
    """One graph at a time, on the nodes that the mask keeps."""
    outs = []
    for i in range(b):
        live = int(m[i].sum())
        qi, ki, vi = q[i, :live], k[i, :live], v[i, :live]
        z = F.leaky_relu((qi[:, None, :] * ki[None, :, :]) @ a) * adj[i, :live, :live]
        out = torch.sigmoid(g[i, :live]) * (F.softmax(z, dim=1) @ vi)
        outs.append(torch.cat((out, torch.zeros(n - live, h))))
    return torch.stack(outs)


case("graph attention", attention,
     [torch.randn(b, n, h), torch.randn(b, n, h), torch.randn(b, n, h), torch.randn(h), adjacency.clone(), mask.clone(), torch.randn(b, n, h)], (4, 5))
case("midpoint", lambda x, y: (x + y) / 2, [torch.randn(b, n), torch.randn(b, n)])
case("midpoint relu", lambda x, y: F.relu((x + y) / 2), [torch.randn(b, n), torch.randn(b, n)])
case("place", lambda z, m: m.unsqueeze(2) * z.unsqueeze(1), [torch.randn(b, h), torch.eye(n)[[4, 2, 3]]], (1,))


def hinge(p, y, w):
    d, m = p[:, None] - p[None, :], (y[:, None] > y[None, :]) & (w[:, None] * w[None, :] > 0)
    return F.relu(.6 - d)[m].mean()


case("hinge", hinge, [torch.randn(6), torch.tensor([.3, .1, .1, -2, 4, 1]), torch.tensor([1., 1, 1, 1, 0, 1])], (1, 2))

with open("flow.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
    f.write("\n")
