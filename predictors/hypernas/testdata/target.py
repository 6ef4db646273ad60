"""Writes target.json: cross-entropies of target networks, written out by hand.

Run with PyTorch 1.13: python3 target.py. Encodings, weights and images are
invented by the rule of `numbers`, which proxy_test.go has too, in double
precision. Each network below is the one of that name there.
"""
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
C, WIDTH, HIDDEN, CLASSES, IMAGES, CHANNELS = 4, 5, 4, 10, 16, 4


def numbers(seed, *shape):
    i = torch.arange(math.prod(shape))
    return (((i * i * 31 + i * 7919 + seed * 104729) % 2003).double() / 1001.5 - 1).reshape(shape)


class Shared:
    """A space's weights: heads of the given sizes, then what networks share."""

    def __init__(self, heads, nodes, networks, position=False):
        self.serial, self.nodes, self.networks = 0, nodes, networks
        self.heads = [[self.take(WIDTH, HIDDEN), self.take(HIDDEN), self.take(HIDDEN, size), self.take(size)] for size in heads]
        self.stem = self.take(1, C, CHANNELS, 3, 3)
        self.position = self.take(C, 4, 4) if position else None
        self.classifier = [self.take(C, CLASSES), self.take(CLASSES)]

    def take(self, *shape):
        self.serial += 1
        return numbers(self.serial, *shape)

    def images(self):
        x = numbers(50, CHANNELS, 8, 8, IMAGES).permute(3, 0, 1, 2)
        x = F.relu(norm(F.conv2d(x, self.stem[0], padding=1)))
        if self.position is not None:
            x = F.avg_pool2d(x, 2) + self.position
        return x

    def weights(self, head, network, place, node):
        v = numbers(100 + place, self.networks, self.nodes, WIDTH)[network, node]
        w1, b1, w2, b2 = self.heads[head]
        return F.relu(v @ w1 + b1) @ w2 + b2

    def loss(self, x):
        x = F.relu(norm(x)).mean((2, 3))
        return F.cross_entropy(x @ self.classifier[0] + self.classifier[1], torch.arange(IMAGES) % CLASSES).item()


def norm(x):
    return F.batch_norm(x, None, None, training=True, eps=1e-5)


