import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import mlflow.keras
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import Model

from pipeline.tracking.delivery import Courier
from pipeline.tracking.position import Position
from pipeline.tracking.store import connect
from tests.stories import (
    EXPERIMENT,
    Flaky,
    Story,
    artifacts,
    deliver,
    description,
    picture,
    points,
    runs,
    save_example,
)

NAME = "digits-mlp"


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    """MLflow falls back to a store in the working directory; nothing may ever use it."""
    place = tmp_path / "working-directory"
    place.mkdir()
    monkeypatch.chdir(place)
    yield
    assert list(place.iterdir()) == []


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A model of arrays."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path_factory.mktemp("model") / "best_model.keras"
    model.save(path)
    return path


@pytest.fixture
def evaluated(tmp_path, model_file):
    """Makes the folder of a search whose best model was tested."""

    def make(search="s1", score=0.25, *, digest="d1", score_name="loss", **changes):
        info = {"digest": digest, "source": "/data/table.csv"}
        story = Story(search=search, dataset_info=info, **changes).begin().trial().end()
        folder = story.evaluate(score, score_name).write(tmp_path / search)
        shutil.copyfile(model_file, folder / "best_model.keras")
        save_example(folder, x=np.arange(12, dtype=np.float32).reshape(3, 4))
        return folder

    return make


def test_the_model_is_logged_and_registered(store, evaluated, model_file):
    said = deliver(evaluated(), store, NAME)
    assert said == "registered digits-mlp version 1; alias best set (test loss 0.25)"
    client = MlflowClient(store)
    parent = runs(store)["digits-mlp-random"]
    shown = points(store, parent)
    assert (shown["test_loss"][0][2], shown["test_accuracy"][0][2]) == (0.25, 0.75)
    files = ["epochs.csv", "evaluation/input_example.npz", "evaluation/report.txt"]
    files += ["journal.jsonl", "trials.csv"]
    assert artifacts(store, parent.info.run_id) == files
    assert "| Test result | accuracy 0.75, loss 0.25" in description(parent)

    version = client.get_model_version_by_alias(NAME, "best")
    assert version.run_id == parent.info.run_id
    assert (
        version.tags.items()
        >= {
            "pipeline.search": "s1",
            "pipeline.dataset_digest": "d1",
            "pipeline.test_metric": "loss",
            "pipeline.test_score": "0.25",
            "pipeline.direction": "min",
        }.items()
    )
    (output,) = parent.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert version.source == logged.artifact_location
    assert logged.tags["mlflow.modelVersions"] == '[{"name": "digits-mlp", "version": 1}]'
    assert (logged.status, logged.source_run_id) == ("READY", parent.info.run_id)

    folder = logged.artifact_location.removeprefix("file://")
    requirements = (Path(folder) / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements] == [
        *("mlflow", "keras", "tensorflow", "numpy", "pandas")
    ]
    signature = Model.load(folder).signature
    assert signature.inputs.inputs[0].shape == (-1, 4)
    assert signature.outputs.inputs[0].shape == (-1, 2)
    x = np.ones((2, 4), np.float32)
    expected = keras.saving.load_model(model_file, compile=False).predict(x, verbose=0)
    np.testing.assert_allclose(mlflow.keras.load_model(folder).predict(x, verbose=0), expected)
    np.testing.assert_allclose(mlflow.pyfunc.load_model(folder).predict(x), expected)
    example = mlflow.pyfunc.load_model(folder).input_example
    np.testing.assert_array_equal(example, np.arange(12).reshape(3, 4))


def test_again_it_changes_nothing(store, evaluated):
    folder = evaluated()
    said = deliver(folder, store, NAME)
    once = picture(store)
    assert deliver(folder, store, NAME) == said
    (folder / "tracking.json").unlink()
    assert deliver(folder, store, NAME) == said
    assert picture(store) == once
    client = MlflowClient(store)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1
    assert len(client.search_logged_models([once_id(store)])) == 1


def once_id(store):
    return MlflowClient(store).get_experiment_by_name(EXPERIMENT).experiment_id


