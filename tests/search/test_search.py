"""Whole searches, and what MLflow shows of them, compared with what Keras itself reported."""

import dataclasses
import math
import statistics
import time
from itertools import accumulate
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from pipeline import load_search
from pipeline.configuration.composition import compose_config
from pipeline.search import SearchError, SearchResult, components, run_search
from tests.processes import NO_REPORT
from tests.stories import artifacts, description, runs

STRATEGIES = {
    "random": ["strategy.max_trials=2", "training.epochs=2"],
    "grid": ["strategy.max_trials=2", "training.epochs=2"],
    "bayesian": ["strategy.max_trials=3", "+strategy.num_initial_points=2", "training.epochs=1"],
    "hyperband": ["strategy.max_epochs=2", "strategy.factor=2"],
}
TRIALS = {"random": 2, "grid": 2, "bayesian": 3, "hyperband": 5}
NAMES = {"csv": "t", "images": "flowers"}  # of the file and the folder
CASES = ["digits-mlp", "digits-cnn", "diabetes-mlp", "csv-mlp", "images-transfer"]
SHALLOW = {  # of three, which take longer to trace
    "mlp": ["hyperparameters.layers=[1,2]"],
    "cnn": ["hyperparameters.blocks=[1,2]"],
    "transfer": [],
}
SMALL = ["dataset=digits", f"model._target_={__name__}.build_small", "training.batch_size=256"]
CLASSIFICATION = [
    "classification_report.json",
    "classification_report.txt",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "input_example.npz",
]
REGRESSION = ["errors.json", "input_example.npz", "predicted_vs_true.png"]


@dataclasses.dataclass
class Fit:
    """One call of `fit`, as Keras told of it."""

    hyperparameters: dict[str, object]
    params: dict[str, int]
    epochs: list[tuple[int, dict[str, float]]] = dataclasses.field(default_factory=list)

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Every metric's points: epoch and value."""
        curves: dict[str, list[tuple[int, float]]] = {}
        for epoch, logs in self.epochs:
            for name, value in logs.items():
                curves.setdefault(name, []).append((epoch, float(value)))
        return curves

    def best(self, name: str = "val_loss") -> tuple[float, int]:
        """The smallest value of a metric, and its epoch."""
        return min((value, epoch) for epoch, value in self.curves()[name])


FITS: list[Fit] = []


class Spy(keras.callbacks.Callback):
    """Keeps what Keras reports; it knows nothing of the pipeline."""

    def on_train_begin(self, logs=None):
        self.fit = Fit(read_hyperparameters(self.model), dict(self.params))
        FITS.append(self.fit)

    def on_epoch_end(self, epoch, logs=None):
        self.fit.epochs.append((epoch, dict(logs)))


def read_hyperparameters(model) -> dict[str, object]:
    """Read the hyperparameters of our own hypermodels off the model that Keras trains."""

    def of(kind):
        return [layer for layer in model.layers if isinstance(layer, kind)]

    convolutions, dropouts = of(keras.layers.Conv2D), of(keras.layers.Dropout)
    hidden = of(keras.layers.Dense)[:-1]
    values: dict[str, object] = {"learning_rate": float(model.optimizer.learning_rate)}
    if of(keras.Model):  # the frozen backbone
        for number in (1, 2):
            values[f"dense_units_{number}"] = hidden[number - 1].units
            values[f"dropout_rate{number}"] = dropouts[number - 1].rate
    elif convolutions:
        values["blocks"], values["filters"] = len(convolutions), convolutions[0].filters
        values["kernel_size"] = convolutions[0].kernel_size[0]
        values["dense_units"], values["dropout"] = hidden[0].units, dropouts[0].rate
    elif hidden:
        values["layers"], values["units"] = len(hidden), hidden[0].units
        values["activation"] = hidden[0].activation.__name__
        values["dropout"] = dropouts[0].rate
    return values


