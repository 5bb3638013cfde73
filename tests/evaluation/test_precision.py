"""A model of mixed precision, from its training to what a server answers with it."""

import keras
import mlflow.pyfunc
import numpy as np
import pytest

from pipeline.datasets import digits
from pipeline.journal import read


@pytest.fixture(autouse=True)
def _policy():
    yield
    keras.config.set_dtype_policy("float32")  # a trainer sets it for all models that come after


def test_is_tested_saved_registered_and_served_as_it_was_trained(command, tmp_path, store):
    ended = command(
        "dataset=digits model=mlp strategy.max_trials=1 training.epochs=2 training.batch_size=256 "
        "training.precision=mixed_bfloat16 hyperparameters.dropout=0.1"
    )
    assert (ended.code, ended.err) == (0, "")
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    keras.config.set_dtype_policy("float32")  # as in a process that serves
    model = keras.saving.load_model(folder / "best_model.keras")
    computing = {layer.compute_dtype for layer in model.layers if layer.weights}
    assert computing == {"bfloat16", "float32"}  # all but the last layer, which gives probabilities
    test = digits(validation_size=0.15, test_size=0.15, seed=0).test
    tested = model.evaluate(test.x, test.y, verbose=0, return_dict=True)
    assert tested["loss"] == pytest.approx(read(folder).evaluation.metrics["loss"], rel=0.02)
    served = mlflow.pyfunc.load_model("models:/digits-mlp@best")
    answer = np.asarray(served.predict(test.x[:8]), np.float32)
    np.testing.assert_allclose(answer, model.predict(test.x[:8], verbose=0), atol=0.02)
