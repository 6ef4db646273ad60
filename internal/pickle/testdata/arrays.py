"""Writes arrays.pkl beside this script, with numpy 1.24."""
import os
import pickle

import numpy

table = {
    "short": {"ramp": numpy.arange(3) / 4, "empty": numpy.array([], dtype="f8")},
    # Longer than 255 bytes: another opcode than a short one's.
    "long": {"ramp": numpy.arange(100) / 4, "special": numpy.array([numpy.nan, -numpy.inf])},
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "arrays.pkl"), "wb") as f:
    pickle.dump(table, f)
