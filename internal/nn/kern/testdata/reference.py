# Writes torch.json: inputs, outputs and gradients of every layer as PyTorch
# computes them in double precision. Run with PyTorch 1.13: python3 reference.py
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


def lanes(x):
    """[A, G*16, C, H, W] to [A, G, C, H, W, 16]."""
    a, n, c, h, w = x.shape
    return x.reshape(a, n // 16, 16, c, h, w).permute(0, 1, 3, 4, 5, 2)


def images(x):
    a, g, c, h, w, l = x.shape
    return x.permute(0, 1, 5, 2, 3, 4).reshape(a, g * l, c, h, w)


def edges(b, n):
    e = torch.triu((torch.rand(b, n, n) < .6).double(), 1) + torch.eye(n)
    r = e.transpose(1, 2)
    return e / e.sum(2, keepdim=True), (r / r.sum(2, keepdim=True)).contiguous()


def graph(v, e, r, wp, bp, wm, bm):
    return .5 * F.relu(e @ (v @ wp + bp)) + .5 * F.relu(r @ (v @ wm + bm))


def graph_plain(v, e, r, wp, wm):
    return .5 * F.relu(e @ v @ wp) + .5 * F.relu(r @ v @ wm)


b, n, d, h = 3, 5, 6, 7
e, r = edges(b, n)
case("graph", graph, [torch.randn(b, n, d), e, r, torch.randn(d, h), torch.randn(h), torch.randn(d, h), torch.randn(h)], (1, 2))
case("graph without bias", graph_plain, [torch.randn(b, n, d), e.clone(), r.clone(), torch.randn(d, h), torch.randn(d, h)], (1, 2))
case("linear", lambda x, w, b: x @ w + b, [torch.randn(2, 3, d), torch.randn(d, h), torch.randn(h)])
case("linear relu", lambda x, w: F.relu(x @ w), [torch.randn(5, d), torch.randn(d, h)])
case("layer norm", lambda x, g, b: F.layer_norm(x, (d,), g, b), [torch.randn(2, 3, d), torch.randn(d), torch.randn(d)])
mask = torch.tensor([[1., 1, 1, 0, 0], [1, 0, 1, 1, 1], [0, 1, 0, 0, 0]])
case("pool sum", lambda x, m: (x * m.unsqueeze(2)).sum(1) / 4, [torch.randn(b, n, d), mask.clone()], (1,))
case("pool mean", lambda x, m: (x * m.unsqueeze(2)).sum(1) / m.sum(1, keepdim=True), [torch.randn(b, n, d), mask.clone()], (1,))
case("mse", lambda p, y, w: (w * (p - y) ** 2).sum() / w.sum(), [torch.randn(6), torch.randn(6), torch.tensor([1., 1, 0, 1, 1, 0])], (1, 2))


def pairwise(p, y, w):
    d, m = p[:, None] - p[None, :], (y[:, None] > y[None, :]) & (w[:, None] * w[None, :] > 0)
    return F.softplus(-2 * d)[m].mean()


case("pairwise", pairwise, [torch.randn(6), torch.tensor([.3, .1, .1, -2, 4, 1]), torch.tensor([1., 1, 1, 1, 0, 1])], (1, 2))
labels = torch.tensor([0., 3, 1, 2])
case("cross entropy", lambda x, l: torch.stack([F.cross_entropy(a, l.long()) for a in x]), [torch.randn(2, 4, 5), labels], (1,))


def adaptive(q, attached):
    def f(a, b, u):
        total = 0
        for l, v in zip((a, b), u):
            c = l ** (q - 1)
            total = total + (c if attached else c.detach()) / (2 * v ** 2) * l + torch.log(1 + v ** 2)
        return total
    return f


case("adaptive detached", adaptive(1.5, False), [torch.tensor(.7), torch.tensor(2.3), torch.tensor([1.1, .8])])
case("adaptive attached", adaptive(1.5, True), [torch.tensor(.7), torch.tensor(2.3), torch.tensor([1.1, .8])])


def conv(x, w):
    x = images(x)
    return lanes(torch.stack([F.conv2d(x[i % x.shape[0]], w[i % w.shape[0]], padding=w.shape[3] // 2)
                              for i in range(max(x.shape[0], w.shape[0]))]))


case("conv 3x3", conv, [torch.randn(2, 1, 2, 4, 4, 16), torch.randn(2, 3, 2, 3, 3)])
case("conv 1x1 shared images", conv, [torch.randn(1, 1, 2, 2, 3, 16), torch.randn(2, 2, 2, 1, 1)])
case("conv 5x5", conv, [torch.randn(1, 1, 2, 4, 4, 16), torch.randn(1, 2, 2, 5, 5)])


def bn(x):
    return lanes(torch.stack([F.batch_norm(a, None, None, training=True) for a in images(x)]))


case("batch norm", bn, [torch.randn(2, 1, 2, 3, 3, 16)])
case("average pool", lambda x: lanes(torch.stack([F.avg_pool2d(a, 3, 1, 1, count_include_pad=False) for a in images(x)])), [torch.randn(1, 1, 2, 3, 4, 16)])
case("halve", lambda x: lanes(torch.stack([F.avg_pool2d(a, 2) for a in images(x)])), [torch.randn(1, 1, 2, 4, 2, 16)])
case("global pool", lambda x: images(x).mean((3, 4)), [torch.randn(2, 1, 2, 2, 3, 16)])

# Cells: input, 1x1, 3x3, average, maximum, a dead end, a node without input, output.
NONE, INPUT, EARLIER, PASS, AVERAGE, MAX, CONV1, CONV3 = range(8)


def bnorm(x):
    return F.batch_norm(x, None, None, training=True)


def cell(x, nodes, edges, output, w1, w3):
    x, ops, outs = images(x), nodes[:, :, 0], []
    for a in range(ops.shape[0]):
        values = []
        for j in range(ops.shape[1]):
            s = sum((values[i] for i in range(j) if edges[a, i, j]), torch.zeros_like(x[0]))
            op, c = int(ops[a, j]), s.shape[1]
            values.append({
                NONE: lambda: torch.zeros_like(s),
                INPUT: lambda: x[a % x.shape[0]],
                PASS: lambda: s,
                AVERAGE: lambda: F.avg_pool2d(s, 3, 1, 1, count_include_pad=False),
                MAX: lambda: F.max_pool2d(s, 3, 1, 1),
                CONV1: lambda: bnorm(F.conv2d(F.relu(s), w1[a, j].reshape(c, c, 1, 1))),
                CONV3: lambda: bnorm(F.conv2d(F.relu(s), w3[a, j].reshape(c, c, 3, 3), padding=1)),
            }[op]())
        outs.append(values[int(output[a])])
    return lanes(torch.stack(outs))


ops = torch.tensor([[INPUT, CONV1, CONV3, AVERAGE, MAX, CONV3, CONV1, PASS],
                    [INPUT, PASS, CONV3, CONV1, NONE, PASS, NONE, NONE]]).double()
nodes = torch.stack([ops, torch.full_like(ops, 2), torch.ones_like(ops)], 2)  # 2 channels, size 1
e = torch.zeros(2, 8, 8)
for i, j in ((0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (3, 7), (4, 7), (0, 5), (6, 7), (1, 7)):
    e[0, i, j] = 1
for i, j in ((0, 1), (1, 2), (0, 3), (2, 5), (3, 5), (4, 5), (0, 4)):
    e[1, i, j] = 1
case("cell", cell, [torch.randn(2, 1, 2, 4, 4, 16), nodes, e, torch.tensor([7., 5]), torch.randn(2, 8, 4), torch.randn(2, 8, 36)], (1, 2, 3))

with open("torch.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
    f.write("\n")
