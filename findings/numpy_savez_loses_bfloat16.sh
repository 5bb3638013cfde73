#!/usr/bin/env bash
# NumPy's files lose the type of bfloat16 arrays.
#
# numpy 2.4.6 with ml_dtypes 0.6.0: `numpy.savez` writes an array of `ml_dtypes.bfloat16`, which is what Keras gives
# of a bfloat16 variable, with the type `|V2`, and `numpy.load` gives raw bytes that no arithmetic takes, without an
# error at either end. A view as bfloat16 has the values.
# Seen: the loaded array has the type |V2.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy as np

values = np.array([1.0, 0.5, -3.0], ml_dtypes.bfloat16)
np.savez("weights.npz", values=values)
loaded = np.load("weights.npz")["values"]
print("the loaded array has the type", loaded.dtype.str)
assert loaded.dtype.str == "|V2"
try:
    loaded * 2
except TypeError:  # also UFuncTypeError, its subclass
    pass
else:
    raise AssertionError("it can be computed with")
assert (loaded.view(ml_dtypes.bfloat16) == values).all()
PYTHON