def build_small(hp):
    """A user's model of a millisecond; `rate` is all it searches."""
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    model.compile(
        keras.optimizers.SGD(hp.Float("rate", 1e-4, 1e-2, sampling="log")),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


class Fragile(keras_tuner.HyperModel):
    """A user's hypermodel, some of whose trials fail at their second epoch."""

    def build(self, hp):
        hp.Choice("kind", ["good", "bad", "better"])
        return build_small(hp)

    def fit(self, hp, model, *args, callbacks, **kwargs):
        if hp.get("kind") == "bad":
            callbacks = [*callbacks, Failure()]
        return model.fit(*args, callbacks=callbacks, **kwargs)


class Failure(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise MemoryError("no room for epoch 1")


class Interruption(keras.callbacks.Callback):
    """Someone presses Ctrl+C in the second epoch of the second training."""

    def on_epoch_end(self, epoch, logs=None):
        if len(FITS) == 2 and epoch == 1:
            raise KeyboardInterrupt


class Impatient(keras.callbacks.Callback):
    """Holds the training up before each epoch until MLflow shows the epoch before."""

    shown: list[bool]

    def __init__(self, uri):
        super().__init__()
        self._client = MlflowClient(uri)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch > 0:
            started = time.monotonic()
            while not self._shows(epoch - 1) and time.monotonic() - started < 30:
                time.sleep(0.02)
            self.shown.append(self._shows(epoch - 1))

    def _shows(self, epoch) -> bool:
        experiment = self._client.get_experiment_by_name("digits")
        if experiment is None:
            return False
        found = self._client.search_runs([experiment.experiment_id], "tags.pipeline.trial = '0000'")
        return any(
            run.info.status == "RUNNING"
            and any(
                point.step == epoch
                for point in self._client.get_metric_history(run.info.run_id, "val_loss")
            )
            for run in found
        )


@dataclasses.dataclass
class Shown:
    """A search as MLflow shows it."""

    uri: str
    experiment: str

    def __post_init__(self):
        self.client = MlflowClient(self.uri)
        found = runs(self.uri, self.experiment).values()
        parents = [run for run in found if run.data.tags["pipeline.kind"] == "search"]
        self.parent = max(parents, key=lambda run: run.info.start_time)
        of_this = [run for run in found if run.data.tags.get("mlflow.parentRunId") == self.id]
        self.children = sorted(of_this, key=lambda run: run.info.start_time)

    @property
    def id(self) -> str:
        return self.parent.info.run_id

    @property
    def statuses(self) -> list[str]:
        return [run.info.status for run in (self.parent, *self.children)]

    def curves(self, run) -> dict[str, list[tuple[int, float]]]:
        """Every point of every metric: step and value."""
        return {
            name: sorted(
                (point.step, point.value)
                for point in self.client.get_metric_history(run.info.run_id, name)
            )
            for name in run.data.metrics
        }

    def text(self, path) -> str:
        return Path(self.client.download_artifacts(self.id, path)).read_text()


@pytest.fixture(autouse=True)
def _fresh_records():
    FITS.clear()
    Impatient.shown = []


@pytest.fixture
def search(store, tmp_path):
    """Runs a search that Keras's reports are recorded of."""

    def run(*overrides, uri=store) -> SearchResult:
        always = [f"tracking.uri={uri}", f"storage={tmp_path}/searches", "resume=never", NO_REPORT]
        spy = f"+callbacks.spy._target_={__name__}.Spy"
        everything = [*always, "verbose=0", *overrides, spy]
        return run_search(compose_config(everything), overrides=list(overrides))

    return run


def data(case, folder) -> list[str]:
    """Make the data of a case; return the overrides that choose it."""
    dataset, model = case.split("-")
    chosen = [f"dataset={dataset}", f"model={model}", "training.batch_size=64", *SHALLOW[model]]
    if dataset == "csv":
        return [*chosen, f"dataset.path={write_table(folder / 't.csv')}", "dataset.target=kind"]
    if dataset == "images":
        inputs = keras.Input((32, 32, 3))
        features = keras.layers.Conv2D(4, 3, strides=2, name="features")(inputs)
        keras.Model(inputs, features).save(folder / "backbone.keras")
        backbone = f"model.backbone={folder}/backbone.keras model.weights=null"
        backbone += " model.preprocessing=tf model.cut_layer=features"
        size = "dataset.image_size=[32,32] model.pooling=avg"
        path = f"dataset.path={write_images(folder / 'flowers')}"
        return [*chosen, path, *backbone.split(), *size.split()]
    return chosen


def write_table(path) -> Path:
    """Numbers, categories and missing values of both."""
    random = np.random.default_rng(0)
    size = random.normal(10, 2, 120)
    colour = random.choice(["red", "green", "blue"], 120)
    kind = np.where((size > 10) & (colour != "red"), "large", "small")
    table = pd.DataFrame({"size": size, "age": random.integers(1, 90, 120), "colour": colour})
    table = table.mask(random.random(table.shape) < 0.1)
    table.assign(kind=kind).to_csv(path, index=False)
    return path


def write_images(folder) -> Path:
    """Three classes of 14 noisy pictures, each of a colour of its own."""
    random = np.random.default_rng(0)
    for channel, name in enumerate(("daisy", "rose", "tulip")):
        (folder / name).mkdir(parents=True)
        for number in range(14):
            pixels = random.integers(0, 128, (40, 36, 3))
            pixels[..., channel] += 100
            keras.utils.save_img(folder / name / f"{number}.png", pixels, scale=False)
    return folder


@pytest.mark.sampled("hyperband-digits-mlp", "bayesian-csv-mlp")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mlflow_shows_what_keras_reported(search, store, tmp_path, strategy, case):
    dataset, model = case.split("-")
    overrides = [f"strategy={strategy}", *STRATEGIES[strategy], *data(case, tmp_path)]
    result = search(*overrides)
    dataset = NAMES.get(dataset, dataset)
    shown = Shown(store, dataset)
    assert len(shown.children) == TRIALS[strategy]
    assert shown.statuses == ["FINISHED"] * (1 + TRIALS[strategy])
    shared = {
        "search": result.directory.name,
        "strategy": strategy,
        "pruner": "none",
        "dataset": dataset,
        "model": model,
        "objective": "val_loss",
        "direction": "min",
        "status": "COMPLETED",
    }
    check_children(shown, shared)
    check_lineage(shown, strategy)
    check_parent(shown, shared, overrides)
    check_best_model(shown, result, f"{dataset}-{model}", overrides)


def check_children(shown, shared) -> None:
    """Compare every param, metric, step and tag of every trial."""
    assert [run.data.tags["pipeline.trial"] for run in shown.children] == [
        f"{number:04}" for number in range(len(shown.children))
    ]
    assert len(FITS) == len(shown.children)
    for run, fit in zip(shown.children, FITS, strict=True):
        reported = dict(fit.hyperparameters)
        params = dict(run.data.params)
        # Keras keeps the rate in single precision.
        assert np.float32(params.pop("learning_rate")) == reported.pop("learning_rate")
        assert params == {name: str(value) for name, value in reported.items()}

        curves = shown.curves(run)
        score, best_epoch = fit.best()
        ((_, seconds),) = curves.pop("duration_seconds")
        assert curves.pop("score") == [(0, score)]
        assert curves.pop("best_epoch") == [(0, best_epoch)]
        assert curves == fit.curves()
        assert {"loss", "val_loss", "learning_rate"} < curves.keys()
        assert 0 < seconds <= (run.info.end_time - run.info.start_time) / 1000 + 0.1

        tags = run.data.tags
        assert run.info.run_name == f"trial {tags['pipeline.trial']}"
        expected = {**shared, "kind": "trial", "attempt": "0"}
        expected["initial_epoch"] = str(fit.epochs[0][0])
        expected["epochs"] = str(fit.epochs[-1][0] + 1)
        assert expected.items() <= {name[9:]: tags[name] for name in tags}.items()
        assert tags["pipeline.fingerprint"] == shown.parent.data.tags["pipeline.fingerprint"]


def check_lineage(shown, strategy) -> None:
    """A promoted trial names the one it goes on from, which has its hyperparameters."""
    tags = {run.data.tags["pipeline.trial"]: run.data.tags for run in shown.children}
    params = {run.data.tags["pipeline.trial"]: run.data.params for run in shown.children}
    if strategy != "hyperband":
        assert not any("pipeline.bracket" in of_one for of_one in tags.values())
        return
    places = [(of["pipeline.bracket"], of["pipeline.round"]) for of in tags.values()]
    assert places == [("1", "0"), ("1", "0"), ("1", "1"), ("0", "0"), ("0", "0")]
    promoted = {trial for trial, of in tags.items() if "pipeline.parent_trial" in of}
    assert promoted == {"0002"}
    earlier = tags["0002"]["pipeline.parent_trial"]
    scores = {run.data.tags["pipeline.trial"]: run.data.metrics["score"] for run in shown.children}
    assert earlier == min(("0000", "0001"), key=scores.__getitem__)
    assert params["0002"] == params[earlier]
    assert tags["0002"]["pipeline.initial_epoch"] == tags[earlier]["pipeline.epochs"] == "1"


def check_parent(shown, shared, overrides) -> None:
    """Compare what the search's own run shows."""
    parent, children = shown.parent, shown.children
    assert parent.info.run_name == "-".join(shared[key] for key in ("dataset", "model", "strategy"))
    tags = {name[9:]: text for name, text in parent.data.tags.items() if name[:9] == "pipeline."}
    assert len(tags.pop("fingerprint")) == 16
    assert tags == {**shared, "kind": "search"}
    assert parent.data.params == {}
    scores = [run.data.metrics["score"] for run in children]
    best_so_far = list(enumerate(accumulate(scores, min), start=1))
    assert shown.curves(parent)["best_score"] == best_so_far

    (given,) = parent.inputs.dataset_inputs
    dataset = components.make_dataset(compose_config(overrides).dataset)
    assert (given.dataset.name, given.dataset.digest) == (shared["dataset"], dataset.digest)
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]

    names = CLASSIFICATION if dataset.task == "classification" else REGRESSION
    files = ["config.yaml", "epochs.csv", *(f"evaluation/{name}" for name in names)]
    files += ["journal.jsonl", "overrides.yaml", "trials.csv"]
    assert artifacts(shown.uri, shown.id) == files
    assert yaml.safe_load(shown.text("overrides.yaml")) == overrides
    config = yaml.safe_load(shown.text("config.yaml"))
    groups = ("dataset", "model", "strategy", "pruner")
    assert config["names"] == {key: shared[key] for key in groups}
    table = pd.read_csv(shown.client.download_artifacts(shown.id, "trials.csv"), dtype=str)
    assert table["score"].astype(float).tolist() == scores
    assert load_search(shown.id, shown.uri).trials["score"].tolist() == scores
    table = pd.read_csv(shown.client.download_artifacts(shown.id, "epochs.csv"))
    assert len(table) == sum(len(shown.curves(run)["loss"]) for run in children)

    best = min(children, key=lambda run: run.data.metrics["score"])
    text = description(parent)
    assert f"with the strategy {shared['strategy']}: completed" in text
    assert f"{len(children)} of {len(children)} trials finished, 0 failed" in text
    trial = best.data.tags["pipeline.trial"]
    assert f"| Best score | {min(scores):.6g} (trial {trial}," in text
    for name in best.data.params:
        assert f"\n| {name} | " in text
    ranked = sorted(children, key=lambda run: run.data.metrics["score"])
    different = {}  # Hyperband's promotions have their parents' hyperparameters
    for run in ranked:
        different.setdefault(str(run.data.params), run)
    for rank, run in enumerate([*different.values()][:5], start=1):
        score = f"{run.data.metrics['score']:.6g}"
        assert f"\n| {rank} | {run.data.tags['pipeline.trial']} | {score} | " in text
    for name, value in parent.data.metrics.items():
        if name.startswith("test_"):
            assert f"{name[5:]} {value:.6g}" in text


def check_best_model(shown, result, name, overrides) -> None:
    """The registered model is the saved one, which has the metrics that MLflow shows."""
    test = components.make_dataset(compose_config(overrides).dataset).test
    model = keras.saving.load_model(result.model)
    again = model.evaluate(test.x, test.y, batch_size=64, verbose=0, return_dict=True)
    tested = {
        name[5:]: value for name, value in shown.parent.data.metrics.items() if name[:5] == "test_"
    }
    assert tested == pytest.approx(again, rel=1e-4)
    version = shown.client.get_model_version_by_alias(name, "best")
    assert (version.run_id, version.version) == (shown.id, 1)
    (output,) = shown.parent.outputs.model_outputs
    location = shown.client.get_logged_model(output.model_id).artifact_location
    assert shown.client.get_model_version_download_uri(name, version.version) == location
    folder = Path(location.removeprefix("file://"))
    assert (folder / "data/model.keras").read_bytes() == result.model.read_bytes()


@pytest.mark.usefixtures("tested_untraced")
def test_executions(search, store):
    search(*SMALL, "strategy.max_trials=2", "training.epochs=2", "training.executions_per_trial=2")
    shown = Shown(store, "digits")
    for run, first, second in zip(shown.children, FITS[::2], FITS[1::2], strict=True):
        curves = shown.curves(run)
        one, other = first.curves(), second.curves()
        assert one["loss"] != other["loss"]
        for name in one:
            assert curves.pop(f"{name}_execution_1") == other[name]
            means = zip(one[name], other[name], strict=True)
            expected = [(epoch, statistics.fmean([a, b])) for (epoch, a), (_, b) in means]
            assert curves.pop(name) == expected
        assert curves.pop("score") == [(0, statistics.fmean([first.best()[0], second.best()[0]]))]
        assert curves.pop("best_epoch") == [(0, min(first.best(), second.best())[1])]
        assert curves.keys() == {"duration_seconds"}


@pytest.mark.thorough
@pytest.mark.parametrize("epochs", ["null", pytest.param(5, marks=pytest.mark.thorough)])
def test_retraining(search, store, epochs):
    overrides = [*SMALL, "strategy.max_trials=2", "training.epochs=3", "final.retrain=true"]
    result = search(*overrides, f"final.epochs={epochs}")
    parent = Shown(store, "digits").parent
    dataset = components.make_dataset(compose_config(overrides).dataset)
    steps = math.ceil((len(dataset.train) + len(dataset.validation)) / 256)
    *trials, final = FITS
    _, best_epoch = min(fit.best() for fit in trials)
    assert final.curves().keys() == {"loss", "accuracy"}
    model = keras.saving.load_model(result.model)
    assert int(model.optimizer.iterations) == steps * (5 if epochs == 5 else best_epoch + 1)
    test = model.evaluate(dataset.test.x, dataset.test.y, verbose=0, return_dict=True)
    assert parent.data.metrics["test_loss"] == pytest.approx(test["loss"], rel=1e-4)
    text = description(parent)
    assert "retrained on train and validation data" in text


@pytest.mark.thorough
@pytest.mark.usefixtures("tested_untraced")
def test_hyperparameters_of_the_configuration(search, store):
    search(
        "dataset=diabetes",
        "model=mlp",
        "strategy=grid",
        "hyperparameters={layers: 1, units: 8, activation: tanh, dropout: 0, learning_rate: 0.01}",
        "hyperparameters.batch_size=[32,256]",
        "hyperparameters.epochs={min_value: 1, max_value: 2}",
    )
    shown = Shown(store, "diabetes")
    rows = len(components.make_dataset(compose_config(["dataset=diabetes"]).dataset).train)
    searched = []
    for run, fit in zip(shown.children, FITS, strict=True):
        params = run.data.params
        searched.append((params["batch_size"], params["epochs"]))
        assert fit.params["epochs"] == len(fit.epochs) == int(params["epochs"])
        assert fit.params["steps"] == math.ceil(rows / int(params["batch_size"]))
        assert fit.hyperparameters["units"] == 8
        assert "units" not in params or params["units"] == "8"
    assert sorted(searched) == [("256", "1"), ("256", "2"), ("32", "1"), ("32", "2")]


@pytest.mark.usefixtures("tested_untraced")
def test_a_failing_trial(search, store):
    overrides = ["dataset=digits", f"model._target_={__name__}.Fragile", "strategy=grid"]
    search(*overrides, "hyperparameters.rate=0.001", "training.epochs=2")
    shown = Shown(store, "digits")
    assert shown.statuses == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    failed = shown.children[1]
    assert failed.data.params["kind"] == "bad"
    assert failed.data.tags["pipeline.status"] == "FAILED"
    assert failed.data.tags["pipeline.message"] == "MemoryError: no room for epoch 1"
    assert shown.curves(failed)["val_loss"] == FITS[1].curves()["val_loss"] != []
    assert "score" not in failed.data.metrics
    path = shown.client.download_artifacts(failed.info.run_id, "traceback.txt")
    text = Path(path).read_text()
    assert text.startswith("Traceback")
    assert "in on_epoch_begin" in text
    first, _, last = (run.data.metrics.get("score") for run in shown.children)
    assert shown.curves(shown.parent)["best_score"] == [
        (1, first),
        (2, first),
        (3, min(first, last)),
    ]
    assert "3 of 3 trials finished, 1 failed" in description(shown.parent)


def test_too_many_failing_trials(search, store, capsys):
    overrides = ["dataset=digits", f"model._target_={__name__}.Fragile", "strategy.max_trials=9"]
    with pytest.raises(SearchError, match=r"2 trials in a row failed.*no room for epoch 1"):
        search(*overrides, "hyperparameters.kind=bad", "max_failed_trials=2", "verbose=1")
    shown = Shown(store, "digits")
    assert shown.statuses == ["FAILED"] * 3
    assert "no room for epoch 1" in description(shown.parent)
    assert shown.client.search_registered_models() == []
    assert "See every trial: " in capsys.readouterr().out


def test_what_completed_before_too_many_failed_is_tested_registered_and_told(search, store, capsys):
    overrides = ["dataset=digits", f"model._target_={__name__}.Fragile", "strategy=grid"]
    ending = ["max_failed_trials=1", "verbose=1"]
    with pytest.raises(SearchError, match="1 trials in a row failed"):
        search(*overrides, "hyperparameters.rate=0.001", "training.epochs=2", *ending)
    shown = Shown(store, "digits")
    assert shown.statuses == ["FAILED", "FINISHED", "FAILED"]
    (model,) = shown.client.search_registered_models()
    assert model.name == f"digits-{__name__}.Fragile"
    assert "test_loss" in shown.parent.data.metrics
    told = capsys.readouterr().out
    table = told.index("0000")
    tested = ("Test of trial 0000", "To predict each class as often as the training data have it")
    for line in (*tested, "version 1; alias best set", "See every trial"):
        assert table < told.index(line)


@pytest.mark.thorough  # see test_main.py and test_tuner.py
def test_the_same_seed_gives_the_same_trials_and_scores(search, store):
    def story(seed, experiment):
        overrides = ["strategy.max_trials=2", "training.epochs=1", f"seed={seed}"]
        search(*SMALL, *overrides, f"tracking.experiment={experiment}")
        shown = Shown(store, experiment)
        return [(run.data.params, run.data.metrics["score"]) for run in shown.children]

    first = story(0, "first")
    assert story(0, "again") == first
    other = story(1, "other")
    assert not any(params == known for params, _ in other for known, _ in first)


@pytest.mark.thorough
@pytest.mark.usefixtures("tested_untraced")
def test_an_objective_to_maximise(search, store):
    overrides = ["strategy.max_trials=3", "training.epochs=2", "objective.name=val_accuracy"]
    result = search(*SMALL, *overrides, "objective.direction=max")
    shown = Shown(store, "digits")
    scores = [max(value for _, value in fit.curves()["val_accuracy"]) for fit in FITS]
    assert [run.data.metrics["score"] for run in shown.children] == scores
    curve = shown.curves(shown.parent)["best_score"]
    assert curve == list(enumerate(accumulate(scores, max), start=1))
    assert result.history.evaluation.trial == f"{scores.index(max(scores)):04}"
    version = shown.client.get_model_version_by_alias(f"digits-{__name__}.build_small", "best")
    assert version.tags["pipeline.test_metric"] == "accuracy"


@pytest.mark.thorough
@pytest.mark.usefixtures("tested_untraced")
def test_nothing_is_registered_if_it_shall_not(search, store):
    search(*SMALL, "strategy.max_trials=1", "training.epochs=1", "tracking.registered_model=null")
    shown = Shown(store, "digits")
    assert shown.client.search_registered_models() == []
    assert len(shown.parent.outputs.model_outputs) == 1


@pytest.mark.sampled("True")
@pytest.mark.parametrize("given", [True, False])
def test_the_store_is_where_mlflow_looks(store, tmp_path, monkeypatch, given):
    """`MLFLOW_TRACKING_URI`, or what plain `mlflow ui` shows; nothing else is left behind."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work if given else tmp_path)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    report = [NO_REPORT] if given else []
    few = ["strategy.max_trials=1", "training.epochs=1", "verbose=0"]
    run_search(compose_config([*SMALL, *few, *report]))
    assert Shown(store, "digits").statuses == ["FINISHED"] * 2
    searches = work if given else tmp_path
    assert {path.name for path in tmp_path.iterdir()} - {"work", "outputs"} == {
        "mlflow.db",
        "mlruns",
    }
    assert [path.name for path in (searches / "outputs").iterdir()] == ["searches"]
    assert [path.name for path in work.iterdir()] == (["outputs"] if given else [])


@pytest.mark.usefixtures("tested_untraced")
def test_an_epoch_is_in_mlflow_before_the_next_one_ends(search, store):
    callback = f"+callbacks.impatient={{_target_: {__name__}.Impatient, uri: '{store}'}}"
    search(*SMALL, "strategy.max_trials=1", "training.epochs=4", callback)
    assert Impatient.shown == [True] * 3


@pytest.mark.thorough
@pytest.mark.usefixtures("tested_untraced")
def test_an_interrupted_search_is_continued_without_a_trace(search, store, tmp_path):
    overrides = [*SMALL, "strategy.max_trials=3", "training.epochs=3"]
    interruption = f"+callbacks.interruption._target_={__name__}.Interruption"
    with pytest.raises(KeyboardInterrupt):
        search(*overrides, interruption)
    shown = Shown(store, "digits")
    assert shown.statuses == ["KILLED", "FINISHED", "KILLED"]
    assert shown.parent.data.tags["pipeline.status"] == "INTERRUPTED"

    search(*overrides, interruption, "resume=must")
    continued = Shown(store, "digits")
    assert continued.id == shown.id
    assert continued.statuses == ["FINISHED"] * 4
    assert len(FITS) == 4  # the second trial twice
    for run, fit in zip(continued.children, [FITS[0], *FITS[2:]], strict=True):
        assert fit.curves().items() <= continued.curves(run).items()
    assert [step for step, _ in continued.curves(continued.parent)["best_score"]] == [1, 2, 3]
