"""Serves a Keras model whose inputs are a table, or which has classes of its own.

A copy of this file travels inside such models, where nothing else of the pipeline is needed:
MLflow's own Keras flavour knows neither missing texts nor the modules of a user's classes.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow.keras
import numpy as np
import pandas as pd
from mlflow.models import Model


class ServedModel:
    """What MLflow asks for predictions.

    Args:
        model: A Keras model, of an array or of a dict of one-dimensional columns.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the model's outputs.

        Args:
            data: An array, or columns by name; None and NaN mean that a value is missing.
            params: Nothing; MLflow passes it.

        Returns:
            The outputs, one row an example.
        """
        del params
        inputs = columns(data) if isinstance(data, Mapping) else data
        outputs: np.ndarray = self._model.predict(inputs, verbose=0)
        return outputs


def columns(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return columns as Keras takes them: numbers as they are, a missing text as ""."""
    return {name: _column(np.asarray(values)) for name, values in table.items()}


def _column(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "OUS":
        return values
    # MLflow wraps single values in arrays when it reads rows ("instances").
    items = [value.item() if isinstance(value, np.ndarray) else value for value in values]
    return np.array(["" if pd.isna(item) else str(item) for item in items], dtype=object)


def _load_pyfunc(path: str) -> ServedModel:
    """Load a saved model; the name is MLflow's."""
    flavors = Model.load(str(Path(path) / "MLmodel")).flavors
    for module in flavors["python_function"]["modules"]:
        importlib.import_module(module)  # registers the classes that Keras looks up
    return ServedModel(mlflow.keras.load_model(path, load_model_kwargs={"compile": False}))
