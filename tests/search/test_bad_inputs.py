"""Bad inputs: each ends with exit code 2 and one sentence, and leaves nothing behind."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.commands import alone, fresh

TINY = "strategy.max_trials=2 training.epochs=1"
SHALLOW = f"{TINY} hyperparameters.layers=1"
TABLE = "dataset=csv dataset.path=t.csv dataset.target=y"
IMAGES = "dataset=images dataset.path=f"
TRANSFER = "dataset=digits model=transfer model.weights=null"
CONF = "--config-dir conf dataset=wine model=mine"
NUMBERS = "a,y\n" + "1,1.5\n2,2.5\n" * 20
CLASSES = "a,y\n" + "1,yes\n2,no\n" * 20
TWO = "a,b,y\n" + "1,3,yes\n2,4,no\n" * 20
EMPTY_DIGITS = "~dataset.validation_size ~dataset.test_size ~dataset.seed"

USERS_CODE = """
import keras
import keras_tuner
import numpy as np

from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization


def good(hp):
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(hp.Int("units", 3, 8))])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def raises(hp):
    raise RuntimeError("no luck\\ntoday")


def nothing(hp):
    hp.Int("units", 1, 3)


def uncompiled(hp):
    return keras.Sequential([keras.Input((13,)), keras.layers.Dense(hp.Int("units", 3, 8))])


def too_narrow(hp):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(hp.Int("units", 3, 8))])
    model.compile("adam", "mse")
    return model