def conv(x, w, k):
    return norm(F.conv2d(F.relu(x), w.reshape(C, C, k, k), padding=k // 2))


def average(x):
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def maximum(x):
    return F.max_pool2d(x, 3, 1, 1)


def halve(x):
    return F.avg_pool2d(x, 2)


def cell():
    s = Shared([C * C, C * C * 9], 8, 1)
    x = s.images()
    for place in range(2):
        if place == 1:
            x = halve(x)
        a = conv(x, s.weights(1, 0, place, 1), 3)
        b = conv(x, s.weights(0, 0, place, 2), 1)
        x = average(a + b) + maximum(b) + x
    return [s.loss(x)]


def separable(x, w, k, gap):
    c = x.shape[1]
    d = w[: c * k * k].reshape(c, 1, k, k)
    x = F.conv2d(F.relu(x), d, padding=gap * (k // 2), dilation=gap, groups=c)
    return norm(F.conv2d(x, w[c * k * k:].reshape(c, c, 1, 1)))


def two_cell():
    s = Shared([C * 9 + C * C, C * 25 + C * C], 8, 1)

    def normal(p, q, place):
        a = separable(p, s.weights(0, 0, place, 2), 3, 1)
        b = separable(q, s.weights(1, 0, place, 3), 5, 2)
        return a + b + maximum(a + b) + p

    def reduction(p, q, place):
        return separable(p, s.weights(1, 0, place, 2), 5, 2) + separable(q, s.weights(0, 0, place, 3), 3, 1)

    x0 = s.images()
    x1 = normal(x0, x0, 0)
    x0, x1 = halve(x0), halve(x1)
    x2 = reduction(x0, x1, 1)
    return [s.loss(normal(x1, x2, 2))]


def chain():
    wide = 12
    s = Shared([C * wide, wide * 9, wide * 25, 2 * 2 * wide], 8, 2)

    def depthwise(x, w, k):
        c = x.shape[1]
        return norm(F.conv2d(F.relu(x), w.reshape(wide, 1, k, k)[:c], padding=k // 2, groups=c))

    def expand(x, w, to):
        return norm(F.conv2d(x, w.reshape(wide, C, 1, 1)[:to]))

    def project(x, w):
        return norm(F.conv2d(F.relu(x), w.reshape(C, wide, 1, 1)[:, : x.shape[1]]))

    def gate(x, w):
        x, c, (a, b) = F.relu(x), x.shape[1], w.reshape(2, 2, wide)
        m = F.relu(x.mean((2, 3)) @ a[:, :c].T) @ b[:, :c]
        return x * torch.sigmoid(m)[:, :, None, None]

    # The first network: expansion 1, window 3, once; then 6, 5, a gate, thrice.
    x = s.images()
    x = project(depthwise(x, s.weights(1, 0, 0, 2), 3), s.weights(0, 0, 0, 4))
    x = halve(x)
    for repeat in range(3):
        y = expand(x, s.weights(0, 0, 1, 1), 12)
        y = gate(depthwise(y, s.weights(2, 0, 1, 2), 5), s.weights(3, 0, 1, 3))
        y = project(y, s.weights(0, 0, 1, 4))
        x = y if repeat == 0 else x + y
    first = s.loss(x)

    # The second: expansion 4, window 5, twice; then 4, 3, a gate and a shortcut.
    x = s.images()
    for repeat in range(2):
        y = depthwise(expand(x, s.weights(0, 1, 0, 1), 8), s.weights(2, 1, 0, 2), 5)
        y = project(y, s.weights(0, 1, 0, 4))
        x = y if repeat == 0 else x + y
    x = halve(x)
    y = depthwise(expand(x, s.weights(0, 1, 1, 1), 8), s.weights(1, 1, 1, 2), 3)
    x = x + project(gate(y, s.weights(3, 1, 1, 3)), s.weights(0, 1, 1, 4))
    return [first, s.loss(x)]


def transformer():
    most, units, d = 4, 8, 2
    s = Shared([most * 4 * d * C, 2 * units * C], 4, 2, position=True)

    def attention(x, w, heads):
        n, c, h, side = x.shape
        z = norm(x).reshape(n, c, h * side).transpose(1, 2)
        inner, outer = w[: most * 3 * d * C].reshape(most, 3, d, C), w[most * 3 * d * C:].reshape(most, C, d)
        out = 0
        for i in range(heads):
            q, k, v = (z @ inner[i, j, :, :c].T for j in range(3))
            soft = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(d), 2)
            out = out + soft @ v @ outer[i, :c].T
        return out.transpose(1, 2).reshape(n, c, h, side)

    def mlp(x, w, hidden):
        c, (a, b) = x.shape[1], w.reshape(2, units, C)
        z = F.relu(torch.einsum("nchw,jc->njhw", norm(x), a[:hidden, :c]))
        return torch.einsum("njhw,jc->nchw", z, b[:hidden, :c])

    losses = []
    # Width, and heads and hidden units of each layer.
    for network, (c, layers) in enumerate([(2, [(3, 7), (4, 8)]), (4, [(4, 7)])]):
        x = s.images()
        for place, (heads, hidden) in enumerate(layers):
            x = x[:, :c]
            a = attention(x, s.weights(0, network, place, 1), heads)
            x = x + a + mlp(x + a, s.weights(1, network, place, 2), hidden)
            x = F.pad(x, (0, 0, 0, 0, 0, C - c))
        losses.append(s.loss(x))
    return losses


with open("target.json", "w") as f:
    json.dump({"cell": cell(), "two cells": two_cell(), "chain": chain(), "transformer": transformer()}, f, indent=1)
    f.write("\n")
