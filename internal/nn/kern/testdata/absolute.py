# Writes absolute.json: output and gradient of the mean absolute error as PyTorch
# computes them in double precision. Run with PyTorch 1.13: python3 absolute.py
import json

import torch

torch.manual_seed(4)
torch.set_default_dtype(torch.float64)
p, y = torch.randn(7, requires_grad=True), torch.randn(7)
y[2] = p[2].detach()  # exact: PyTorch's gradient is 0 there too
w = torch.tensor([1.0, 1, 1, 0, 1, 0, 1])
out = torch.nn.functional.l1_loss(p[w > 0], y[w > 0])
gout = torch.tensor(1.7)
out.backward(gout)


def flat(t):
    return {"shape": list(t.shape), "data": [float("%.12g" % v) for v in t.detach().reshape(-1).tolist()]}


case = {"name": "mae", "in": [flat(p), flat(y), flat(w)], "out": flat(out), "gout": flat(gout), "gin": [flat(p.grad), None, None]}
with open("absolute.json", "w") as f:
    json.dump([case], f, separators=(",", ":"))
    f.write("\n")
