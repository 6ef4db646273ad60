"""Writes permutations.json: by number of rows and seed, the first 50 of numpy's permutation. Run: python3 permutations.py"""
import json
import numpy as np

sizes = [1001, 5125, 15625]
json.dump({n: {s: np.random.RandomState(s).permutation(n)[:50].tolist() for s in (0, 1)} for n in sizes},
          open('permutations.json', 'w'))