def diverges(hp):
    hp.Int("units", 3, 8)
    layers = [keras.layers.Dense(3), keras.layers.Rescaling(np.inf)]
    model = keras.Sequential([keras.Input((13,)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def of_classes(classes, width):
    return good


class Needs(keras_tuner.HyperModel):
    def __init__(self, classes, width):
        super().__init__()

    def build(self, hp):
        return good(hp)


class Raising(keras_tuner.HyperModel):
    def build(self, hp):
        return good(hp)

    def fit(self, hp, model, *args, **kwargs):
        raise RuntimeError("fit went wrong")


class Talking(Raising):
    def fit(self, hp, model, *args, **kwargs):
        return "good"


class Counting(Raising):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, epochs=1, **kwargs)


class Nothing:
    pass


def number():
    return 3


def unreadable():
    raise OSError("disk gone")


def holed():
    x = np.full((30, 2), np.nan, "float32")
    part = Split(x, np.zeros(30, "int64"))
    classes, encoding = ("a", "b"), Standardization.fit(x)
    return Dataset("holed", "classification", part, part, part, classes, "mine", encoding)
"""


@dataclass(frozen=True)
class Bad:
    """A bad input, and what its sentence must say."""

    line: str
    received: str
    allowed: str
    files: dict[str, str | bytes | None] = field(default_factory=dict)
    code: int = 2

    def __str__(self) -> str:
        return self.line


CONFIGURATION = [
    Bad("training.epoch=3", "'epoch' of training is not known", "batch_size, class_weight, epochs"),
    Bad("epochs=3", "key 'epochs' is not known", "allowed: budget, callbacks, checkpoint"),
    Bad("+compile.weights=1", "'compile.weights' is not known", "loss, metrics, optimizer"),
    Bad("++training.other=1", "'training.other' is not known", "class_weight, epochs"),
    Bad("strategies=random", "'strategies' is not known", "did you mean 'strategy'?"),
    Bad(
        "strategy=hypeband", "strategy=hypeband", "auto, bayesian, cmaes, gp, grid, hyperband, qmc"
    ),
    Bad("dataset=digit", "dataset=digit is not known", "breast_cancer, cifar10, csv, diabetes"),
    Bad("model=mpl", "model=mpl is not known", "allowed: cnn, mlp, sequence, text, transfer"),
    Bad("experiment=quik", "experiment=quik is not known", "allowed: quick"),
    Bad("pruner=ash", "pruner=ash is not known", "allowed: asha, hyperband, median, none"),
    Bad("strategy=hyperband strategy.max_trials=3", "'max_trials' of strat", "max_epochs"),
    Bad("strategy=hyperband strategy.max_trials=3", "'max_trials'", "budget.trials limits the"),
    Bad(
        "-m 'strategy=shuffle(random,hyperband)' strategy.max_trials=3",
        "key 'max_trials' of strategy is not known to every choice",
        "if_known.strategy.max_trials=VALUE",
    ),
    Bad("budget.trials=0", "received 0", "budget.trials must be an integer >= 1"),
    Bad("budget.epochs=none", "received 'none'", "budget.epochs must be of type integer"),
    Bad("budget.seconds=0", "received 0.0", "budget.seconds must be a number of seconds above 0"),
    Bad("budget.seconds_per_trial=inf", "received inf", "must be a number of seconds above 0"),
    Bad("budget.target=nan", "received nan", "budget.target must be a finite number"),
    Bad("budget.trials_without_progress=-1", "received -1", "must be an integer >= 1"),
    Bad("budget.grace=wait", "Invalid value 'wait'", "expected one of [finish, stop]"),
    Bad("budget.trial=3", "key 'trial' of budget is not known", "did you mean 'trials'?"),
    Bad("budget=60", "received 60", "budget is a section with keys"),
    Bad(
        "max_seconds=60 budget.seconds=30",
        "received max_seconds=60 and budget.seconds=30",
        "max_seconds is the old name of budget.seconds: give one of them",
    ),
    Bad("training.epochs=abc", "received 'abc'", "training.epochs must be of type integer"),
    Bad("training.epochs=1.5", "received '1.5'", "training.epochs must be of type integer"),
    Bad("training.epochs=true", "received 'True'", "training.epochs must be of type integer"),
    Bad("training.epochs=0", "received 0", "training.epochs must be an integer >= 1"),
    Bad("training.epochs=null", "received null", "training.epochs must have a value"),
    Bad("training.epochs=", "received ''", "training.epochs must be of type integer"),
    Bad("training.epochs", "'training.epochs' must be", "KEY=VALUE"),
    Bad("=3", "received =3", "the name of a choice, as in model=mlp"),
    Bad("~training.epochs", "training.epochs cannot be removed", "training.epochs=VALUE"),
    Bad("objective=val_loss", "received val_loss", "objective is a section with keys"),
    Bad("first_trials=[3]", "received 3", "first_trials.0 must be hyperparameters"),
    Bad("first_trials=3", "first_trials", "list"),
    Bad("warm_start=best", "received 'best'", "warm_start must be auto, or a list of folders"),
    Bad("warm_start=[3]", "received [3]", "warm_start must be auto, or a list of folders"),
    Bad("keep_best=0", "received 0", "keep_best must be an integer >= 1"),
    Bad("features.max_disk_mb=-1", "received -1", "features.max_disk_mb must be an integer >= 0"),
    Bad("features.reuse=perhaps", "'perhaps'", "features.reuse"),
    Bad("features.memory=1", "key 'memory' of features", "max_memory_mb"),
    Bad("max_seconds=0", "received 0.0", "max_seconds must be a number of seconds above 0"),
    Bad("max_seconds=nan", "received nan", "max_seconds must be a number of seconds above 0"),
    Bad("checkpoint.every_seconds=-1", "received -1.0", "must be a number of seconds, 0 or more"),
    Bad("strategy.tune_new_entries=1", "received 1", "tune_new_entries must be true or false"),
    Bad("strategy.allow_new_entries=no", "received 'no'", "allow_new_entries must be true or"),
    Bad("strategy=hyperband strategy.factor=1", "received 1", "must be an integer >= 2"),
    Bad("strategy=hyperband strategy.max_epochs=0", "received 0", "must be an integer >= 1"),
    Bad("strategy=hyperband strategy.hyperband_iterations=0", "received 0", "integer >= 1"),
    Bad("strategy=random,grid", "strategy=random,grid names several", "add -m"),
    Bad("strategy=[random,grid]", "strategy must be one choice", "-m strategy=A,B"),
    Bad("model=null", "received model=null", "the name of a choice, as in model=mlp"),
    Bad("~model", "model must be one choice", "model=NAME"),
    Bad("storage=''", "storage", "must not be empty"),
    Bad("tracking.uri=''", "tracking.uri", "must not be empty"),
    Bad("tracking.experiment=''", "tracking.experiment", "must not be empty"),
    Bad("callbacks=3", "type int", "callbacks must be a mapping from names to values"),
    Bad("callbacks.early_stopping.patence=3", "'patence'", "did you mean 'patience'?"),
    Bad("hyperparameters=[1,2]", "a list", "hyperparameters must be a mapping from names"),
    Bad("'hyperparameters.units=[32,'", "'hyperparameters.units=[32,'", "must be KEY=VALUE"),
    Bad("dataset=csv", "dataset.path has no value", "dataset.path=VALUE"),
    Bad("dataset=images", "dataset.path has no value", "dataset.path=VALUE"),
    Bad("--epochs 3", "--epochs", "allowed: KEY=VALUE"),
    Bad("--error: --bad", "unrecognized arguments: --error: --bad;", "allowed: KEY=VALUE"),
    Bad("--cfg nothing", "'nothing'", "'job', 'hydra', 'all'"),
    Bad("--config-name other", "--config-name=other is not known", "allowed: config"),
    Bad("--config-path other", "--config-path leads to no config", "--config-dir=FOLDER"),
    Bad("--config-dir missing", "/missing", "--config-dir must be an existing folder"),
    Bad("--config-dir mine.py", "/mine.py", "--config-dir must be an existing folder"),
    Bad(
        "--config-dir conf model=mime",
        "model=mime is not known",
        "did you mean 'mine'? allowed: cnn, mine, mlp, sequence, text, transfer",
        {"conf/model/mine.yaml": "_target_: mine.good\n"},
    ),
    Bad(CONF, "must be YAML", "conf/model/mine.yaml", {"conf/model/mine.yaml": "a: [b\n"}),
    Bad(CONF, "a list", "must be a mapping", {"conf/model/mine.yaml": "- 3\n"}),
    Bad(CONF, "has no _target_", "its class or function", {"conf/model/mine.yaml": "a: 3\n"}),
    Bad(
        CONF,
        "model.classes has no value",
        "model.classes=VALUE",
        {"conf/model/mine.yaml": "_target_: mine.Needs\nclasses: ???\n"},
    ),
    Bad(
        "--config-dir conf experiment=mine",
        "experiment/mine: key 'epoch' of training is not known",
        "did you mean 'epochs'?",
        {"conf/experiment/mine.yaml": "# @package _global_\ntraining:\n  epoch: 3\n"},
    ),
    Bad(
        "--config-dir conf experiment=mine",
        "experiment/mine: training.epochs",
        "must be of type integer; received 'three'",
        {"conf/experiment/mine.yaml": "# @package _global_\ntraining:\n  epochs: three\n"},
    ),
    Bad(
        "--config-dir conf experiment=mine",
        "experiment/mine must begin",
        "# @package _global_",
        {"conf/experiment/mine.yaml": "training:\n  epochs: 3\n"},
    ),
]

PARTS = [
    Bad(
        "dataset=wine model._target_=mine.good strategy.allow_new_entries=false "
        "hyperparameters.batch_size=32",
        "strategy.allow_new_entries=false, but the model asks for units too",
        "hyperparameters lists batch_size",
    ),
    Bad(
        "dataset=wine model._target_=mine.good strategy.tune_new_entries=false",
        "received hyperparameters={}",
        "strategy.tune_new_entries=false needs hyperparameters that are listed",
    ),
    Bad("dataset=wine model._target_=mine", "received 'mine'", "a dotted path, such as"),
    Bad("dataset=wine model._target_=no.Where", "no.Where leads nowhere", "that is installed"),
    Bad("dataset=wine model._target_=mine.god", "'god' of mine is not known", "mean 'good'?"),
    Bad(
        "dataset=wine model._target_=broken.x",
        "SyntaxError: invalid syntax",
        "broken cannot be imported",
        {"broken.py": "def x(:\n"},
    ),
    Bad(
        "dataset=wine model._target_=lonely.x",
        "No module named 'nothing_there'",
        "lonely cannot be imported",
        {"lonely.py": "import nothing_there\n"},
    ),
    Bad("dataset=wine +model.other=1", "model.other is not known", "MLP allows: dataset"),
    Bad("dataset=wine model._target_=mine.Needs", "lacks classes, width", "+model.classes=VALUE"),
    Bad("dataset=wine model._target_=mine.of_classes", "lacks classes, width", "in the YAML of"),
    Bad("dataset=wine model._target_=mine.Nothing", "mine.Nothing, which is none", "HyperModel"),
    Bad("dataset=wine model._target_=mine.number", "type int", "a function build(hp)"),
    Bad("dataset=wine model._target_=mine.raises", "RuntimeError: no luck today", "verbose=2"),
    Bad("dataset=wine model._target_=mine.nothing", "returned None", "must return a keras.Model"),
    Bad(
        "dataset=wine model._target_=mine.uncompiled",
        "on which compile() was not called",
        "must return a compiled model",
    ),
    Bad(
        CONF,
        "no.Where leads nowhere",
        "installed",
        {"conf/model/mine.yaml": "_target_: mine.Needs\nclasses: 3\nwidth: {_target_: no.Where}\n"},
    ),
    Bad("dataset=wine model=cnn", "wine have the shape (13,)", "use model=mlp"),
    Bad("dataset=wine model=transfer", "wine have the shape (13,)", "use model=mlp"),
    Bad(TRANSFER, "received 8x8", "at least 75x75"),
    Bad(f"{TRANSFER} model.image_size=[75]", "received [75]", "[height,width] in pixels"),
    Bad(
        "dataset=digits model=transfer model.image_size=[75,75] model.weights=missing.h5",
        "received 'missing.h5'",
        "weights must be imagenet, null or an existing file",
    ),
    Bad(
        f"{TRANSFER} model.backbone=MobileNet model.image_size=[32,32] model.cut_layer=conv11",
        "no layer 'conv11'",
        "use conv1,",
    ),
    Bad(f"{TRANSFER} model.backbone=InceptonV3", "'InceptonV3'", "use InceptionV3"),
    Bad(f"{TRANSFER} model.backbone=3", "received 3", "backbone must be text"),
    Bad(f"{TRANSFER} model.pooling=sum", "received 'sum'", "null or one of avg, max"),
    Bad(
        f"{TRANSFER} model.preprocessing=sum",
        "received 'sum'",
        "one of tf, torch, caffe, raw, unit",
    ),
    Bad(
        "dataset=wine +callbacks.mine._target_=keras.layers.Dense +callbacks.mine.units=3",
        "keras.layers.Dense, which is none",
        "must name a Keras callback",
    ),
    Bad(
        "dataset=wine callbacks.early_stopping._target_=keras.callbacks.EarlyStoping",
        "'EarlyStoping' of keras.callbacks is not known",
        "did you mean 'EarlyStopping'?",
    ),
    Bad(
        "dataset=wine +callbacks.early_stopping.patence=3",
        "patence is not known",
        "EarlyStopping allows: monitor, min_delta, patience",
    ),
    Bad(
        "dataset=wine +callbacks.mine._target_=keras.callbacks.ModelCheckpoint",
        "callbacks.mine lacks filepath",
        "+callbacks.mine.filepath=VALUE",
    ),
    Bad("dataset=wine compile.loss=hubr", "compile.loss=hubr is not a Keras loss", "mean 'huber'?"),
    Bad("dataset=wine compile.metrics=mae", "received 'mae'", "compile.metrics must be a list"),
    Bad(
        "dataset=wine 'compile.optimizer={_target_: keras.optimizers.Sgd}'",
        "'Sgd' of keras.optimizers is not known",
        "did you mean 'SGD'?",
    ),
    Bad("dataset=wine 'first_trials=[{unitz: 3}]'", "first_trials.0.unitz is", "mean 'units'?"),
    Bad("dataset=wine 'first_trials=[{units: 3}]'", "received 3", "units must be one of 16, 32"),
    Bad("dataset=wine warm_start=[gone]", "gone is neither a search's folder", "the id of a run"),
    Bad("dataset=wine warm_start=[.]", ". is no search's folder", "journal.jsonl"),
    Bad(
        "dataset=wine warm_start=auto strategy._target_=keras_tuner.oracles.GridSearchOracle",
        "GridSearchOracle is no pipeline.strategies.Oracle",
        "warm_start needs a strategy",
    ),
    Bad("dataset=wine hyperparameters.unitz=3", "unitz is unknown", "known are units"),
    Bad("dataset=wine hyperparameters.units=[]", "received []", "at least one value"),
    Bad("dataset=wine hyperparameters.units=null", "received None", "must be an integer"),
    Bad("dataset=wine hyperparameters.units=many", "received 'many'", "must be an integer"),
    Bad("dataset=wine hyperparameters.units=[16,big]", "received 'big'", "must be an integer"),
    Bad(
        "dataset=wine 'hyperparameters.units={min_value: 64, max_value: 32}'",
        "received 64 and 32",
        "min_value must not exceed max_value",
    ),
    Bad(
        "dataset=wine 'hyperparameters.units={min: 64, max: 32}'",
        "received {'min': 64, 'max': 32}",
        "min_value, max_value, step, sampling",
    ),
    Bad("dataset=wine hyperparameters.units.step=0", "received 0", "step must be above 1"),
    Bad(
        "dataset=wine hyperparameters.units.sampling=normal",
        "received 'normal'",
        "one of linear, log, reverse_log",
    ),
    Bad("dataset=wine hyperparameters.learning_rate.min_value=0", "it is 0.0", "above 0 for log"),
    Bad("dataset=wine hyperparameters.batch_size=0", "received 0", "a positive integer"),
    Bad(
        "dataset=wine strategy=hyperband hyperparameters.epochs=[1,2]",
        "hyperparameters.epochs cannot be searched by Hyperband",
        "allowed: strategy.max_epochs",
    ),
    Bad("dataset=wine strategy._target_=keras_tuner.RandomSearch", "RandomSearch", "not a tuner"),
    Bad("dataset=wine strategy._target_=mine.Nothing", "mine.Nothing", "a keras_tuner.Oracle"),
    Bad(
        "dataset=wine pruner.min_epochs=2 pruner=median",
        "'min_epochs' of pruner",
        "n_warmup_epochs",
    ),
    Bad("dataset=wine pruner=asha pruner.min_epochs=99", "received 99", "an integer from 1 to"),
    Bad("dataset=wine pruner=asha pruner.promote=maybe", "received 'maybe'", "true or false"),
    Bad("dataset=wine pruner=median pruner.compare=mean", "received 'mean'", "best or last"),
    Bad(
        "dataset=wine pruner=percentile pruner.percentile=100", "received 100", "between 0 and 100"
    ),
    Bad("dataset=wine strategy.max_trials=null", "received None", "integer of at least 1"),
    Bad("dataset=wine strategy=bayesian +strategy.alpha=-1", "received -1", "a number above 0"),
    Bad("dataset=wine strategy=tpe strategy.n_startup_trials=0", "received 0", "of at least 1"),
    Bad("dataset=wine strategy=cmaes strategy.popsize=1", "received 1", "integer of at least 2"),
    Bad("dataset=wine strategy=qmc strategy.qmc_type=latin", "'latin'", "sobol or halton"),
    Bad("dataset=wine tracking.uri=mlruns", "received 'mlruns'", "sqlite:///mlflow.db"),
    Bad("dataset=wine tracking.uri=ftp://x", "scheme 'ftp' is unknown", "http://host:port"),
    Bad("dataset=wine tracking.uri=sqlite:///mine.py", "mine.py'", "sqlite:///mlflow.db"),
    Bad("dataset=wine tracking.uri=http://host:port", "'http://host:port'", "http://host:port"),
    Bad(
        "dataset=wine tracking.uri=postgresql://me:secret@host/db",
        "received 'postgresql://***@host/db'",
        "needs the Python package psycopg",
    ),
    Bad("dataset=wine storage=mine.py", "storage=mine.py", "a folder that can be written"),
    Bad("dataset=wine storage=/proc/x", "storage=/proc/x", "a folder that can be written"),
    Bad("dataset=wine resume=must", "found no unfinished search", "allowed: resume=auto"),
    Bad(
        "dataset=wine resume=must strategy._target_=keras_tuner.oracles.RandomSearchOracle",
        "RandomSearchOracle is no pipeline.strategies.Oracle",
        "needs a strategy that can continue",
    ),
]

DATASETS = [
    Bad(TABLE, "there is no table at", "path must be an existing file"),
    Bad(TABLE, "No columns to parse", "a table of text in UTF-8", {"t.csv": ""}),
    Bad(TABLE, "a header and no rows", "below the header", {"t.csv": "a,y\n"}),
    Bad(TABLE, "the target 'y'", "it has ['a', 'z']", {"t.csv": "a,z\n1,2\n"}),
    Bad(TABLE, "received ['same']", "two classes", {"t.csv": "a,y\n" + "1,same\n" * 20}),
    Bad(TABLE, "row 41 below", "complete or remove", {"t.csv": CLASSES + "3,\n"}),
    Bad(TABLE, "'a' has 1 infinite", "correct them", {"t.csv": NUMBERS + "inf,3.5\n"}),
    Bad(TABLE, "1 NaN or infinite", "finite numbers", {"t.csv": NUMBERS + "3,inf\n"}),
    Bad(TABLE, "too few examples (1)", "at least one", {"t.csv": "a,y\n1,yes\n2,no\n"}),
    Bad(TABLE, "more values than", "columns", {"t.csv": "a,y\n1,2,3,4\n1,2,3\n"}),
    Bad(TABLE, "byte 0xff", "a table of text in UTF-8", {"t.csv": b"\xff\xfe\x00\x81"}),
    Bad(f"{TABLE} dataset.drop=[b]", "drop lists ['b']", "['a', 'y']", {"t.csv": NUMBERS}),
    Bad(f"{TABLE} dataset.drop=b", "received 'b'", "a list of columns", {"t.csv": NUMBERS}),
    Bad(f"{TABLE} dataset.separator=tab", "'tab'", "one character", {"t.csv": NUMBERS}),
    Bad(f"{TABLE} dataset.task=cluster", "'cluster'", "classification", {"t.csv": NUMBERS}),
    Bad(f"{TABLE} dataset.task=regression", "'yes'", "hold numbers", {"t.csv": CLASSES}),
    Bad(
        f"{TABLE} dataset.weight=w dataset.text=[z]",
        "weight 'w' is",
        "text lists ['z']",
        {"t.csv": NUMBERS},
    ),
    Bad(f"{TABLE} dataset.group=a", "there are 2 groups", "needs at least one", {"t.csv": TWO}),
    Bad(f"{TABLE} model=cnn", "shape (1,)", "use model=mlp", {"t.csv": NUMBERS}),
    Bad(IMAGES, "there is no folder of images", "path must be an existing folder"),
    Bad(IMAGES, "found none", "one sub-folder of images for each", {"f": None}),
    Bad(IMAGES, "found only 'a'", "at least two classes", {"f/a/x.png": "x"}),
    Bad(IMAGES, "found none in ['b']", ".jpg, .png", {"f/a/x.png": "x", "f/b": None}),
    Bad(IMAGES, "class 'a' has too few", "one", {"f/a/x.png": "x", "f/b/y.png": "x"}),
    Bad(f"{IMAGES} dataset.color_mode=blue", "received 'blue'", "'grayscale', 'rgb', 'rgba'"),
    Bad(f"{IMAGES} dataset.image_size=64", "received 64", "a height and a width in pixels"),
    Bad("dataset.validation_size=2", "received 2", "a fraction between 0 and 1"),
    Bad("dataset.validation_size=0.5 dataset.test_size=0.5", "test_size=0.5", "below 1"),
    Bad("dataset.seed=x", "received 'x'", "seed must be an integer"),
    Bad("dataset._target_=pipeline.datasets.digit", "'digit' of pipeline", "mean 'digits'?"),
    Bad(f"dataset._target_=mine.number {EMPTY_DIGITS}", "type int", "pipeline.datasets.Dataset"),
    Bad(f"dataset._target_=mine.unreadable {EMPTY_DIGITS}", "OSError: disk gone", "verbose=2"),
    Bad(f"dataset._target_=mine.holed {EMPTY_DIGITS}", "60 NaN", "must be finite numbers"),
]

# Found out with one batch.
FIRST_BATCH = [
    Bad(
        f"dataset=wine objective.name=val_f1 objective.direction=max {SHALLOW}",
        "objective.name=val_f1 is not reported by the model",
        "allowed: accuracy, loss, val_accuracy, val_loss",
    ),
    Bad(
        f"dataset=diabetes objective.name=val_accuracy objective.direction=max {SHALLOW}",
        "objective.name=val_accuracy is not reported",
        "allowed: loss, mae, r2, val_loss, val_mae, val_r2",
    ),
    Bad(
        f"dataset=wine model._target_=mine.too_narrow {TINY}",
        "it cannot be given the examples of the dataset",
        "expected axis -1 of input shape to have value 12",
    ),
]

# A search legitimately begins, tells what is wrong, and has ended.
TRAINING = [
    Bad(
        f"dataset=wine model._target_=mine.Talking {TINY}",
        "received 'good' of type str",
        "must return a History, a dictionary of metrics or the objective",
    ),
    Bad(
        "dataset=wine model._target_=mine.Counting strategy=hyperband training.epochs=2",
        "fit() sets its own epochs",
        "leave epochs to the arguments it is given",
    ),
    Bad(
        f"dataset=wine model._target_=mine.Raising max_failed_trials=2 {TINY}",
        "2 trials in a row failed, as many as max_failed_trials allows",
        "the last one: RuntimeError: fit went wrong",
        code=1,
    ),
    Bad(
        f"dataset=wine model._target_=mine.diverges {TINY}",
        "none of 2 trials completed",
        "val_loss was not a finite number at any of 1 epochs",
        code=1,
    ),
    Bad(
        f"dataset=wine hyperparameters.activation=softplusz {TINY}",
        "none of 2 trials completed",
        "activation function identifier: softplusz",
        code=1,
    ),
]


DOWNLOADS = [
    Bad("dataset=mnist", "mnist has to be downloaded once and that failed", "scikit-learn"),
    Bad(
        "dataset=digits model=transfer model.backbone=MobileNetV2 model.image_size=[96,96]",
        "the imagenet weights of MobileNetV2 have to be downloaded once",
        "set weights to null",
    ),
]


@pytest.fixture
def command(command, tmp_path):
    (tmp_path / "mine.py").write_text(USERS_CODE)
    return command


def write(folder: Path, files: dict[str, str | bytes | None]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case None:
                path.mkdir()
            case bytes():
                path.write_bytes(content)
            case str():
                path.write_text(content)


def inside(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def check_sentence(stderr: str, bad: Bad) -> None:
    assert stderr.startswith("error: ")
    assert stderr.endswith("\n")
    assert len(stderr.splitlines()) == 1
    assert bad.received in stderr
    assert bad.allowed in stderr


def test_there_are_enough():
    assert len(CONFIGURATION + PARTS + DATASETS + FIRST_BATCH + TRAINING) >= 60


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("bad", [*CONFIGURATION, *PARTS, *DATASETS, *FIRST_BATCH], ids=str)
def test_is_answered_with_one_sentence_and_leaves_nothing(bad, command, tmp_path):
    write(tmp_path, bad.files)
    before = inside(tmp_path)
    ended = command(bad.line)
    check_sentence(ended.err, bad)
    assert ended.code == 2
    assert ended.out == ""
    assert inside(tmp_path) == before


def test_images_that_cannot_be_decoded_leave_nothing(command, tmp_path):
    files = {f"f/{name}/{number}.png": "x" for name in "ab" for number in range(3)}
    bad = Bad(IMAGES, "a/2.png, b/0.png", "repair or remove", files)
    write(tmp_path, bad.files)
    before = inside(tmp_path)
    ended = command(bad.line)
    check_sentence(ended.err, bad)
    assert ended.code == 2
    assert ended.out.startswith("Reading 6 images")
    assert inside(tmp_path) == before


@pytest.mark.parametrize("bad", TRAINING, ids=str)
def test_ends_the_search_that_finds_it(bad, command, tmp_path, store):
    ended = command(bad.line)
    check_sentence(ended.err, bad)
    assert ended.code == bad.code
    client = MlflowClient(store)
    (experiment,) = client.search_experiments(filter_string="name != 'Default'")
    found = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in found} == {"FAILED"}
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("mine.py", "__pycache__", "mlflow.db", "mlruns", "outputs")
    }


@pytest.mark.parametrize("where", ["KERAS_BACKEND", "keras.json"])
def test_another_backend(where, command, tmp_path, monkeypatch):
    if where == "keras.json":
        (tmp_path / where).write_text('{"backend": "jax"}')
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    else:
        monkeypatch.setenv(where, "jax")
    ended = command("dataset=wine")
    assert ended.code == 2
    assert ended.err.startswith("error: the pipeline trains on TensorFlow; ")
    assert ended.err.endswith(f"{where} says jax: set KERAS_BACKEND=tensorflow\n")
    assert not (tmp_path / "outputs").exists()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert "'digit' of pipeline" in command("dataset._target_=pipeline.datasets.digit").err


@pytest.mark.parametrize("line", ["-m strategy=random,hypeband", "-m seed=1,x"])
def test_a_wrong_sweep_starts_no_search(line, command, tmp_path):
    ended = command(line)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_of_wrong_jobs_leaves_nothing(command, tmp_path):
    ended = command("-m training.epochs=0,-1")
    assert ended.code == 2
    assert ended.err.splitlines() == [
        f"error: training.epochs must be an integer >= 1; received {value}" for value in (0, -1)
    ]
    assert ended.out == ""
    assert not (tmp_path / "outputs").exists()


FURTHER = (TRAINING[0], PARTS[10], *DOWNLOADS)
THOROUGH = [pytest.param(fresh, bad, marks=pytest.mark.thorough, id=str(bad)) for bad in FURTHER]


@pytest.mark.parametrize(
    ("run", "bad"), [pytest.param(alone, DOWNLOADS[0], id="forked"), *THOROUGH]
)
def test_so_does_the_real_command(run, bad, tmp_path):
    (tmp_path / "mine.py").write_text(USERS_CODE)
    ended = run(bad.line, tmp_path, KERAS_HOME=f"{tmp_path}-keras")
    check_sentence(ended.err, bad)
    assert ended.code == 2
    if bad not in TRAINING:
        assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}
