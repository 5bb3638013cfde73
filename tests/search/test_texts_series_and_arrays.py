"""Texts, series and arrays go through a whole search by the command, and are served raw."""

import json

import mlflow
import numpy as np
import pandas as pd
import pytest

from pipeline import load_search
from pipeline.journal.history import read

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "training.epochs=2 strategy.max_trials=1 hyperparameters.units=16"


@pytest.fixture
def search(command, tmp_path, store):
    def run(line):
        ended = command(f"{line} {TINY}")
        assert ended.code == 0, ended.out + ended.err
        (folder,) = tmp_path.glob("outputs/searches/*")
        return ended.out, read(folder), folder

    return run


def test_a_search_of_texts(search, tmp_path, store):
    for name in ("good", "bad"):
        (tmp_path / "reviews" / name).mkdir(parents=True)
        for number in range(20):
            text = f"this is a {name} film, number {number}"
            (tmp_path / "reviews" / name / f"{number}.txt").write_text(text)
    out, history, folder = search("dataset=text dataset.path=reviews model=text")
    assert "40 texts of" in out
    assert "TextVectorization" not in out
    assert set(history.evaluation.metrics) == {"loss", "accuracy"}
    served = mlflow.pyfunc.load_model("models:/reviews-text@best")
    raw = np.array(["a good film", "a bad film", ""], dtype=object)
    answers = served.predict(raw)
    assert answers.shape == (3, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    assert set(load_search(folder).predict(raw)) <= {"good", "bad"}


def test_a_search_of_a_series(search, tmp_path):
    rows = np.arange(120)
    pd.DataFrame({"wave": np.sin(rows / 5), "rows": rows}).to_csv(tmp_path / "wave.csv")
    line = "dataset=series dataset.path=wave.csv dataset.target=wave dataset.window=8 "
    _, history, folder = search(f"{line} dataset.horizon=3 model=sequence 'dataset.inputs=[wave]'")
    errors = json.loads((folder / "evaluation" / "errors.json").read_text())
    assert list(errors["targets"]) == ["wave+1", "wave+2", "wave+3"]
    assert errors["mae"] == pytest.approx(history.evaluation.metrics["mae"], rel=1e-4)


@pytest.mark.thorough
def test_a_search_of_several_targets_of_a_series(search, tmp_path):
    rows = np.arange(120)
    pd.DataFrame({"sin": np.sin(rows / 5), "cos": np.cos(rows / 5)}).to_csv(tmp_path / "w.csv")
    line = "dataset=series dataset.path=w.csv 'dataset.target=[sin,cos]' dataset.window=8 "
    _, history, folder = search(f"{line} dataset.horizon=2 model=sequence dataset.inputs=[sin,cos]")
    errors = json.loads((folder / "evaluation" / "errors.json").read_text())
    assert list(errors["targets"]) == ["sin+1", "cos+1", "sin+2", "cos+2"]
    assert set(history.evaluation.metrics) == {"loss", "mae"}


def test_a_search_of_arrays_that_stay_in_their_file(search, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.datasets.array_source._IN_MEMORY", 0)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.integers(0, 100, (60, 6, 6), dtype=np.uint8) + 100 * y[:, None, None].astype(np.uint8)
    np.savez(tmp_path / "spots.npz", x=x, y=y)
    _, history, _ = search("dataset=arrays dataset.path=spots.npz model=mlp")
    assert set(history.evaluation.metrics) == {"loss", "accuracy"}
