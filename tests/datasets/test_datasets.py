import dataclasses
import json
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pipeline import datasets
from pipeline.datasets import Dataset, Split, downloads
from pipeline.preprocessing import Standardization
from tests.processes import ROOT

CONF = ROOT / "conf" / "dataset"
SIZES = {"validation_size": 0.2, "test_size": 0.2, "seed": 0}
PLANTS = "height,soil,kind\n" + "".join(
    f"{n if n % 5 else ''},{'clay' if n % 3 else 'sand'},{'fern' if n % 2 else 'moss'}\n"
    for n in range(40)
)


def choice(name, **overrides):
    """Load the choice `name` of the group `dataset`, as the command line does."""
    config = OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), overrides)
    try:
        return instantiate(config)
    except InstantiationException as error:
        raise error.__cause__ or error from None


def rows(split):
    x = split.x
    return np.stack([x[name].astype(str) for name in x], -1) if isinstance(x, dict) else x


@pytest.fixture
def plants(tmp_path):
    path = tmp_path / "plants.csv"
    path.write_text(PLANTS)
    return path


@pytest.mark.parametrize(
    ("name", "count", "shape", "classes"),
    [
        ("digits", 1797, (8, 8, 1), 10),
        ("breast_cancer", 569, (30,), 2),
        ("wine", 178, (13,), 3),
        ("diabetes", 442, (10,), 0),
    ],
)
def test_datasets_that_come_with_scikit_learn(name, count, shape, classes):
    dataset = choice(name)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert dataset.name == name
    assert dataset.task == ("classification" if classes else "regression")
    assert len(dataset.classes) == classes
    assert dataset.input_shape == shape
    assert sum(map(len, splits)) == count
    for split, size in zip(splits, (0.7, 0.15, 0.15), strict=True):
        assert len(split) == pytest.approx(size * count, abs=max(1, classes))
        assert split.x.dtype == np.float32
        assert split.y.dtype == (np.int64 if classes else np.float32)
        assert set(split.y) == set(range(classes)) or not classes
    assert dataset.source == f"sklearn.datasets.load_{name}"


def test_digits_keep_their_pixels_and_diabetes_its_units():
    digits, diabetes = choice("digits"), choice("diabetes")
    assert (digits.train.x.min(), digits.train.x.max()) == (0, 16)
    assert digits.preprocessing.max_value == 16
    assert (diabetes.training_data().y.min(), diabetes.training_data().y.max()) == (25, 346)
    assert diabetes.train.x[:, 0].max() > 60  # years of age


def test_the_split_seed_decides_who_is_tested():
    tests = [choice("wine", seed=seed).test for seed in (0, 0, 1)]
    assert np.array_equal(tests[0].x, tests[1].x)
    assert not np.array_equal(tests[0].x, tests[2].x)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_keras_own_test_split_is_kept(monkeypatch, name):
    def load():
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (150, 28, 28), dtype=np.uint8)
        labels = np.arange(150) % 10
        return (images[:100], labels[:100]), (images[100:], labels[100:])

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", load)
    dataset = choice(name, validation_size=0.2)
    assert np.array_equal(dataset.test.x[..., 0], load()[1][0])
    assert (len(dataset.train), len(dataset.validation)) == (80, 20)
    assert dataset.classes == downloads.CLASSES[name]
    assert dataset.preprocessing.max_value == 255
    assert dataset.source == f"keras.datasets.{name}"


def test_a_table_is_a_dataset(plants, monkeypatch):
    monkeypatch.chdir(plants.parent)
    dataset = choice("csv", path="plants.csv", target="kind", **SIZES)
    assert (dataset.name, dataset.source) == ("plants", str(plants))
    assert (dataset.task, dataset.classes) == ("classification", ("fern", "moss"))
    assert dataset.input_shape == (2,)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [24, 8, 8]
    assert list(dataset.train.x) == ["height", "soil"]


def test_a_table_of_quantities_is_a_regression(plants):
    plants.write_text(PLANTS.replace("\n,", "\n0,"))
    dataset = choice("csv", path=str(plants), target="height", drop=["kind"])
    assert (dataset.task, dataset.classes, dataset.input_shape) == ("regression", (), (1,))
    assert dataset.train.y.dtype == np.float32


def test_training_data_is_train_and_validation(plants):
    for dataset in (choice("wine"), choice("csv", path=str(plants), target="kind", **SIZES)):
        joined = dataset.training_data()
        expected = [rows(dataset.train), rows(dataset.validation)]
        assert np.array_equal(rows(joined), np.concatenate(expected))
        assert np.array_equal(joined.y, np.concatenate([dataset.train.y, dataset.validation.y]))


def test_keras_trains_and_evaluates_on_a_table_as_it_is(plants):
    dataset = choice("csv", path=str(plants), target="kind", **SIZES)
    inputs, features = dataset.inputs()
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features))
    model.compile("adam", "sparse_categorical_crossentropy")
    validation = (dataset.validation.x, dataset.validation.y)
    model.fit(dataset.train.x, dataset.train.y, validation_data=validation, verbose=0)
    assert np.isfinite(model.evaluate(dataset.test.x, dataset.test.y, verbose=0))


def test_datasets_survive_pickle(plants):
    for dataset in (choice("digits"), choice("csv", path=str(plants), target="kind")):
        copy = pickle.loads(pickle.dumps(dataset))
        assert copy.digest == dataset.digest
        assert np.array_equal(rows(copy.test), rows(dataset.test))
        first, second = (
            keras.Model(*d.inputs()).predict(d.test.x, verbose=0) for d in (dataset, copy)
        )
        assert np.array_equal(first, second)


