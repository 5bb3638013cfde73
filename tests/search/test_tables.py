"""Tables of every form go through a whole search by the command, and raw rows are predicted."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.journal.history import read
from pipeline.results import load_search

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "dataset=csv strategy.max_trials=1 training.epochs=20 hyperparameters.learning_rate=0.01"


@pytest.fixture
def search(command, tmp_path):
    """Runs a search of a table, and returns what it said and its folder."""

    def run(path, *settings):
        told = " ".join(f"'dataset.{setting}'" for setting in settings)
        ended = command(f"{TINY} dataset.path={path} {told}")
        assert ended.code == 0, ended.out + ended.err
        (folder,) = tmp_path.glob("outputs/searches/*")
        return ended.out, folder

    return run


def houses(rows=250):
    random = np.random.default_rng(0)
    area = random.uniform(40, 200, rows).round(1)
    built = pd.Timestamp("1950-01-01") + pd.to_timedelta(random.integers(0, 25000, rows), "D")
    age = 2026 - built.year.to_numpy()
    return pd.DataFrame(
        {
            "built": built,
            "area": area,
            "price": (3 * area - 2 * age + 400).round(1),
            "rent": (0.1 * area + 5).round(2),
        }
    )


@pytest.mark.thorough
def test_several_targets_and_dates_of_parquet(search, tmp_path):
    houses().to_parquet(tmp_path / "houses.parquet")
    out, folder = search("houses.parquet", "target=[price,rent]")
    assert folder.name.startswith("houses-mlp-")
    assert "regression of 2 targets, price from" in out
    assert "dates, as year, month, weekday and days since" in out
    errors = json.loads((folder / "evaluation/errors.json").read_text())
    assert errors["targets"]["price"]["r2"] > 0.9
    assert errors["targets"]["rent"]["r2"] > 0.9
    raw = houses().drop(columns=["price", "rent"])
    predicted = load_search(folder).predict(raw)
    assert list(predicted) == ["price", "rent"]
    assert np.corrcoef(predicted["price"], houses()["price"])[0, 1] > 0.95
    texts = raw.assign(built=raw["built"].dt.strftime("%Y-%m-%d"))
    pd.testing.assert_frame_equal(load_search(folder).predict(texts), predicted)


@pytest.mark.thorough
def test_labels_of_columns_of_0_and_1(search, tmp_path):
    table = houses()
    table["cheap"] = (table["price"] < 700).astype(int)
    table["small"] = (table["area"] < 100).astype(int)
    table.drop(columns=["price", "rent"]).to_csv(tmp_path / "houses.csv", index=False)
    _, folder = search("houses.csv", "target=[cheap,small]")
    profile = read(folder).begin.dataset_info["profile"]
    assert (profile["task"], profile["classes"]) == ("multilabel", ["cheap", "small"])
    predicted = load_search(folder).predict(table)
    assert (predicted == table[["cheap", "small"]]).to_numpy().mean() > 0.9


GOOD, BAD = ["great", "lovely", "wonderful"], ["awful", "boring", "dull"]


def test_words_and_weights(search, tmp_path):
    """Half of the reviews are labelled wrongly, and weigh next to nothing."""
    random = np.random.default_rng(0)
    liked = random.random(400) < 0.5
    sure = np.arange(400) % 2 == 0
    reviews = [
        f"A {random.choice(GOOD if good else BAD)} film no. {random.integers(90)}, I'd say!"
        for good in liked
    ]
    table = pd.DataFrame(
        {
            "review": reviews,
            "verdict": np.where(liked == sure, "yes", "no"),
            "sure": np.where(sure, 1.0, 0.001),
        }
    )
    table.to_csv(tmp_path / "films.tsv", sep="\t", index=False)
    out, folder = search("films.tsv", "target=verdict", "text=[review]", "weight=sure")
    assert "texts, a 0/1 column for each of their most frequent words: review (" in out
    assert "weights: sure from 0.001 to 1" in out
    assert read(folder).evaluation.metrics["loss"] < 0.3  # weighted
    seen = pd.DataFrame({"review": ["Great film", "dull, awful!", "WONDERFUL"]})
    assert load_search(folder).predict(seen).tolist() == ["yes", "no", "yes"]


def test_groups_stay_together(search, tmp_path):
    """Each patient's visits are alike: parted at random, the test would be of known patients."""
    random = np.random.default_rng(0)
    patient = np.arange(300) % 30
    table = pd.DataFrame(
        {
            "patient": patient,
            "dose": random.normal(size=300).round(3),
            "trait": random.normal(size=30).round(3)[patient],
            "ill": random.integers(0, 2, 30)[patient],
        }
    )
    table.to_csv(tmp_path / "visits.csv", index=False)
    out, folder = search("visits.csv", "target=ill", "group=patient")
    assert "groups by patient, which is no input: 2" in out
    schema = read(folder).begin.dataset_info["schema"]["mlflow_colspec"]
    assert [column["name"] for column in schema] == ["dose", "trait"]
    facts = read(folder).begin.dataset_info["profile"]["columns"]
    assert facts[-1] == {"name": "patient", "kind": "group", "missing": 0, "groups": 30}
    assert 0.3 < read(folder).evaluation.metrics["accuracy"] < 0.8
