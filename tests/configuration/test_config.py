"""The configuration: every file composes, every wrong value is one sentence."""

import re
import subprocess
import sys

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import MISSING

from pipeline.configuration.composition import compose_config, conf_dir, register_schema
from pipeline.configuration.config import Config, ConfigError, Direction, Resume, unknown

CHOICES = [
    (path.parent.name, path.stem)
    for group in ("dataset", "model", "strategy", "experiment")
    for path in sorted((conf_dir() / group).glob("*.yaml"))
]


def test_there_are_choices_in_every_group():
    assert {group for group, _ in CHOICES} == {"dataset", "model", "strategy", "experiment"}


@pytest.mark.parametrize(("group", "choice"), CHOICES, ids=["/".join(item) for item in CHOICES])
def test_every_file_composes_and_opens_with_its_command(group, choice):
    path, target = ["dataset.path=x"], ["dataset.target=y"]
    needed = {"csv": path + target, "series": path + target, "text": path, "images": path}
    given = needed.get(choice, []) if group == "dataset" else []
    config = compose_config([f"{group}={choice}", *given])
    if group != "experiment":
        assert getattr(config.choices, group) == choice
        assert getattr(config, group)["_target_"].startswith("pipeline.")
    head = (conf_dir() / group / f"{choice}.yaml").read_text().splitlines()[:2]
    assert any(re.match(rf"# python -m pipeline .*{group}={choice}", line) for line in head)


