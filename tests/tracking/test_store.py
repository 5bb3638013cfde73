import time

import pytest
from mlflow import MlflowClient

from pipeline.configuration.secrets import hide, redact
from pipeline.tracking import check_uri, viewing
from pipeline.tracking.addresses import describe_error, resolve
from pipeline.tracking.store import TrackingError, connect
from tests.stories import Story, deliver, runs


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("", "received '', but MLflow keeps nothing in plain folders"),
        ("./mlruns", "received './mlruns', but MLflow keeps nothing in plain folders"),
        ("mlruns", "`mlflow migrate-filestore`"),
        ("file:///tmp/mlruns", "received 'file:///tmp/mlruns', but MLflow keeps nothing"),
        ("foo://host", "whose scheme 'foo' is unknown"),
        ("localhost:5000", "whose scheme 'localhost' is unknown"),
        ("databricks", "whose scheme 'databricks' is unknown"),
        ("http://", "no address of a server"),
        ("http:/localhost:5000", "whose scheme 'http' is unknown"),
        ("http://host:port", "no address of a server"),
        (
            "http://host/?token=1",
            r"received 'http://host/\?\*\*\*', which is no address of a server",
        ),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///.", "which cannot be written: Is a directory"),
        ("sqlite:////proc/nowhere/mlflow.db", "No such file or directory"),
        ("sqlite:///text.txt", "text.txt is not a database"),
        ("sqlite:///text.txt/mlflow.db", "text.txt' exists|File exists|Not a directory"),
        ("mysql+nonsense://host/db", "no database's address"),
        ("postgresql://u:secret@host/db", "needs the Python package psycopg"),
    ],
)
def test_bad_addresses(uri, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("this is no database, however one looks at it" * 100)
    started = time.monotonic()
    with pytest.raises(ValueError, match=says) as caught:
        check_uri(uri)
    message = str(caught.value)
    assert "\n" not in message
    assert "sqlite:///mlflow.db" in message
    assert "http://host:port" in message
    assert "secret" not in message
    assert time.monotonic() - started < 5
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///mlflow.db",
        "sqlite:///new/folder/mlflow.db",
        "http://127.0.0.1:1",
        "https://me:secret@example.invalid/mlflow",
    ],
)
def test_good_addresses(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_uri(uri, "digits")
    assert list(tmp_path.iterdir()) == []


def test_two_searches_that_create_the_experiment_at_once(store, monkeypatch):
    experiment = connect(store, "digits").experiment
    find, answers = MlflowClient.get_experiment_by_name, [None]  # the other was not there yet
    monkeypatch.setattr(
        MlflowClient,
        "get_experiment_by_name",
        lambda *arguments: answers.pop() if answers else find(*arguments),
    )
    assert connect(store, "digits").experiment == experiment
    assert answers == []


def test_a_deleted_experiment(store, tmp_path):
    experiment = connect(store, "digits").experiment
    check_uri(store, "digits")
    MlflowClient(store).delete_experiment(experiment)
    with pytest.raises(
        TrackingError, match=r"'digits' .* was deleted; restore it with `mlflow exp"
    ):
        check_uri(store, "digits")
    with pytest.raises(TrackingError, match="was deleted"):
        deliver(Story().begin().write(tmp_path / "s1"), store)


def test_an_experiment_that_only_a_server_can_fill(store):
    MlflowClient(store).create_experiment("digits", "mlflow-artifacts:/1")
    with pytest.raises(ValueError, match="was created by an MLflow server"):
        check_uri(store, "digits")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:////data/me@home/mlflow.db", "sqlite:////data/me@home/mlflow.db"),
        ("http://host:5000/path", "http://host:5000/path"),
        ("https://me:secret@host:5000/path", "https://***@host:5000/path"),
        ("https://token@host", "https://***@host"),
        ("https://host/?token=secret#x", "https://host/?***"),
        ("postgresql+psycopg://u:s/e@c?r#et@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql://host/db?user=me&password=p@ss", "postgresql://***@ss"),
        ("me:secret@host", "me:***@host"),
        ("https:/me:secret@host", "https:/***@host"),
        ("", ""),
    ],
)
def test_redact(uri, shown):
    assert redact(uri) == shown
    assert redact(shown) == shown


def test_errors_are_told_without_secrets():
    uri = "http://me:p%40ss@127.0.0.1:1"
    with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
        MlflowClient(uri).get_experiment_by_name("digits")
    told = describe_error(uri, caught.value)
    assert "p%40ss" not in told
    assert "p@ss" not in told
    assert told == "http://***@127.0.0.1:1 does not answer: Connection refused"
    assert hide(uri, "password p@ss of me") == "password *** of ***"
    assert hide("sqlite:///mlflow.db", "as it is") == "as it is"
    assert describe_error("sqlite:///mlflow.db", TimeoutError()) == "TimeoutError"


def test_relative_files_mean_the_same_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert resolve("sqlite:///a b/m.db?timeout=9") == f"sqlite:///{tmp_path}/a b/m.db?timeout=9"
    assert resolve("http://host") == "http://host"


def test_artifacts_are_beside_the_file(empty_store, tmp_path, monkeypatch):
    place = tmp_path / "with space & 100%"
    (place / "elsewhere").mkdir(parents=True)
    (place / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(place / "elsewhere")
    uri = "sqlite:///../mlflow.db"
    deliver(Story().begin().start().fail().end().write(tmp_path / "s1"), uri)
    run = runs(uri)["trial 0000"]
    assert (place / f"mlruns/digits/{run.info.run_id}/artifacts/traceback.txt").is_file()
    assert list((place / "elsewhere").iterdir()) == []
    experiment = MlflowClient(resolve(uri)).get_experiment_by_name("digits")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_viewing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert viewing("sqlite:///mlflow.db") == "mlflow ui"
    assert viewing(f"sqlite:///{tmp_path}/mlflow.db") == "mlflow ui"
    assert viewing("sqlite:///x.db") == "mlflow ui --backend-store-uri sqlite:///x.db"
    assert viewing("http://me:secret@host") == "http://***@host"
    page = "/#/experiments/7/runs?workflowType=machine_learning"
    assert viewing("http://host:5000/", "7") == f"http://host:5000{page}"
    opened = f"mlflow ui, then open http://127.0.0.1:5000{page}"
    assert viewing("sqlite:///mlflow.db", "7") == opened
    (tmp_path / "mlruns/0").mkdir(parents=True)
    (tmp_path / "mlruns/0/meta.yaml").touch()  # then MLflow's default is that folder
    assert viewing("sqlite:///mlflow.db") == "mlflow ui --backend-store-uri sqlite:///mlflow.db"
