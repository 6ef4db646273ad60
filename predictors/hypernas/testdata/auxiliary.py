"""Writes auxiliary.json: numpy's reading of images in CIFAR-10's binary form.

Run with Debian's python3-numpy (1.24): python3 auxiliary.py [FOLDER]. It reads
an invented miniature, which TestAuxiliaryReading writes by the same rule, and,
where FOLDER is given, the data_batch_1.bin there (10,000 images, re-encoded
from a JPEG copy of CIFAR-10), of which it keeps a digest alone.
"""
import hashlib
import json
import sys

import numpy as np


def miniature(file, count):
    """Invented records: label, then 3,072 bytes."""
    i, p = np.arange(count)[:, None], np.arange(3072)[None, :]
    pixels = (p * p // 7 + 13 * p * (i + 1) + 101 * i + 29 * file) % 251
    labels = (7 * i + file) % 10
    return np.concatenate([labels, pixels], axis=1).astype(np.uint8).tobytes()


def read(batches):
    """Labels and pixels [images, 12, 8, 8] of files, [(name, bytes)]."""
    rows = np.concatenate([np.frombuffer(data, np.uint8).reshape(-1, 3073) for _, data in batches])
    image = rows[:, 1:].reshape(-1, 3, 32, 32).astype(np.int64)
    half = image[:, :, 0::2, 0::2] + image[:, :, 0::2, 1::2] + image[:, :, 1::2, 0::2] + image[:, :, 1::2, 1::2]
    n = half.shape[0] * 256
    total, squares = half.sum(axis=(0, 2, 3)), (half * half).sum(axis=(0, 2, 3))
    mean = total / n
    sd = np.sqrt(squares / n - mean * mean)
    scaled = ((half - mean[None, :, None, None]) / sd[None, :, None, None]).astype(np.float32)
    # Channels: color, row within the square, column within the square.
    deep = scaled.reshape(-1, 3, 8, 2, 8, 2).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 12, 8, 8)
    return rows[:, 0], deep


def summary(batches):
    labels, deep = read(batches)
    lines = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in batches)
    return {
        "images": len(labels),
        "files": hashlib.sha256(lines.encode()).hexdigest(),
        "labels": hashlib.sha256(labels.tobytes()).hexdigest(),
        "pixels": hashlib.sha256(np.ascontiguousarray(deep, "<f4").tobytes()).hexdigest(),
        "mean": float(deep.mean(dtype=np.float64)),
        "sd": float(deep.std(dtype=np.float64)),
    }


tiny = [(f"data_batch_{k}.bin", miniature(k, count)) for k, count in ((1, 7), (2, 5))]
labels, deep = read(tiny)
out = {"miniature": summary(tiny)}
out["miniature"]["some"] = [[i, c, y, x, float(deep[i, c, y, x])] for i, c, y, x in ((0, 0, 0, 0), (3, 5, 2, 7), (6, 10, 7, 1), (11, 11, 7, 7))]
try:
    with open("auxiliary.json") as f:
        out["real"] = json.load(f)["real"]
except (FileNotFoundError, KeyError):
    pass
if len(sys.argv) > 1:
    with open(sys.argv[1] + "/data_batch_1.bin", "rb") as f:
        out["real"] = summary([("data_batch_1.bin", f.read())])
with open("auxiliary.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
