"""The example notebook is executed as it stands; what it searched is then loaded in every way."""

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from nbclient import NotebookClient
from sklearn.datasets import load_digits

import pipeline
from pipeline import load_search, run_search
from pipeline.configuration.config import ConfigError
from pipeline.journal.history import read
from pipeline.report.__main__ import main
from pipeline.tracking.retrieval import trial_runs
from tests import records
from tests.processes import ENVIRONMENT
from tests.stories import runs

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "first_search.ipynb"


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_store) -> Path:
    """The folder that the notebook is run in."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def cells(project) -> list:
    """The notebook's code cells, executed in a kernel of their own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # it is stored without
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(project)}})
    client.execute(env={**ENVIRONMENT, "KERAS_HOME": str(project / "keras")})
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def folder(cells, project) -> Path:
    """The folder of the notebook's search."""
    (journal,) = project.glob("outputs/searches/*/journal.jsonl")
    return journal.parent


@pytest.fixture
def run(folder, project) -> tuple[str, str]:
    """The run of the notebook's search and its store; the folder is gone."""
    uri = f"sqlite:///{project}/mlflow.db"
    folder.rename(project / "gone")
    yield runs(uri)["digits-mlp-random"].info.run_id, uri
    (project / "gone").rename(folder)


def shown(cell, kind) -> list[str]:
    """What a cell displays of a kind, in order."""
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


@pytest.mark.thorough
def test_every_cell_runs_and_shows_itself(cells, folder):
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    streams = [output for cell in cells for output in cell.outputs if "name" in output]
    assert {output.name for output in streams} == {"stdout"}  # no warning, and no noise
    searched, trials, epochs, curves, predicted, loaded = cells

    *lines, summary = shown(searched, "text/plain")
    assert sum(line.startswith("\x1b[1mtrial 000") for line in lines) == 6  # a line each
    assert not any("\x1b[?25l" in line for line in lines)  # no display that draws over itself
    assert summary == f"<Search {folder.name}: completed, 6 trials>"
    for cell in (searched, loaded):
        html = shown(cell, "text/html")[-1]
        assert f"<b>{folder.name}</b> The strategy random searched 5 hyperparameters" in html
        best = re.findall(r"<tr>\s*<td>(\d{4})</td>", html)
        assert best == [attempt.begin.trial for attempt in read(folder).ranked()[:5]]
    assert shown(trials, "text/html")[0].count("<tr") == 6
    assert shown(epochs, "text/html")[0].count("<tr") == 7  # two of them are the header
    (figure,) = shown(curves, "application/vnd.plotly.v1+json")
    assert len(figure["data"]) >= 5
    assert "predicted [0 1 2 3" in "".join(output.text for output in predicted.outputs)


def test_a_search_is_loaded_from_its_folder(folder):
    search = load_search(folder)
    assert search.history == read(folder)
    table = pd.read_csv(folder / "trials.csv", dtype={"trial": str})
    assert search.trials.columns.tolist() == table.columns.tolist()
    assert search.trials.to_csv(index=False) == table.to_csv(index=False)
    attempt = read(folder).attempts[1]
    table = pd.read_csv(folder / "epochs.csv", dtype={"trial": str})
    pd.testing.assert_frame_equal(search.epochs, table, rtol=1e-12)
    own = search.epochs[search.epochs["trial"] == attempt.begin.trial]
    assert own["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert own["val_loss"].tolist() == [epoch.logs["val_loss"] for epoch in attempt.epochs]
    assert search.best_hyperparameters == search.history.ranked()[0].hyperparameters
    assert search.figures["curves"].data
    assert check_model(search) > 0.8


def check_model(search) -> float:
    """Return how many of scikit-learn's digits the best model recognises."""
    digits = load_digits()
    model = search.best_model()
    assert model.evaluate(digits.images[..., None], digits.target, verbose=0)  # it is compiled
    predicted = model.predict(digits.images[..., None], verbose=0).argmax(axis=1)
    return np.mean(predicted == digits.target)


def test_a_search_is_loaded_from_mlflow_alone(run, project, tmp_path, monkeypatch):
    run_id, uri = run
    monkeypatch.chdir(tmp_path)
    search = load_search(run_id, uri)
    kept = load_search(project / "gone")
    for part in ("begin", "attempts", "end", "evaluation"):
        assert getattr(search.history, part) == getattr(kept.history, part)
    pd.testing.assert_frame_equal(search.trials, kept.trials)
    pd.testing.assert_frame_equal(search.epochs, kept.epochs)
    x = load_digits().images[..., None]
    found = [one.best_model().predict(x, verbose=0) for one in (search, kept)]
    np.testing.assert_array_equal(*found)
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_made_from_mlflow_alone(run, tmp_path, monkeypatch, capsys):
    run_id, uri = run
    monkeypatch.chdir(tmp_path)
    assert main([run_id, "--uri", uri]) == 0
    assert capsys.readouterr() == ("report.html\n", "")
    page = (tmp_path / "report.html").read_text()
    names = {item.info.run_id: item.info.run_name for item in MlflowClient(uri).search_runs(["1"])}
    for trial, own in trial_runs(run_id, uri).items():
        assert names[own] == f"trial {trial}"
        assert (
            f'href="http://127.0.0.1:5000/#/experiments/1/runs/{own}?workflowType=machine_learning"'
            in page
        )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere"], 2, "nowhere is neither a search's folder nor the id of a run in MLflow"),
        (["."], 2, ". is no search's folder: it has no journal.jsonl"),
        (["0" * 32], 2, "received 'sqlite:///mlflow.db', but there is no file mlflow.db"),
        (["0" * 32, "--uri", "x"], 2, "received 'x', but MLflow keeps nothing in plain folders"),
        (["0" * 32, "--uri", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1 cannot be read: "),
    ],
)
def test_bad_places(arguments, code, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(f"error: {says}")
    assert list(tmp_path.iterdir()) == []


def test_an_address_goes_with_a_run(tmp_path):
    records.write(tmp_path, records.search_begin())
    with pytest.raises(ConfigError, match="an address goes with a run's id"):
        load_search(tmp_path, "sqlite:///mlflow.db")


def test_a_search_that_has_not_ended(tmp_path):
    values = {"units": "<b>", "norm": "None"}
    one = dataclasses.replace(records.trial_begin("0001"), hyperparameters=values)
    records.write(tmp_path, records.search_begin(search="s<1"), records.trial_begin(), one)
    search = load_search(str(tmp_path))
    assert repr(search) == "<Search s<1: not ended, 2 trials>"
    assert search._repr_html_().startswith("<p><b>s&lt;1</b> ")
    assert search.trials["norm"].isna().tolist() == [True, False]  # a text is no missing value
    assert search.epochs.empty
    assert search.best_hyperparameters is None
    with pytest.raises(ValueError, match=r"^the search s<1 has no best model yet; it is made when"):
        search.best_model()


def test_bad_overrides_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^key 'epoch' of training is not known; did you mean"):
        run_search("strategy=random", "training.epoch=3")
    with pytest.raises(
        ConfigError, match=r"^config_dir must be an existing folder; received mine$"
    ):
        run_search("strategy=random", config_dir="mine")
    assert list(tmp_path.iterdir()) == []


def test_the_import_is_light():
    code = "import sys, pipeline; print(*{'keras', 'mlflow', 'pandas', 'hydra'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True)
    assert (done.stdout.strip(), done.stderr) == (b"", b"")
    with pytest.raises(AttributeError, match="has no attribute 'load'"):
        pipeline.load  # noqa: B018  # reading it is the test
