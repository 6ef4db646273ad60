"""Reference numbers for the forward and backward pass of whole networks, by PyTorch 1.13 in float64.

Run as: python3 network.py > network.json
"""
import json

import torch
import torch.nn.functional as F

CELLS = [
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|nor_conv_3x3~1|+|nor_conv_1x1~0|skip_connect~1|avg_pool_3x3~2|",
    "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|",
]
ENDS = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
BATCH = 32


class Numbers:
    """The sequence x -> 1664525 x + 1013904223 mod 2^32, as multiples of 2^-16 in [-1, 1)."""

    def __init__(self, seed):
        self.x = seed

    def take(self, *shape):
        n = 1
        for s in shape:
            n *= s
        out = []
        for _ in range(n):
            self.x = (1664525 * self.x + 1013904223) % 2**32
            out.append(((self.x >> 15) - 65536) / 65536)
        return torch.tensor(out, dtype=torch.float64).reshape(shape)


def main():
    results = []
    for cell in CELLS:
        ops = [e.split("~")[0] for e in cell.replace("+", "").split("|") if e]
        # Operations that don't reach the output hold no parameters here.
        fed, used = {0}, {3}
        for op, (a, b) in zip(ops, ENDS):
            if op != "none" and a in fed:
                fed.add(b)
        for op, (a, b) in reversed(list(zip(ops, ENDS))):
            if op != "none" and b in used:
                used.add(a)
        ops = [op if a in fed and b in used else "none" for op, (a, b) in zip(ops, ENDS)]

        numbers, names, params = Numbers(1), [], {}

        def param(name, *shape, around=0.0, scale=0.3):
            names.append(name)
            params[name] = (around + scale * numbers.take(*shape)).requires_grad_()

        def norm(name, c):
            param(name + ".gamma", c, around=1.0)
            param(name + ".beta", c)

        param("stem", 8, 4, 3, 3)
        norm("stem", 8)
        param("reduce", 16, 8, 1, 1)
        norm("last", 16)
        param("head.weight", 10, 16)
        param("head.bias", 10)
        for stage, c in enumerate((8, 16)):
            for e, op in enumerate(ops):
                if op.startswith("nor_conv"):
                    k = 3 if op.endswith("3x3") else 1
                    param(f"{stage}.{e}", c, c, k, k)
                    norm(f"{stage}.{e}", c)

        def bn(name, x):
            return F.batch_norm(x, None, None, params[name + ".gamma"], params[name + ".beta"], True, 0.0, 1e-5)

        def apply(stage, x):
            v = [x, None, None, None]
            for e, (op, (a, b)) in enumerate(zip(ops, ENDS)):
                if op == "none":
                    continue
                if op == "skip_connect":
                    y = v[a]
                elif op == "avg_pool_3x3":
                    y = F.avg_pool2d(v[a], 3, 1, 1, count_include_pad=False)
                else:
                    k = 3 if op.endswith("3x3") else 1
                    y = bn(f"{stage}.{e}", F.conv2d(F.relu(v[a]), params[f"{stage}.{e}"], padding=k // 2))
                v[b] = y if v[b] is None else v[b] + y
            return v[3]

        x = numbers.take(BATCH, 4, 8, 8)
        labels = torch.arange(BATCH) % 10
        h = F.relu(bn("stem", F.conv2d(x, params["stem"], padding=1)))
        h = F.avg_pool2d(apply(0, h), 2)
        h = apply(1, F.conv2d(h, params["reduce"]))
        h = F.relu(bn("last", h)).mean((2, 3))
        loss = F.cross_entropy(F.linear(h, params["head.weight"], params["head.bias"]), labels)
        loss.backward()
        results.append({
            "cell": cell,
            "loss": loss.item(),
            "gradients": [
                {"name": n, "len": params[n].numel(), "norm": params[n].grad.norm().item(),
                 "first": params[n].grad.flatten()[:4].tolist(), "last": params[n].grad.flatten()[-4:].tolist()}
                for n in names
            ],
        })
    print(json.dumps(results, indent=1))


main()
