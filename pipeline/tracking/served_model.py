"""Serves a Keras model whose inputs are no array of numbers, or which has classes of its own.

A copy of this file travels inside such models, where nothing else of the pipeline is needed:
MLflow's own Keras flavour knows neither missing texts nor the modules of a user's classes.
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow.keras
import numpy as np
import pandas as pd
from mlflow.models import Model

FORM = "form.json"
"""Beside a saved model: what its inputs are."""


class ServedModel:
    """What MLflow asks for predictions.

    Args:
        model: A Keras model.
        form: What its inputs are, in JSON's terms: null for an array, an object or a list of such
            forms for a dictionary or a tuple.
    """

    def __init__(self, model: Any, form: Any) -> None:
        self._model = model
        self._form = form

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the model's outputs.

        Args:
            data: An array; or arrays by their place in the structure of inputs, columns by name,
                `a/0` for the first of a tuple `a`. None and NaN mean that a value is missing.
            params: Nothing; MLflow passes it.

        Returns:
            The outputs, one row an example; several ones by their place.
        """
        del params
        outputs = self._model.predict(inputs_of(data, self._form), verbose=0)
        return outputs if isinstance(outputs, np.ndarray) else dict(by_place(outputs))


def inputs_of(data: Any, form: Any, place: str = "") -> Any:
    """Return a structure of inputs as Keras takes them: a missing text is "".

    Args:
        data: As of `ServedModel.predict`.
        form: As of `ServedModel`.
        place: Where in the structure of all inputs this one is.
    """
    below = f"{place}/" if place else ""
    if isinstance(form, Mapping):
        return {name: inputs_of(data, one, f"{below}{name}") for name, one in form.items()}
    if isinstance(form, list):
        return tuple(inputs_of(data, one, f"{below}{i}") for i, one in enumerate(form))
    return _in_keras_terms(np.asarray(data[place] if place else data))


def by_place(structure: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a structure with their places in it."""
    below = f"{place}/" if place else ""
    if isinstance(structure, Mapping):
        for name, one in structure.items():
            yield from by_place(one, f"{below}{name}")
    elif isinstance(structure, tuple | list):
        for index, one in enumerate(structure):
            yield from by_place(one, f"{below}{index}")
    else:
        yield place, structure


def _in_keras_terms(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "OUS":
        return values
    # MLflow wraps single values in arrays when it reads rows ("instances").
    items = [value.item() if isinstance(value, np.ndarray) else value for value in values.flat]
    texts = ["" if pd.isna(item) else str(item) for item in items]
    return np.array(texts, dtype=object).reshape(values.shape)


def _load_pyfunc(path: str) -> ServedModel:
    """Load a saved model; the name is MLflow's."""
    flavors = Model.load(str(Path(path) / "MLmodel")).flavors
    for module in flavors["python_function"]["modules"]:
        importlib.import_module(module)  # registers the classes that Keras looks up
    model = mlflow.keras.load_model(path, load_model_kwargs={"compile": False})
    return ServedModel(model, json.loads((Path(path) / FORM).read_text(encoding="utf-8")))
