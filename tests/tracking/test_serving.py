"""The README's `mlflow models serve`, after a real search."""

import keras
import numpy as np
import pandas as pd
import pytest

from pipeline.configuration.composition import compose_config
from pipeline.search import components
from tests.commands import alone
from tests.processes import free_port, post, running
from tests.search.test_search import write_table

BUDGET = "strategy.max_trials=1 training.epochs=1"


def ask(name, directory, *requests) -> list[np.ndarray]:
    """Serve a model as the README says; return its predictions for each request."""
    port = str(free_port())
    command = ["mlflow", "models", "serve", "-m", f"models:/{name}@best", "--env-manager", "local"]
    url = f"http://127.0.0.1:{port}"
    with running(*command, "--port", port, directory=directory, ready=f"{url}/ping"):
        return [np.array(post(f"{url}/invocations", one)["predictions"]) for one in requests]


def best_model(directory):
    (path,) = directory.glob("outputs/searches/*/best_model.keras")
    return keras.saving.load_model(path)


def test_images(tmp_path, store):
    assert alone(BUDGET, tmp_path).code == 0
    test = components.make_dataset(compose_config().dataset).test
    expected = best_model(tmp_path).predict(test.x[:3], verbose=0)
    rows = test.x[:3].tolist()
    for answer in ask("digits-mlp", tmp_path, {"inputs": rows}, {"instances": rows}):
        np.testing.assert_allclose(answer, expected, rtol=1e-5)


@pytest.mark.thorough
def test_a_table(tmp_path, store):
    """Raw rows go in: numbers, categories, missing values, and a category never seen."""
    table = write_table(tmp_path / "table.csv")
    chosen = ["dataset=csv", f"dataset.path={table}", "dataset.target=kind"]
    assert alone(f"{' '.join(chosen)} {BUDGET}", tmp_path).code == 0
    split = components.make_dataset(compose_config(chosen).dataset).test
    inputs = {name: column[:8].copy() for name, column in split.x.items()}
    inputs["colour"][0], inputs["colour"][1], inputs["age"][2] = "mauve", "", np.nan
    expected = best_model(tmp_path).predict(inputs, verbose=0)
    raw = pd.DataFrame(inputs).astype(object).replace({"": None, np.nan: None})
    requests = [
        {"dataframe_split": {"columns": list(raw), "data": raw.to_numpy().tolist()}},
        {"dataframe_records": raw.to_dict("records")},
        {"inputs": raw.to_dict("list")},
    ]
    for answer in ask("table-mlp", tmp_path, *requests):
        np.testing.assert_allclose(answer, expected, rtol=1e-5)
