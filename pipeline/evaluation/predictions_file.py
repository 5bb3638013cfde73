"""What a model predicts for the test split, in a file that `numpy.load` reads without pickle."""

from pathlib import Path

import numpy as np

from pipeline.datasets.structures import leaves
from pipeline.evaluation.one_pass import Predicted

_NUMPYS_OWN = "biufcSUM"  # kinds of types; of others, such as bfloat16, NumPy's files lose the name


def write_predictions(predicted: Predicted, path: Path) -> None:
    """Write predictions and the targets of the same rows, in the order of the split.

    Args:
        predicted: Both; of several outputs a structure, of batches of different shapes a list.
        path: The `.npz` file. A single array is `predictions`, the targets are `y`; an array of a
            structure has its place behind that, as `predictions/label` or `y/0`. Texts are
            unicode arrays, and numbers that NumPy does not know float32.
    """
    arrays = {}
    for kind, structure in (("predictions", predicted.predictions), ("y", predicted.y)):
        for place, array in leaves(structure):
            values = np.asarray(array)
            if values.dtype.kind not in _NUMPYS_OWN:
                values = values.astype(str if values.dtype == object else np.float32)
            arrays[f"{kind}/{place}" if place else kind] = values
    np.savez_compressed(path, allow_pickle=False, **arrays)
