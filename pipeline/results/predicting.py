"""Predictions of a search's best model for data as people have them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.configuration.config import ConfigError, did_you_mean
from pipeline.datasets.structures import as_arrays
from pipeline.evaluation.predictions import predicted_classes, predicted_labels, predicted_values

Spec = Mapping[str, Any]


def inputs_of(data: Any, schema: Mapping[str, Any]) -> Any:
    """Bring data into the form that a dataset's examples have.

    Args:
        data: A frame, a mapping of columns or arrays by name, a sequence of arrays, or an array.
        schema: The dataset's, as the journal has it.

    Returns:
        What a model takes: an array, or a structure of arrays.

    Raises:
        ConfigError: Something of it is missing, or is no number where there must be one.
    """
    if "mlflow_colspec" in schema:
        specs = schema["mlflow_colspec"]
        _check_names(data, [spec["name"] for spec in specs])
        return {spec["name"]: _column(data[spec["name"]], spec) for spec in specs}
    specs = json.loads(schema["mlflow_tensorspec"]["features"])
    if len(specs) == 1 and "name" not in specs[0]:
        return _tensor(data, specs[0], "the data")
    form: dict[str, Any] = {}
    for spec in specs:
        *above, last = spec["name"].split("/")
        within = form
        for name in above:
            within = within.setdefault(name, {})
        within[last] = spec
    return _structure(data, form, "the data")


def meaning_of(
    predictions: Any, profile: Mapping[str, Any], loss: Any, index: pd.Index | None
) -> Any:
    """Return predictions in the words of the data.

    Args:
        predictions: What a model predicts.
        profile: The dataset's, as the journal has it: its task, classes and targets.
        loss: What the model is compiled with, if it is.
        index: Of the rows, if they have one.

    Returns:
        The name of each row's class, as a series (an array, where each place of a row has one); a
        frame of 0 and 1 for each label; a row's number as a series, several as a frame; for a
        custom task what the model predicts.
    """
    names = list(profile.get("classes") or [])
    match profile.get("task"):
        case "classification":
            places = predictions.shape[1:-1] if hasattr(predictions, "shape") else ()
            indices = predicted_classes(predictions, loss, len(names), places)
            chosen = np.array(names, dtype=object)[indices]
            return pd.Series(chosen, index, name="class") if chosen.ndim == 1 else chosen
        case "multilabel":
            labels = predicted_labels(predictions, loss, len(names)) > 0.5
            return pd.DataFrame(labels.astype(int), index, names)
        case "regression" if predictions.ndim < 3:
            return _numbers(predictions, list(profile.get("targets") or []), index)
    return predictions


def index_of(data: Any) -> pd.Index | None:
    """Return what the rows of data are called, if they are called anything."""
    return data.index if isinstance(data, pd.DataFrame | pd.Series) else None


def _numbers(predictions: Any, targets: list[str], index: pd.Index | None) -> Any:
    if predictions.ndim == 1 or predictions.shape[1] == 1:
        name = targets[0] if targets else "prediction"
        return pd.Series(predicted_values(predictions), index, name=name)
    return pd.DataFrame(predictions, index, targets or None)


def _check_names(data: Any, names: Iterable[str]) -> None:
    if not isinstance(data, Mapping | pd.DataFrame):
        raise ConfigError(
            f"the model takes columns by name, a frame or a dictionary of {list(names)}; received "
            f"{type(data).__name__}"
        )
    known = [str(name) for name in data]
    if missing := [name for name in names if name not in data]:
        raise ConfigError(
            f"the data lack {missing}, which the model takes; {did_you_mean(missing[0], known)}"
            f"they have {known}"
        )


def _column(values: Any, spec: Spec) -> np.ndarray:
    column = pd.Series(values)
    if spec["type"] == "string":
        return column.map(lambda one: "" if pd.isna(one) else str(one)).to_numpy(dtype=object)
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float32, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"column {spec['name']!r} must hold numbers: {error}") from error


def _structure(data: Any, form: Mapping[str, Any], what: str) -> Any:
    if "tensor-spec" in form:
        return _tensor(data, form, what)
    if set(form) == {str(i) for i in range(len(form))}:
        if not isinstance(data, tuple | list) or len(data) != len(form):
            raise ConfigError(f"{what} must be {len(form)} arrays, one after the other")
        return tuple(_structure(data[int(i)], one, f"{what}[{i}]") for i, one in form.items())
    _check_names(data, form)
    return {name: _structure(data[name], one, f"{what}[{name!r}]") for name, one in form.items()}


def _tensor(data: Any, spec: Spec, what: str) -> np.ndarray:
    try:
        array: np.ndarray = as_arrays(data, what)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    dtype, shape = spec["tensor-spec"]["dtype"], tuple(spec["tensor-spec"]["shape"][1:])
    if not hasattr(array, "shape") or array.shape[1:] != shape:
        form = getattr(array, "shape", type(array).__name__)
        needed = ", ".join(["rows", *map(str, shape)])
        raise ConfigError(f"{what} must have the shape ({needed}); received {form}")
    return array.astype(dtype, copy=False)
