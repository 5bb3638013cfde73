"""The loader of tables: what a dataset is made of for all that its arguments may say."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from tests.datasets.test_datasets import choice

SIZES = {"validation_size": 0.2, "test_size": 0.2}


@pytest.fixture
def visits(tmp_path):
    """60 visits of 12 patients."""
    random = np.random.default_rng(0)
    number = np.arange(60)
    table = pd.DataFrame(
        {
            "patient": number % 12 + 100,
            "day": (pd.Timestamp("2026-01-01") + pd.to_timedelta(number, "D")).strftime("%Y-%m-%d"),
            "age": random.integers(20, 90, 60),
            "note": random.choice(["pain in knee", "no pain", "knee better"], 60),
            "sure": random.uniform(0.5, 1, 60).round(3),
            "ill": number % 3 == 0,
            "tired": number % 2,
            "pulse": random.normal(70, 9, 60).round(1),
        }
    )
    table.to_csv(tmp_path / "visits.csv", index=False)
    table.assign(day=pd.to_datetime(table["day"])).to_parquet(tmp_path / "visits.parquet")
    table.to_csv(tmp_path / "visits.tsv", index=False, sep="\t")
    return tmp_path


def load(visits, file="visits.csv", **settings):
    return choice("csv", path=str(visits / file), **{**SIZES, **settings})


def splits(dataset):
    return dataset.train, dataset.validation, dataset.test


def all_of(dataset, name):
    return [value for split in splits(dataset) for value in split.x[name].tolist()]


def test_all_formats_give_the_same(visits):
    settings = {"target": "pulse", "text": ["note"], "weight": "sure", "categorical": ["patient"]}
    text = load(visits, **settings)
    tabs = load(visits, "visits.tsv", **settings)
    parquet = load(visits, "visits.parquet", **settings)
    assert (text.name, text.digest, text.columns) == ("visits", tabs.digest, tabs.columns)
    assert parquet.columns == text.columns
    assert parquet.info()["profile"] == text.info()["profile"]
    for name in text.train.x:
        if name != "day":  # which Parquet has with a time of day
            np.testing.assert_array_equal(parquet.train.x[name], text.train.x[name])
    models = [keras.Model(*dataset.inputs()) for dataset in (text, parquet)]
    x, y = (
        model.predict(dataset.test.x, verbose=0)
        for model, dataset in zip(models, (text, parquet), strict=True)
    )
    np.testing.assert_array_equal(x, y)


def test_several_targets(visits):
    labels = load(visits, target=["ill", "tired"])
    assert (labels.task, labels.classes, labels.targets) == ("multilabel", ("ill", "tired"), ())
    assert [split.y.shape for split in splits(labels)] == [(36, 2), (12, 2), (12, 2)]
    numbers = load(visits, target=["pulse", "age"])
    assert (numbers.task, numbers.classes) == ("regression", ())
    assert numbers.targets == ("pulse", "age")
    assert numbers.train.y.dtype == np.float32
    table = pd.read_csv(visits / "visits.csv")
    expected = table.set_index("day").loc[numbers.test.x["day"].tolist(), ["pulse", "age"]]
    np.testing.assert_allclose(numbers.test.y, expected.to_numpy(np.float32))


def test_weights_follow_their_rows(visits):
    dataset = load(visits, target="pulse", weight="sure")
    assert "sure" not in dataset.train.x
    table = pd.read_csv(visits / "visits.csv").set_index("day")
    for split in splits(dataset):
        expected = table.loc[split.x["day"].tolist(), "sure"].to_numpy(np.float32)
        np.testing.assert_array_equal(split.sample_weight, expected)
    assert "sure" in load(visits, target="pulse", weight="sure", keep=["sure"]).train.x


def test_no_group_is_in_two_splits(visits):
    dataset = load(visits, target="ill", group="patient")
    assert "patient" not in dataset.train.x
    patient = pd.read_csv(visits / "visits.csv").set_index("day")["patient"]
    groups = [set(patient[split.x["day"].tolist()]) for split in splits(dataset)]
    assert [len(group) for group in groups] == [7, 3, 2]
    assert len(set.union(*groups)) == 12
    assert [np.mean(split.y) for split in splits(dataset)] == pytest.approx([1 / 3] * 3, abs=0.2)
    kept = load(visits, target="ill", group="patient", keep=["patient"])
    assert sorted(set(kept.train.x["patient"])) == sorted(groups[0])
    assert load(visits, target="ill", group="patient", seed=1).digest != dataset.digest
    assert load(visits, target="ill", group="patient").digest == dataset.digest


def test_what_is_tested_is_the_latest(visits):
    for file in ("visits.csv", "visits.parquet"):
        dataset = load(visits, file, target="ill", time="day", keep=["day"])
        days = [sorted(pd.to_datetime(split.x["day"])) for split in splits(dataset)]
        assert [len(some) for some in days] == [36, 12, 12]
        assert days[0][-1] < days[1][0] < days[1][-1] < days[2][0]
        assert "day" not in load(visits, file, target="ill", time="day").train.x


def test_the_split_seed_is_no_part_of_a_split_by_time(visits):
    digests = {load(visits, target="ill", time="day", seed=seed).digest for seed in (0, 1)}
    assert len(digests) == 1


def test_what_texts_are_taken_for_is_part_of_the_digest(visits):
    made = [
        load(visits, target="ill"),
        load(visits, target="ill", text=["note"]),
        load(visits, target="ill", text=["note"], max_tokens=2),
        load(visits, target="ill", categorical=["day"]),
    ]
    assert len({dataset.digest for dataset in made}) == 4
    assert np.array_equal(made[0].train.x["note"], made[1].train.x["note"])


def test_words_are_those_of_the_training_rows_alone(visits):
    table = pd.read_csv(visits / "visits.csv")
    table.loc[50:, "note"] = "unheard"
    table.to_csv(visits / "visits.csv", index=False)
    dataset = load(visits, target="ill", text=["note"], time="day")
    words = dataset.preprocessing.words["note"]
    assert set(words) == {"pain", "knee", "in", "better", "no"}
    later = load(visits, target="ill", time="day", keep=["day"])
    assert later.preprocessing.dates.first_days == (20454,)


def test_the_facts_are_json(visits):
    dataset = load(
        visits,
        target=["pulse", "age"],
        text=["note"],
        weight="sure",
        group="patient",
        drop=["ill"],
    )
    facts = dataset.info()["profile"]["columns"]
    assert json.loads(json.dumps(facts)) == facts
    assert [(one["name"], one["kind"]) for one in facts] == [
        ("day", "date"),
        ("note", "text"),
        ("tired", "number"),
        ("pulse", "target"),
        ("age", "target"),
        ("sure", "weight"),
        ("patient", "group"),
    ]
    assert facts[0] == {
        "name": "day",
        "kind": "date",
        "missing": 0,
        "least": "2026-01-01",
        "greatest": "2026-03-01",
    }
    assert facts[1]["words"] == 5
    assert facts[-1]["groups"] == 12


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"target": "ill", "max_tokens": 0}, "max_tokens must be an integer of at least 1, .* 0"),
        ({"target": "ill", "max_tokens": True}, "max_tokens must be an integer"),
        ({"target": "ill", "group": "patients"}, "did you mean 'patient'"),
        ({"target": "ill", "separator": ";"}, r"the target 'ill' is not a column"),
        (
            {"target": "pulse", "weight": "note", "time": "note", "task": "multilabel"},
            "'note' cannot be both weight and time",
        ),
        (
            {"target": "note", "task": "regression", "weight": "tired", "time": "ill"},
            "'note' must hold numbers .*; the weights .* '0' in row 1.*; the time column 'ill'",
        ),
        ({"target": "ill", "group": "tired"}, "there are 2 groups for 3 splits"),
        ({"target": "ill", "time": "tired"}, "there are 2 different times for 3 splits"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(visits, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(visits, **settings)
