"""What Keras is given of a split: its arrays, or batches of what lies in a file."""

from typing import Any

from pipeline.datasets.batches import Examples
from pipeline.datasets.splits import Inputs, Split
from pipeline.datasets.structures import lies_in_a_file


def to_evaluate(split: Split, batch_size: int) -> dict[str, Any]:
    """Return what `keras.Model.evaluate` takes of a split's examples.

    Args:
        split: The examples.
        batch_size: Examples a batch.
    """
    if lies_in_a_file(split.x):  # of arrays, Keras would make one tensor
        return {"x": Examples.of(split).in_order(batch_size)}
    given = {"x": split.x, "y": split.y, "batch_size": batch_size}
    weight = split.sample_weight  # which an `evaluate` of the model's own may not know
    return given if weight is None else {**given, "sample_weight": weight}


def to_predict(x: Inputs, batch_size: int) -> dict[str, Any]:
    """Return what `keras.Model.predict` takes of inputs.

    Args:
        x: The inputs of a split.
        batch_size: Examples a batch.
    """
    if lies_in_a_file(x):
        return {"x": Examples(x).in_order(batch_size)}
    return {"x": x, "batch_size": batch_size}
