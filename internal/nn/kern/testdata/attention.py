# Writes attention.json: attention, activations and the parts of a permutation
# invariant set function as PyTorch computes them in double precision, in the
# form of reference.py. Run with PyTorch 1.13: python3 attention.py
import json

import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
cases = []


def flat(t):
    return {"shape": list(t.shape), "data": [float("%.12g" % v) for v in t.detach().contiguous().reshape(-1).tolist()]}


def case(name, f, inputs, data=()):
    for i, x in enumerate(inputs):
        x.requires_grad_(i not in data)
    out = f(*inputs)
    gout = torch.randn(out.shape)
    out.backward(gout)
    cases.append({
        "name": name,
        "in": [flat(x) for x in inputs],
        "out": flat(out),
        "gout": flat(gout),
        "gin": [None if i in data else flat(x.grad) for i, x in enumerate(inputs)],
    })


def attention(heads):
    def f(q, k, v, mask, drop=None):
        b, n = mask.shape
        q, k, v = (x.view(b, n, heads, -1).transpose(1, 2) for x in (q, k, v))
        s = q @ k.transpose(2, 3) / q.shape[3] ** .5
        p = F.softmax(s.masked_fill(mask[:, None, None, :] == 0, -1e9), 3)
        if drop is not None:
            p = p * drop
        return (p @ v).transpose(1, 2).reshape(b, n, -1) * mask[:, :, None]
    return f


mask = torch.tensor([[1., 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 1, 0, 0]])
case("attention", attention(2), [torch.randn(3, 5, 6), torch.randn(3, 5, 6), torch.randn(3, 5, 4), mask], (3,))
case("attention with dropout", attention(3),
     [torch.randn(3, 5, 6), torch.randn(3, 5, 6), torch.randn(3, 5, 9), mask.clone(), (torch.rand(3, 3, 5, 5) < .8) / .8], (3, 4))
case("batched product", lambda a, x: a @ x, [torch.randn(3, 4, 5), torch.randn(3, 5, 6)])
for name, f in (("relu", F.relu), ("leaky relu", lambda x: F.leaky_relu(x, .2)), ("elu", F.elu),
                ("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("gelu", F.gelu)):
    case(name, f, [2 * torch.randn(4, 5)])

o, r, s = 4, 3, 2


def message(x, u, v):
    return F.leaky_relu(x.view(6, o, r) * u[:, None] + v[:, None], .2).view(6, o * r)


def update(total):
    def f(x, w, b, c):
        y = c * F.leaky_relu((x.view(6, o, r, 1) * w).sum(2) + b, .2)
        return y.sum(2) if total else y.view(6, o * s)
    return f


case("message", message, [torch.randn(6, o * r), torch.randn(o), torch.randn(o)])
for name, total in (("update", False), ("update summed", True)):
    case(name, update(total), [torch.randn(6, o * r), torch.randn(o, r, s), torch.randn(o, s), torch.randn(o, s)])

with open("attention.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
    f.write("\n")