def test_the_digest_stands_for_the_content(plants):
    digest = choice("csv", path=str(plants), target="kind").digest
    other = plants.with_name("copy.csv")
    other.write_text(PLANTS)
    assert choice("csv", path=str(other), target="kind").digest == digest
    other.write_text(PLANTS.replace("clay", "loam"))
    changed = [
        choice("csv", path=str(other), target="kind"),
        choice("csv", path=str(plants), target="kind", seed=1),
        choice("csv", path=str(plants), target="kind", test_size=0.2),
        choice("csv", path=str(plants), target="soil"),
    ]
    assert len({digest, *(dataset.digest for dataset in changed)}) == 5


def test_the_digest_is_the_same_in_every_process(plants):
    code = (
        "import sys; from pipeline import datasets as d;"
        "sizes = dict(validation_size=0.15, test_size=0.15, seed=0);"
        "table = dict(task=None, drop=[], categorical=[], text=[], max_tokens=9, weight=None,"
        "group=None, time=None, keep=[], separator=None);"
        "print(d.digits(**sizes).digest);"
        "print(d.csv(path=sys.argv[1], target='kind', **table, **sizes).digest)"
    )
    command = [sys.executable, "-c", code, plants]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [choice("digits").digest, choice("csv", path=str(plants), target="kind").digest]
    assert run.stdout.split() == expected


def test_information_for_mlflow_is_json(plants):
    digits, table = choice("digits"), choice("csv", path=str(plants), target="kind", **SIZES)
    for dataset in (digits, table):
        assert json.loads(json.dumps(dataset.info())) == dataset.info()
    assert digits.info()["source_type"] == "code"
    assert table.info()["source_type"] == "local"
    assert table.info()["digest"] == table.digest
    assert table.info()["profile"] == {
        "task": "classification",
        "classes": ["fern", "moss"],
        "rows": {"train": 24, "validation": 8, "test": 8},
        "rows_of_classes": {"train": [12, 12], "validation": [4, 4], "test": [4, 4]},
        "columns": [
            {"name": "height", "kind": "number", "missing": 8, "least": 1.0, "greatest": 39.0},
            {"name": "soil", "kind": "category", "missing": 0, "categories": 2},
            {"name": "kind", "kind": "target", "missing": 0, "classes": 2},
        ],
    }


@pytest.mark.parametrize(
    ("name", "overrides", "error", "sentence"),
    [
        ("digits", {"test_size": 2}, ValueError, "test_size must be a fraction"),
        ("digits", {"validation_size": 0.9}, ValueError, "must be below 1"),
        ("wine", {"seed": "x"}, ValueError, "seed must be an integer, received 'x'"),
        ("mnist", {"validation_size": 1}, ValueError, "validation_size must be a fraction"),
        ("csv", {"path": "/absent.csv"}, FileNotFoundError, r"no table at /absent\.csv"),
        ("csv", {"target": "colour"}, ValueError, "target 'colour' is not a column of"),
        ("csv", {"drop": ["colour"]}, ValueError, r"drop lists \['colour'\]"),
        ("csv", {"target": "height"}, ValueError, "8 of 40 rows have no value in the target"),
        ("csv", {"target": "soil", "task": "regression"}, ValueError, "must hold numbers"),
    ],
)
def test_bad_input_is_named(plants, name, overrides, error, sentence):
    table = {"path": str(plants), "target": "kind"} if name == "csv" else {}
    with pytest.raises(error, match=sentence):
        choice(name, **{**table, **overrides})


def test_infinite_numbers_in_a_table_are_named(plants):
    plants.write_text(PLANTS.replace("\n7,", "\ninf,").replace("\n8,", "\n1e39,"))
    with pytest.raises(ValueError, match=r"column 'height' has [12] infinite values"):
        choice("csv", path=str(plants), target="kind")


def test_a_target_of_one_class_is_named(plants):
    plants.write_text(PLANTS.replace("fern", "moss"))
    with pytest.raises(ValueError, match=r"at least two classes, received \['moss'\]"):
        choice("csv", path=str(plants), target="kind")


@pytest.mark.parametrize(
    ("task", "y", "classes", "sentence"),
    [
        ("regression", [0, np.nan], (), "the targets have 1 NaN or infinite values"),
        ("classification", [0, 2], ("a", "b"), "class indices from 0 to 1, received 0 to 2"),
        ("classification", [0, 0], ("a",), r"at least two classes, received \['a'\]"),
    ],
)
def test_a_users_own_dataset_is_checked(task, y, classes, sentence):
    x = np.zeros((2, 3), np.float32)
    split = Split(x, np.array(y))
    with pytest.raises(ValueError, match=sentence):
        Dataset("mine", task, split, split, split, classes, "me", Standardization.fit(x))


def test_a_changed_copy_has_its_own_digest():
    dataset = choice("wine")
    smaller = dataclasses.replace(dataset, train=dataset.validation)
    assert smaller.digest != dataset.digest


def test_importing_is_light():
    code = "import sys, pipeline.datasets; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"keras", "tensorflow", "mlflow", "sklearn", "pandas", "scipy", "PIL"}
    assert not heavy & set(run.stdout.split())


def test_every_choice_of_the_group_states_every_argument():
    for file in CONF.glob("*.yaml"):
        stated = OmegaConf.load(file)
        loader = getattr(datasets, file.stem)
        assert stated.pop("_target_") == f"pipeline.datasets.{file.stem}"
        assert set(stated) == set(loader.__annotations__) - {"return", "tell"}
        assert set(loader.__kwdefaults__ or ()) <= {"tell"}
