"""What our code reaches into of other libraries is there, and stands on the page that lists it."""

import ast
import functools
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_tuner
import mlflow.models
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/decisions/private-names-we-reach-into.md").read_text(encoding="utf-8")
NAME = r"`[\w.]+`(?:,\s+`[\w.]+`)*"
LINE = re.compile(rf"^- ({NAME})\s+\(({NAME})\):\s+(.*(?:\n  .*)*)", re.MULTILINE)
PRIVATE_MODULES = ("._", "keras.src", "tensorflow.python")


class Reach(NamedTuple):
    """A name of a library, a module of ours that needs it, and why."""

    name: str
    module: str
    reason: str

    @property
    def attribute(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def file(self) -> Path:
        return ROOT / "pipeline" / f"{self.module.replace('.', '/')}.py"


REACHES = [
    Reach(name, module, " ".join(reason.split()))
    for names, modules, reason in LINE.findall(PAGE)
    for name in re.findall(r"[\w.]+", names)
    for module in re.findall(r"[\w.]+", modules)
]


def functional() -> keras.Model:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile(keras.optimizers.Adam(), "mse", metrics=["mae"], run_eagerly=True)
    return model


def evaluated() -> Any:
    """Return a model as it is between the evaluations of its training."""
    model, found = functional(), {}
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: found.update(vars(model)))
    x, y = np.zeros((1, 2)), np.zeros((1, 1))
    model.fit(x, y, validation_data=(x, y), callbacks=[look], verbose=0)
    return type("Evaluated", (), found)


def compile_metrics() -> Any:
    model = functional()
    model.fit(np.zeros((1, 2)), np.zeros((1, 1)), verbose=0)
    return model._compile_metrics


def adam() -> keras.Optimizer:
    optimizer = keras.optimizers.Adam()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([])
    return optimizer


def called_cell() -> keras.Layer:
    cell = keras.layers.LSTMCell(1, dropout=0.5, recurrent_dropout=0.5)
    cell.get_dropout_mask(np.zeros((1, 1)))
    cell.get_recurrent_dropout_mask(np.zeros((1, 1)))
    return cell


def oracle(kind: type = keras_tuner.oracles.RandomSearchOracle) -> keras_tuner.Oracle:
    return kind(objective=keras_tuner.Objective("val_loss", "min"))


def hyperparameters() -> keras_tuner.HyperParameters:
    declared = keras_tuner.HyperParameters()
    declared.Int("units", 1, 2)
    with declared.conditional_scope("units", [1]):
        declared.Boolean("bias")
    return declared


EXAMPLES: dict[str, Callable[[], Any]] = {
    "Sequential": keras.Sequential,
    "Functional": functional,
    "Evaluated": evaluated,
    "Layer": lambda: functional().layers[-1],
    "InputLayer": lambda: keras.layers.InputLayer((1,)),
    "Normalization": keras.layers.Normalization,
    "Operation": lambda: keras.layers.Dense(1),
    "Node": lambda: functional().layers[-1]._inbound_nodes[0],
    "Arguments": lambda: functional().layers[-1]._inbound_nodes[0].arguments,
    "MaskedTensor": lambda: keras.layers.Masking()(keras.Input((2, 1))),
    "TextVectorization": keras.layers.TextVectorization,
    "MultiHeadAttention": lambda: keras.layers.MultiHeadAttention(1, 1, attention_axes=(1,)),
    "CalledCell": called_cell,
    "Lookup": lambda: keras.layers.StringLookup(vocabulary=["a"]),
    "AdaptedLookup": keras.layers.StringLookup,
    "Variable": lambda: keras.Variable(0.0),
    "SeedGenerator": lambda: keras.random.SeedGenerator(0),
    "Initializer": keras.initializers.GlorotUniform,
    "Loss": keras.losses.MeanSquaredError,
    "Metric": keras.metrics.MeanAbsoluteError,
    "AUC": keras.metrics.AUC,
    "CompileLoss": lambda: functional()._compile_loss,
    "CompileMetrics": compile_metrics,
    "Adam": adam,
    "Callback": keras.callbacks.Callback,
    "BackupAndRestore": lambda: keras.callbacks.BackupAndRestore("folder"),
    "CSVLogger": lambda: keras.callbacks.CSVLogger("file"),
    "ProgbarLogger": keras.callbacks.ProgbarLogger,
    "TensorBoard": keras.callbacks.TensorBoard,
    "Oracle": oracle,
    "HyperbandOracle": lambda: oracle(keras_tuner.oracles.HyperbandOracle),
    "BayesianOracle": lambda: oracle(keras_tuner.oracles.BayesianOptimizationOracle),
    "Trial": lambda: keras_tuner.engine.trial.Trial(hyperparameters()),
    "MetricsTracker": lambda: keras_tuner.engine.trial.Trial(hyperparameters()).metrics,
    "HyperParameters": hyperparameters,
    "Hyperparameter": lambda: hyperparameters().space[1],
    "Condition": lambda: hyperparameters().space[1].conditions[0],
    "Model": mlflow.models.Model,
}
"""What has the attributes that the page names without the path of a module."""


@pytest.mark.parametrize("name", dict.fromkeys(reach.name for reach in REACHES))
def test_a_name_that_we_reach_into_is_there(name):
    owner, _, attribute = name.rpartition(".")
    needs = ", ".join(f"pipeline.{one.module}" for one in REACHES if one.name == name)
    reason = next(reach.reason for reach in REACHES if reach.name == name)
    assert _has(owner, attribute), f"{name} is gone, and with it breaks {needs}, for: {reason}"


def _has(owner: str, attribute: str) -> bool:
    if owner in EXAMPLES:
        return hasattr(_example(owner), attribute)
    try:
        pkgutil.resolve_name(f"{owner}.{attribute}")
    except (ImportError, AttributeError):
        return False
    return True


@functools.cache
def _example(owner: str) -> Any:
    return EXAMPLES[owner]()


def test_every_line_of_the_page_is_read():
    assert len(LINE.findall(PAGE)) == len(re.findall("^- ", PAGE, re.MULTILINE))


@pytest.mark.parametrize("module", sorted({reach.module for reach in REACHES}))
def test_a_module_needs_what_it_is_listed_with(module):
    listed = [reach for reach in REACHES if reach.module == module]
    content = listed[0].file.read_text(encoding="utf-8")
    assert [reach.name for reach in listed if reach.attribute not in content] == []


def test_no_module_reaches_into_what_is_not_listed():
    trees = {path: ast.parse(path.read_text("utf-8")) for path in ROOT.glob("pipeline/**/*.py")}
    ours = {name for tree in trees.values() for node in ast.walk(tree) for name in _made(node)}
    listed = {(reach.file, reach.attribute) for reach in REACHES}
    reached = {
        (path, name)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        for name in _reached(node)
        if name not in ours
    }
    assert {f"{path.relative_to(ROOT)}: {name}" for path, name in reached - listed} == set()


def _made(node: ast.AST) -> list[str]:
    """Return the attributes that a statement of ours makes."""
    match node:
        case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            return [name]
    return []


def _reached(node: ast.AST) -> list[str]:
    """Return the private attributes that an expression takes, and what is imported from within."""
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="_exit"):  # Python documents it
            return []
        case ast.Attribute(attr=name) if name.startswith("_") and not name.startswith("__"):
            return [name]
        case ast.ImportFrom(module=str(module)) if any(one in module for one in PRIVATE_MODULES):
            return [alias.name for alias in node.names]
    return []
