"""Writes predictions.npy beside it, as numpy.save does. Run: python3 npy.py (numpy 1.24)."""
import os
import numpy as np

a = np.zeros(3, dtype=[('row', '<u4'), ('prediction', '<f8')])
a['row'] = [7, 0, 4294967295]
a['prediction'] = [0.1, -2.5e300, 93.75]
np.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'predictions.npy'), a)