def test_the_defaults_are_the_documented_ones(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = compose_config()
    assert config.name == "digits-mlp-random"
    assert (config.objective.name, config.objective.direction) == ("val_loss", Direction.min)
    assert config.tracking.experiment == "digits"
    assert config.tracking.registered_model == "digits-mlp"
    assert (config.storage, config.resume) == ("outputs/searches", Resume.auto)
    assert (config.seed, config.tracking.uri) == (0, "sqlite:///mlflow.db")


def test_the_environment_names_the_tracking_server(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert compose_config().tracking.uri == "http://127.0.0.1:5000"


def test_hyperband_trains_as_many_epochs_as_training_says():
    config = compose_config(["strategy=hyperband", "training.epochs=27"])
    assert config.strategy["max_epochs"] == 27
    config = compose_config(["strategy=hyperband", "strategy.max_epochs=9"])
    assert (config.strategy["max_epochs"], config.training.epochs) == (9, 10)


def test_callbacks_follow_the_objective():
    overrides = ["objective.name=val_f1", "objective.direction=max"]
    stopping = compose_config(overrides).callbacks["early_stopping"]
    assert (stopping["monitor"], stopping["mode"]) == ("val_f1", "max")


def test_hyperparameters_need_no_plus():
    overrides = ["hyperparameters.units=[8,16]", "hyperparameters.rate.max_value=0.5"]
    assert compose_config(overrides).hyperparameters == {
        "units": [8, 16],
        "rate": {"max_value": 0.5},
    }


def test_no_default_stands_twice():
    """Types are in the schema, values in the YAML alone."""
    values = yaml.safe_load((conf_dir() / "config.yaml").read_text())
    for section in ("training", "objective", "final", "tracking"):
        for key in values[section]:
            assert getattr(getattr(Config(), section), key) == MISSING, key


def test_a_users_own_group(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: mine.build\nunits: 3\n")
    config = compose_config(["model=mine", "model.units=4"], config_dir=str(tmp_path))
    assert config.model == {"_target_": "mine.build", "units": 4}


WRONG = {
    "trainig.epochs=3": "key 'trainig' is not known; did you mean 'training'?",
    "experimen=quick": "key 'experimen' is not known; did you mean 'experiment'?",
    "strategy.max_trails=3": "key 'max_trails' of strategy is not known; did you mean 'max_tr",
    "+other=1": "key 'other' is not known; allowed: budget, callbacks",
    "+training.other=1": "key 'training.other' is not known; allowed: batch_size, class_weight",
    "training.batch_size=-1": "training.batch_size must be an integer >= 1; received -1",
    "training.executions_per_trial=0": "executions_per_trial must be an integer >= 1",
    "training.precision=float8": "Invalid value 'float8', expected one of [float32, mixed_f",
    "training=3": "training is a section with keys of its own; received 3",
    "objective.direction=up": "Invalid value 'up', expected one of [min, max]",
    "objective.name=''": "objective.name must not be empty",
    "objective.name=val_accuracy": "needs its direction too: objective.direction=max if higher is",
    "objective={name: val_mine}": "objective.name=val_mine needs its direction too",
    "objective.direction=max": "objective.name=val_loss is better the lower it is: give objective.",
    "seed=x": "seed must be of type integer; received 'x'",
    "seed=1.5": "seed must be of type integer; received '1.5'",
    "seed=null": "seed must have a value; received null",
    "seed=???": "seed has no value; give one with seed=VALUE",
    "resume=maybe": "Invalid value 'maybe', expected one of [auto, never, must]",
    "final.retrain=perhaps": "final.retrain must be true or false; received 'perhaps'",
    "final.epochs=0": "final.epochs must be an integer >= 1; received 0",
    "verbose=3": "verbose must be an integer from 0 to 2; received 3",
    "max_failed_trials=0": "max_failed_trials must be an integer >= 1; received 0",
    "max_attempts=0": "max_attempts must be an integer >= 1; received 0",
    "strategy.max_trials=0": "strategy.max_trials must be an integer >= 1; received 0",
    "strategy.max_trials=many": "strategy.max_trials must be an integer >= 1; received 'many'",
    "name=a/b": "name must be a name without / \\ or :; received 'a/b'",
    "tracking.registered_model=a:b": "tracking.registered_model must be a name without / or :",
    "tracking.experiment=null": "tracking.experiment must have a value; received null",
    "hyperparameters=3": "hyperparameters must be a mapping from names to values",
    "callbacks.early_stopping=3": "callbacks.early_stopping must name a Keras callback by _target",
    "callbacks.early_stopping=null": "null; '~callbacks.early_stopping' leaves it out",
    "model={units: 3}": "key 'units' of model is not known",
    "seed=${nothing}": "Interpolation key 'nothing' not found",
    "~seed": "seed has no value; give one with seed=VALUE instead of ~KEY",
    "~storage": "storage has no value; give one with storage=VALUE instead of ~KEY",
    "~tracking": "tracking.uri has no value; give one with tracking.uri=VALUE instead of ~KEY",
    "~objective": "Interpolation key 'objective.name' not found",
    "~training.epochs": "training.epochs cannot be removed; give it a value with training.epochs",
    "dataset._target_=null": "dataset._target_ must be the dotted name of a class or function; re",
    "model._target_=": "model._target_ must be the dotted name of a class or function; received ''",
    "strategy._target_=3": "strategy._target_ must be the dotted name of a class or function; rec",
    "~model._target_": "model=mlp has no _target_, which must name its class or function",
    "objective.name=val_f1_score": "needs its direction too: objective.direction=max if higher",
    "objective.direction=null": "objective.direction must have a value; received null",
    "objective.force=maybe": "objective.force must be true or false; received 'maybe'",
    "if_known.strategy.max_trials=0": "strategy.max_trials must be an integer >= 1; received 0",
    "if_known.x.y=1": "if_known.x is not known; allowed: if_known.GROUP.KEY=VALUE with the groups",
    "if_known=3": "if_known must be a mapping from names to values; received a value of type int",
    "names.dataset=": "tracking.experiment must not be empty",
    "names.model=a/b": "name must be a name without / \\ or :; received 'digits-a/b-random'",
    "names.strategy=null": "names.strategy must have a value; received null",
    "name=": "name must be a name without / \\ or :; received ''",
    "training.epochs=1e2": "training.epochs must be of type integer; received '100.0'",
    "training.batch_size=true": "training.batch_size must be of type integer; received 'True'",
    "training.verify=-1": "training.verify must be an integer >= 0; received -1",
    "checkpoint.every_seconds=inf": "checkpoint.every_seconds must be a number of seconds, 0 or",
    "report.every_seconds=nan": "report.every_seconds must be a number of seconds, 0 or more; rec",
    "report.every_seconds=soon": "report.every_seconds must be of type float; received 'soon'",
    "features.max_memory_mb=1.5": "features.max_memory_mb must be of type integer; received '1.5'",
    "features.max_disk_mb=-1": "features.max_disk_mb must be an integer >= 0; received -1",
    "keep_best=0": "keep_best must be an integer >= 1; received 0",
    "keep_best=all": "keep_best must be of type integer; received 'all'",
    "max_seconds=0": "max_seconds must be a number of seconds above 0; received 0.0",
    "budget.trials=0": "budget.trials must be an integer >= 1; received 0",
    "budget.epochs=1.5": "budget.epochs must be of type integer; received '1.5'",
    "budget.seconds=-1": "budget.seconds must be a number of seconds above 0; received -1.0",
    "budget.seconds_per_trial=nan": "budget.seconds_per_trial must be a number of seconds above 0",
    "budget.target=inf": "budget.target must be a finite number; received inf",
    "budget.trials_without_progress=0": "must be an integer >= 1; received 0",
    "budget.grace=null": "budget.grace must have a value; received null",
    "budget.time=60": "key 'time' of budget is not known; ",
    "strategy.tune_new_entries=1": "strategy.tune_new_entries must be true or false; received 1",
    "resume=null": "resume must have a value; received null",
    "storage=": "storage must not be empty",
    "tracking.uri=": "tracking.uri must not be empty",
    "tracking=null": "tracking must have a value; received null",
    "callbacks=3": "callbacks must be a mapping from names to values; received a value of type int",
    "callbacks.mine=keras.callbacks.EarlyStopping": "key 'mine' of callbacks is not known; allowed",
    "hyperparameters=[1,2]": "hyperparameters must be a mapping from names to values; received",
    "strategy.factor=3": "key 'factor' of strategy is not known; allowed: _target_, allow_new",
    "dataset=images": "dataset.path has no value; give one with dataset.path=VALUE",
    "keep-best=3": "key 'keep-best' is not known; did you mean 'keep_best'?",
    "choices.dataset=null": "choices.dataset must have a value; received null",
}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("override", "sentence"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_one_sentence(override, sentence):
    with pytest.raises(ConfigError) as caught:
        compose_config([override])
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_names_the_nearest_first():
    assert unknown("x", ["beta", "alpha"], "alpah") == (
        "x is not known; did you mean 'alpha'? allowed: alpha, beta"
    )
    assert unknown("x", [], "y") == "x is not known; allowed: none"


def test_hydra_itself_can_compose_it():
    register_schema()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        assert compose("config", ["choices.dataset=mine"]).tracking.experiment == "mine"


@pytest.mark.parametrize("arguments", ["--help", "--cfg job", "training.epochs=0", "model=no"])
def test_answers_without_keras_tensorflow_or_mlflow(arguments, tmp_path):
    program = (
        "import sys; from pipeline.__main__ import main\n"
        f"sys.argv = ['pipeline', *{arguments.split()!r}]\n"
        "code = main()\n"
        "heavy = {'keras', 'tensorflow', 'mlflow', 'keras_tuner', 'sklearn', 'pandas'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
        "sys.exit(code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == (0 if arguments.startswith("--") else 2), result.stderr
    assert not list(tmp_path.iterdir())
