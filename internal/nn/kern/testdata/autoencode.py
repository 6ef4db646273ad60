# Writes autoencode.json: inputs, outputs and gradients of the layers and losses
# of autoencoders and sequences, and of the binary relation, as PyTorch computes
# them in double precision. Run with PyTorch 1.13: python3 autoencode.py
import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
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


b, n, d, h = 3, 4, 4, 3
a = (torch.rand(b, n, n) < .5).double()
case("neighbors", lambda x, a, e: (1 + e) * x + a @ x, [torch.randn(b, n, d), a, torch.randn(1)], (1,))
full = torch.ones(b, n)
case("node norm training", lambda x, g, c, m: F.batch_norm(x.reshape(-1, d), None, None, g, c, True).reshape(x.shape),
     [torch.randn(b, n, d), torch.randn(d), torch.randn(d), full.clone()], (3,))
mean, variance = torch.tensor([.5, -1, 0, 2]), torch.tensor([1, .25, 4, 2])
case("node norm evaluation", lambda x, g, c, m: F.batch_norm(x.reshape(-1, d), mean, variance, g, c).reshape(x.shape),
     [torch.randn(b, n, d), torch.randn(d), torch.randn(d), full.clone()], (3,))


def relation(x, y, w):
    losses = []
    for i in range(len(y)):
        for j in range(len(y)):
            if i != j and w[i] * w[j] > 0:
                # A network of two outputs, whose difference is the log-odds.
                predicted = torch.stack([x[i, 0] + x[j, 1], torch.zeros(())])
                losses.append(F.kl_div(F.log_softmax(predicted, 0), F.softmax(torch.stack([y[i], y[j]]), 0), reduction="sum"))
    return torch.stack(losses).mean()


case("relation", relation, [torch.randn(5, 2), torch.randn(5), torch.tensor([1., 1, 0, 1, 1])], (1, 2))
labels, weights = torch.tensor([[0., 3, 1], [2, 4, 0]]), torch.tensor([[1., 1, 0], [1, .5, 0]])
case("choice", lambda x, l, w: (w * F.cross_entropy(x.permute(0, 2, 1), l.long(), reduction="none")).sum() / w.sum(),
     [torch.randn(2, 3, 5), labels, weights], (1, 2))
mask = torch.tensor([[1., 1, 1, 1], [1, 1, 0, 1], [0, 0, 1, 0]])


def inner(z, a, m):
    keep = ((m[:, :, None] * m[:, None, :]) * torch.ones(n, n).triu(1)).bool()
    return F.binary_cross_entropy(torch.sigmoid(z @ z.transpose(1, 2))[keep], a[keep])


case("inner product", inner, [torch.randn(b, n, d), a.clone(), mask.clone()], (1, 2))


def divergence(m, s, w):
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(m, s.exp()), torch.distributions.Normal(torch.zeros_like(m), torch.ones_like(m)))
    return (kl.sum(2) * w).sum() / w.sum()


case("divergence", divergence, [torch.randn(b, n, d), torch.randn(b, n, d), mask.clone()], (2,))
case("sample", lambda m, s, e: m + s.exp() * e, [torch.randn(b, n, d), torch.randn(b, n, d), torch.randn(b, n, d)], (2,))
case("embedding", lambda t, e: F.embedding(t.long(), e), [torch.tensor([[0., 2, 2], [5, 1, 0]]), torch.randn(6, d)], (0,))
case("normalization", lambda x: F.normalize(x, 2, -1), [torch.randn(b, n, d)])


def lstm(reverse):
    def f(x, w, u, c, m, s=None):
        state = None if s is None else (s[None], s[None])
        out, _, _ = torch._VF.lstm(x.flip(1) if reverse else x, state or (torch.zeros(1, len(x), h), torch.zeros(1, len(x), h)),
                                [w.t(), u.t(), c, torch.zeros_like(c)], True, 1, 0., False, False, True)
        return out.flip(1) if reverse else out
    return f


def sequence(*more):
    return [torch.randn(b, n, d), torch.randn(d, 4 * h), torch.randn(h, 4 * h), torch.randn(4 * h), torch.ones(b, n), *more]


case("lstm", lstm(False), sequence(), (4,))
case("lstm reverse", lstm(True), sequence(), (4,))
case("lstm with a first state", lstm(False), sequence(torch.randn(b, h)), (4,))

with open("autoencode.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
    f.write("\n")
