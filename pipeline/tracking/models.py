"""The best model as MLflow keeps models: with signature, input example and requirements."""

import importlib.metadata
import importlib.util
import json
import pkgutil
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import mlflow.keras
import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from pipeline.evaluation.input_example import read_input_example
from pipeline.tracking import served_model

INPUT_EXAMPLE = "evaluation/input_example.npz"
_CODE = "code"
_LOADER = "keras_search_served_model"
_REQUIRED = ("mlflow", "keras", "tensorflow", "numpy", "pandas")


def save(keras_file: Path, example_file: Path, path: Path, metadata: Model, source: str) -> None:
    """Save a `.keras` file as an MLflow model.

    `mlflow.keras.load_model` and `mlflow.pyfunc.load_model` both read it. It carries the user's
    own modules that define classes of the model, unless they are installed packages; these are
    requirements.

    Args:
        keras_file: A compiled model.
        example_file: A few rows of inputs, as `numpy.savez` writes them: an array `x`, or one
            array a column.
        path: The folder to make.
        metadata: What identifies the model in MLflow.
        source: Dotted name of what built the model; its module defines the model's own classes.

    Raises:
        ImportError: `source` cannot be imported.
    """
    pkgutil.resolve_name(source)  # its module registers its classes with Keras
    model = keras.saving.load_model(keras_file, compile=False)
    arrays, form = read_input_example(example_file)
    inputs = served_model.inputs_of(arrays if form is not None else arrays["x"], form)
    modules = _own_modules(keras_file, keras.saving.get_custom_objects())
    packages, own = _origins(modules)
    path.mkdir()
    mlflow.keras.save_model(
        model,
        str(path),
        mlflow_model=metadata,
        signature=ModelSignature(_schema(inputs), _schema(_outputs(model, inputs))),
        input_example=_example(inputs),
        pip_requirements=[
            f"{name}=={importlib.metadata.version(name)}" for name in (*_REQUIRED, *packages)
        ],
    )
    # What was tested is logged, not what this process makes of it.
    shutil.copyfile(keras_file, path / metadata.flavors["keras"]["data"] / "model.keras")
    if modules or form is not None or inputs.dtype == object:
        (path / served_model.FORM).write_text(json.dumps(form), encoding="utf-8")
        _add_loader(path, metadata, modules, own)


def _outputs(model: Any, inputs: Any) -> Any:
    """Call the model; `predict` would compile it for these few rows."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(tensors, training=False))


def _schema(values: Any) -> Schema:
    places = dict(served_model.by_place(values))
    return Schema([_tensor(array, name or None) for name, array in places.items()])


def _tensor(array: np.ndarray, name: str | None) -> TensorSpec:
    return TensorSpec(array.dtype, (-1, *array.shape[1:]), name)


def _example(inputs: Any) -> Any:
    """Return inputs as MLflow shows them: a table as one, several arrays by their places."""
    places = dict(served_model.by_place(inputs))
    if "" in places:
        return places[""]
    is_table = all(array.ndim == 1 for array in places.values())
    return pd.DataFrame(places) if is_table else places


def _own_modules(keras_file: Path, registered: dict[str, Any]) -> list[str]:
    """Return the modules of the classes and functions in a saved model that are not Keras's."""
    with zipfile.ZipFile(keras_file) as archive:
        names = set(_strings(json.loads(archive.read("config.json"))))
    modules = {item.__module__ for name, item in registered.items() if name in names}
    # What a notebook defines cannot travel with the model.
    return sorted(module for module in modules if _top(module) not in ("keras", "__main__"))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _origins(modules: list[str]) -> tuple[list[str], list[str]]:
    """Return the installed packages that modules belong to, and the other modules' top names."""
    if not modules:  # looking through what is installed takes a second
        return [], []
    installed = importlib.metadata.packages_distributions()
    tops = sorted({_top(module) for module in modules})
    packages = sorted({installed[top][0] for top in tops if top in installed})
    return packages, [top for top in tops if top not in installed]


def _add_loader(path: Path, metadata: Model, modules: list[str], own: list[str]) -> None:
    """Let the saved model be served by `served_model`, with the user's modules beside it."""
    code = path / _CODE
    code.mkdir()
    shutil.copyfile(served_model.__file__, code / f"{_LOADER}.py")
    for name in own:
        _copy_module(name, code)
    environments = metadata.flavors["python_function"]["env"]
    mlflow.pyfunc.add_to_model(
        metadata,
        loader_module=_LOADER,
        code=_CODE,
        conda_env=environments["conda"],
        python_env=environments["virtualenv"],
        modules=modules,
    )
    metadata.save(str(path / "MLmodel"))


def _copy_module(name: str, folder: Path) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None  # it is imported
    if spec.submodule_search_locations:
        place = Path(next(iter(spec.submodule_search_locations)))
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(place, folder / name, ignore=ignored)
    else:
        assert spec.origin is not None
        shutil.copyfile(spec.origin, folder / f"{name}.py")


def _top(module: str) -> str:
    return module.partition(".")[0]
