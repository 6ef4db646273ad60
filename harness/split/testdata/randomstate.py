"""Writes randomstate.json: permutations of numpy's RandomState. Run in this folder
with numpy 1.24 (any version gives the same: RandomState's stream is frozen).

"nasbench101" is what the authors of PINAT draw: RandomState(0), one
permutation of 423,624 after another, of which each size keeps the first rows.
"first" is the first 20 of them; "sha256" is over all kept rows of all sizes,
each as a little-endian uint32. "small" is whole permutations.
"""
import hashlib
import json

import numpy as np

random = np.random.RandomState(0)
first, kept = {}, hashlib.sha256()
for size in (100, 172, 334, 860, 423, 424, 4236):
    rows = random.permutation(423624)[:size]
    first[size] = rows[:20].tolist()
    kept.update(rows.astype("<u4").tobytes())

small = [{"seed": seed, "want": np.random.RandomState(seed).permutation(n).tolist()}
         for seed, n in ((0, 1), (1, 2), (7, 64), (2**32 - 1, 65), (20, 700))]

with open("randomstate.json", "w") as f:
    json.dump({"nasbench101": {"first": first, "sha256": kept.hexdigest()}, "small": small}, f)
    f.write("\n")
