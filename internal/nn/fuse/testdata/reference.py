# Prints the losses that fuse_test.go compares with: a GCN trained by PyTorch in
# double precision on formulas instead of random numbers. Run with PyTorch 1.13:
# python3 reference.py. With "time" it times a float32 step on one thread.
import math
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def wave(k, scale, *shape):
    n = math.prod(shape)
    return torch.tensor([scale * math.sin(k + 1.7 * i + .01 * i * i) for i in range(n)], dtype=torch.float64).reshape(*shape)


def model(b, n, d, h, layers):
    v = wave(1, 1, b, n, d)
    a = torch.triu((wave(2, 1, b, n, n) > -.2).double(), 1) + torch.eye(n, dtype=torch.float64)
    e = a / a.sum(2, keepdim=True)
    r = a.transpose(1, 2)
    r = r / r.sum(2, keepdim=True)
    y = wave(3, 1, b)
    params = []

    def param(t):
        params.append(t.requires_grad_())
        return t

    ws = []
    for l in range(layers):
        i = d if l == 0 else h
        s = 1 / math.sqrt(i)
        ws.append([param(wave(10 + l, s, i, h)), param(wave(20 + l, s, h)), param(wave(30 + l, s, i, h)), param(wave(40 + l, s, h)),
                   param(torch.ones(h, dtype=torch.float64)), param(torch.zeros(h, dtype=torch.float64))])
    w1, b1 = param(wave(50, 1 / math.sqrt(h), h, h)), param(wave(51, .1, h))
    w2, b2 = param(wave(52, 1 / math.sqrt(h), h, 1)), param(wave(53, .1, 1))

    def loss(v, e, r, y):
        for wp, bp, wm, bm, g, o in ws:
            v = .5 * F.relu(e @ (v @ wp + bp)) + .5 * F.relu(r @ (v @ wm + bm))
            v = F.layer_norm(v, (h,), g, o)
        p = F.relu(v.sum(1) / 4 @ w1 + b1) @ w2 + b2
        return ((p.squeeze(1) - y) ** 2).mean()

    return params, loss, (v, e, r, y)


if len(sys.argv) > 1:
    params, loss, data = model(32, 9, 64, 64, 3)
    params = [p.detach().float() for p in params]
    for p in params:
        p.requires_grad_()
    data = [x.float() for x in data]

    def step_loss(v, e, r, y):
        for l in range(3):
            wp, bp, wm, bm, g, o = params[6 * l:6 * l + 6]
            v = .5 * F.relu(e @ (v @ wp + bp)) + .5 * F.relu(r @ (v @ wm + bm))
            v = F.layer_norm(v, (64,), g, o)
        w1, b1, w2, b2 = params[18:]
        p = F.relu(v.sum(1) / 4 @ w1 + b1) @ w2 + b2
        return ((p.squeeze(1) - y) ** 2).mean()

    opt = torch.optim.AdamW(params, lr=1e-3)

    def step():
        opt.zero_grad(set_to_none=True)
        step_loss(*data).backward()
        torch.nn.utils.clip_grad_norm_(params, 5)
        opt.step()

    for _ in range(50):
        step()
    best = 1e9
    for _ in range(10):
        t = time.perf_counter()
        for _ in range(50):
            step()
        best = min(best, (time.perf_counter() - t) / 50)
    print("milliseconds a step, best of 10 x 50:", best * 1e3)
    sys.exit()

params, loss, data = model(4, 5, 6, 8, 3)
opt = torch.optim.AdamW(params, lr=1e-2, weight_decay=1e-2)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, total_steps=120, pct_start=.1, cycle_momentum=False)
for step in range(121):
    l = loss(*data)
    if step in (0, 1, 30, 120):
        print(step, "%.12g" % l.item())
    if step < 120:
        opt.zero_grad()
        l.backward()
        torch.nn.utils.clip_grad_norm_(params, 1)
        opt.step()
        sched.step()