@pytest.mark.thorough
@pytest.mark.parametrize("done", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_broken_off_anywhere_it_is_completed(store, evaluated, monkeypatch, done):
    folder = evaluated()
    client = MlflowClient(store)
    whole = None
    calls = 11  # before, it is not about the model
    while True:
        experiment, name = f"broken-{calls}", f"model-{calls}"
        courier = Courier(folder, store, Position(store, experiment, name), remember=False)
        opened = connect(store, experiment)
        flaky = dataclasses.replace(opened, client=Flaky(client, calls, done=done))
        monkeypatch.setattr("pipeline.tracking.store.connect", lambda *_, s=flaky: s)
        try:
            courier.deliver()
        except ConnectionError:
            pass
        else:
            break
        monkeypatch.setattr("pipeline.tracking.store.connect", connect)
        courier.deliver()
        shown = picture(store, experiment)
        whole = whole or shown
        assert shown == whole
        assert shown["digits-mlp-random"]["outputs"] == 1
        (logged,) = client.search_logged_models([opened.experiment])
        (version,) = client.search_model_versions(f"name = '{name}'")
        assert version.source == logged.artifact_location
        assert client.get_model_version_by_alias(name, "best").version == version.version
        calls += 1
    assert calls > 20


def test_nothing_is_registered_under_no_name(store, evaluated):
    assert deliver(evaluated(), store, None) is None
    assert len(runs(store)["digits-mlp-random"].outputs.model_outputs) == 1
    assert MlflowClient(store).search_registered_models() == []


def holder(store):
    return MlflowClient(store).get_model_version_by_alias(NAME, "best").version


def test_the_alias_moves_only_to_a_better_model(store, evaluated, tmp_path):
    deliver(evaluated("s1", 0.25), store, NAME)
    assert deliver(evaluated("s2", 0.5), store, NAME) == (
        "registered digits-mlp version 2; alias best stays at version 1 "
        "(test loss 0.25, not beaten by 0.5)"
    )
    assert deliver(evaluated("s3", 0.25), store, NAME).endswith("not beaten by 0.25)")
    assert deliver(evaluated("s4", math.nan), store, NAME).endswith("not beaten by nan)")
    assert holder(store) == 1
    assert deliver(evaluated("s5", 0.125), store, NAME) == (
        "registered digits-mlp version 5; alias best moved from version 1 (test loss 0.25 -> 0.125)"
    )
    assert holder(store) == 5
    # What was decided once is not decided again, whoever moved the alias since.
    MlflowClient(store).set_registered_model_alias(NAME, "best", "2")
    (tmp_path / "s5/tracking.json").unlink()
    assert "moved from version 1" in deliver(tmp_path / "s5", store, NAME)
    assert holder(store) == 2


def test_the_alias_moves_up_where_more_is_better(store, evaluated):
    more = {"objective": "val_accuracy", "direction": "max", "score_name": "accuracy"}
    deliver(evaluated("s1", 0.5, **more), store, NAME)
    assert "stays at version 1" in deliver(evaluated("s2", 0.25, **more), store, NAME)
    assert "moved from version 1" in deliver(evaluated("s3", 0.75, **more), store, NAME)


def test_a_loss_that_stands_in_for_the_objective_is_minimised(store, evaluated):
    other = {"objective": "val_f1", "direction": "max"}
    deliver(evaluated("s1", 0.5, **other), store, NAME)
    assert "moved from version 1" in deliver(evaluated("s2", 0.25, **other), store, NAME)


def test_what_cannot_be_compared_stays(store, evaluated):
    deliver(evaluated("s1", 0.25), store, NAME)
    said = deliver(evaluated("s2", 0.125, digest="d2"), store, NAME)
    assert said == (
        "registered digits-mlp version 2; alias best stays at version 1, which was tested on "
        "other data (digest d1), so the two cannot be compared; move it with "
        "MlflowClient().set_registered_model_alias('digits-mlp', 'best', '2')"
    )
    said = deliver(evaluated("s3", 0.9, score_name="accuracy"), store, NAME)
    assert "which was tested by loss instead of accuracy" in said
    assert holder(store) == 1


def test_a_stranger_holds_the_alias(store, evaluated):
    client = MlflowClient(store)
    client.create_registered_model(NAME)
    client.create_model_version(NAME, "file:///somewhere")
    client.set_registered_model_alias(NAME, "best", "1")
    assert "which has no test result of a search" in deliver(evaluated(), store, NAME)
    assert holder(store) == 1


def test_an_extended_search_registers_its_new_model(store, evaluated, tmp_path):
    folder = evaluated(score=0.25)
    deliver(folder, store, NAME)
    story = Story()
    story._times = (1_800_000_000 + n for n in range(100))
    story.begin().trial("0001", 0.25).end(best="0001").evaluate(0.125, trial="0001")
    assert "moved from version 1" in deliver(story.write(folder), store, NAME)
    (folder / "tracking.json").unlink()
    assert "moved from version 1" in deliver(folder, store, NAME)
    assert len(MlflowClient(store).search_model_versions(f"name = '{NAME}'")) == 2
    parent = runs(store)["digits-mlp-random"]
    assert [value for _, _, value in points(store, parent)["test_loss"]] == [0.25, 0.125]


def save_table(folder):
    """Save a model of a table as the datasets make them."""
    age = keras.Input((), name="age", dtype="float32")
    city = keras.Input((), name="city", dtype="string")
    known = keras.ops.stack([keras.ops.where(keras.ops.isnan(age), 40.0, age)], axis=-1)
    lookup = keras.layers.StringLookup(
        vocabulary=["", "Berlin", "Rome"], mask_token=None, output_mode="one_hot", dtype="float32"
    )
    features = keras.ops.concatenate([known, lookup(city)], axis=-1)
    model = keras.Model({"age": age, "city": city}, keras.layers.Dense(1)(features))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(folder / "best_model.keras")
    cities = np.array(["Berlin", "", "Paris"])
    save_example(folder, age=np.array([30, math.nan, 50], np.float32), city=cities)
    return model


def test_a_table(store, evaluated):
    folder = evaluated()
    model = save_table(folder)
    deliver(folder, store, NAME)
    served = mlflow.pyfunc.load_model(location(store))
    ages, cities = [30.0, math.nan, 50.0], ["Berlin", "", "Paris"]
    expected = model.predict(
        {"age": np.array(ages, np.float32), "city": np.array(cities, dtype=object)}, verbose=0
    )
    table = pd.DataFrame({"age": ages, "city": ["Berlin", None, "Paris"], "unused": 1})
    np.testing.assert_allclose(served.predict(table), expected)
    integers = served.predict(pd.DataFrame({"city": ["Rome"], "age": [30]}))
    np.testing.assert_allclose(
        integers, served.predict({"age": np.float32([30]), "city": np.array(["Rome"], object)})
    )
    np.testing.assert_allclose(served.predict(served.input_example), expected)
    columns = served.metadata.signature.inputs
    assert [(item.name, str(item.type)) for item in columns] == [
        ("age", "float32"),
        ("city", "object"),
    ]
    again = mlflow.keras.load_model(location(store))
    assert [item.name for item in again.inputs] == ["age", "city"]


def location(store):
    (output,) = runs(store)["digits-mlp-random"].outputs.model_outputs
    return MlflowClient(store).get_logged_model(output.model_id).artifact_location


OWN = """
import keras
from own_package.layer import Twice

@keras.saving.register_keras_serializable()
def squash(x):
    return keras.ops.tanh(x)

def build(hp):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, activation=squash)(Twice()(inputs)))
    model.compile("sgd", "mse")
    return model
"""
LAYER = """
import keras

@keras.saving.register_keras_serializable()
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""


def test_own_classes_travel_with_the_model(store, evaluated, tmp_path, monkeypatch):
    code = tmp_path / "code"
    (code / "own_package").mkdir(parents=True)
    (code / "own_models.py").write_text(OWN)
    (code / "own_package/__init__.py").touch()
    (code / "own_package/layer.py").write_text(LAYER)
    monkeypatch.syspath_prepend(code)
    folder = evaluated(config={"model": {"_target_": "own_models.build"}})
    import own_models

    model = own_models.build(None)
    model.save(folder / "best_model.keras")
    deliver(folder, store, NAME)
    x = np.ones((2, 4), np.float32)
    expected = model.predict(x, verbose=0)
    place = location(store).removeprefix("file://")
    # Another process, in which nothing of the user's is importable or registered.
    script = (
        f"import mlflow.pyfunc, numpy as np; m = mlflow.pyfunc.load_model({place!r}); "
        "print(m.predict(np.ones((2, 4), np.float32)).tolist())"
    )
    out = run_python(script, tmp_path)
    np.testing.assert_allclose(json.loads(out.splitlines()[-1]), expected, rtol=1e-5)


def run_python(script, directory):
    return subprocess.run(
        [sys.executable, "-c", script], cwd=directory, capture_output=True, text=True, check=True
    ).stdout
