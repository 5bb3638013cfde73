import json
import signal

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from pipeline.tracking import Tracking
from pipeline.tracking.__main__ import main
from pipeline.tracking.delivery import Courier
from tests.stories import EXPERIMENT, Story, picture, runs


@pytest.fixture
def folder(tmp_path):
    """A search whose server was away."""
    return Story().begin().trial().end().write(tmp_path / "s1")


def track(folder, uri, registered_model=None):
    Tracking(folder, uri=uri, experiment=EXPERIMENT, registered_model=registered_model)


def test_the_rest_is_delivered(folder, store, capsys):
    track(folder, store)
    assert main([str(folder)]) == 0
    assert capsys.readouterr() == (f"delivered 6 records to {store}\n", "")
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000"}
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == f"delivered 0 records to {store}\n"


def test_another_store_gets_everything(folder, store, empty_store, tmp_path, monkeypatch):
    track(folder, store)
    assert main([str(folder)]) == 0
    own = (folder / "tracking.json").read_text()
    (tmp_path / "other.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main([str(folder), "--uri", "sqlite:///other.db"]) == 0
    assert picture(f"sqlite:///{tmp_path}/other.db") == picture(store)
    assert (folder / "tracking.json").read_text() == own


def test_a_search_that_never_got_to_tracking(folder, store):
    (folder / "config.yaml").write_text(
        json.dumps({"tracking": {"uri": store, "experiment": "mine", "registered_model": None}})
    )
    assert main([str(folder)]) == 0
    assert MlflowClient(store).get_experiment_by_name("mine") is not None


def test_unreachable(folder, capsys):
    track(folder, "http://127.0.0.1:1")
    assert main([str(folder)]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: 6 records could not be delivered to http://127.0.0.1:1: ")
    assert error.count("\n") == 1


def test_secrets_are_given_again(folder, capsys, monkeypatch):
    uri = "http://me:secret@127.0.0.1:1"
    track(folder, uri)
    assert main([str(folder)]) == 2
    assert "http://***@127.0.0.1:1 has secrets, which are not kept" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert main([str(folder)]) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main([str(folder), "--uri", uri]) == 1
    assert "secret" not in capsys.readouterr().err


def test_wrong_directories(folder, store, tmp_path, capsys):
    for place, says in [
        (tmp_path / "nowhere", "is no search's folder: it has no journal.jsonl"),
        (tmp_path, "is no search's folder"),
        (folder, "has neither tracking.json nor config.yaml"),
    ]:
        assert main([str(place)]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.startswith(f"error: {place} ")
        assert says in error
        assert error.count("\n") == 1
    track(folder, store)
    assert main([str(folder), "--uri", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
    (folder / "tracking.json").write_text("nonsense")
    assert main([str(folder)]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_a_running_search_delivers_itself(folder, store, capsys):
    track(folder, store)
    with FileLock(folder / "lock"):
        assert main([str(folder)]) == 2
    assert "is in use; a running search delivers itself" in capsys.readouterr().err
    assert runs(store) == {}


def test_a_damaged_journal(folder, store, capsys):
    track(folder, store)
    path = folder / "journal.jsonl"
    path.write_text("nonsense\n" + path.read_text())
    assert main([str(folder)]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith("error: ")
    assert "journal.jsonl" in error


def test_ctrl_c(folder, store, capsys, monkeypatch):
    track(folder, store)
    monkeypatch.setattr(Courier, "deliver", lambda courier: signal.raise_signal(signal.SIGINT))
    assert main([str(folder)]) == 130
    assert capsys.readouterr() == ("", "error: interrupted; repeating it delivers the rest\n")
    with FileLock(folder / "lock", timeout=0):
        pass


@pytest.mark.parametrize("offset", [7, 10**6, -1])
def test_a_position_that_the_journal_does_not_have(offset, folder, store):
    """A power cut may take the journal's last lines, which were not forced to the disk yet."""
    track(folder, store)
    position = json.loads((folder / "tracking.json").read_text()) | {"offset": offset}
    (folder / "tracking.json").write_text(json.dumps(position))
    assert main([str(folder)]) == 0
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000"}


@pytest.mark.parametrize("wrong", [{"uri": 5}, {"offset": "x"}, {"experiment": None}])
def test_a_position_of_other_types_is_damaged(wrong, folder, store, capsys):
    track(folder, store)
    position = json.loads((folder / "tracking.json").read_text()) | wrong
    (folder / "tracking.json").write_text(json.dumps(position))
    assert main([str(folder)]) == 2
    assert "is damaged (it has values of other types" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["tracking: {", "garbage", "tracking: {uri: 1}", ""])
def test_a_damaged_configuration(content, folder, capsys):
    (folder / "config.yaml").write_text(content)
    assert main([str(folder)]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert "config.yaml is damaged (" in error
