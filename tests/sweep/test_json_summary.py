"""`--json`: one line of valid JSON for each search, however it ends, and nothing else."""

import json
import math
import subprocess
import sys

import pytest

from pipeline.journal.callbacks import Status
from pipeline.journal.history import read
from pipeline.sweep.json_summary import summarise
from tests.commands import fresh, start_fresh
from tests.records import write
from tests.stories import Story, deliver

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "dataset=wine strategy.max_trials=2 training.epochs=2"


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def told(out):
    """Return what a command printed, as a script reads it."""
    return [json.loads(line, parse_constant=refuse) for line in out.splitlines()]


def test_a_search_that_completed(tmp_path, store):
    ended = fresh(f"--json {TINY} hyperparameters.units=8", tmp_path)
    assert ended.code == 0
    assert "trial 0000  COMPLETED" in ended.err  # it is shown, but elsewhere
    tool = [sys.executable, "-m", "json.tool"]  # a pipe receives JSON alone
    subprocess.run(tool, input=ended.out, capture_output=True, text=True, check=True)
    (summary,) = told(ended.out)
    (folder,) = (tmp_path / "outputs" / "searches").glob("wine-*")
    history = read(folder)
    best = history.ranked()[0]
    assert (summary["status"], summary["exit_code"], summary["message"]) == ("COMPLETED", 0, None)
    assert (summary["search"], summary["directory"]) == (folder.name, str(folder))
    assert (summary["objective"], summary["direction"]) == ("val_loss", "min")
    assert summary["trials"] == {"COMPLETED": 2, "FAILED": 0, "INTERRUPTED": 0, "PRUNED": 0}
    assert summary["best"]["trial"] == best.begin.trial
    assert summary["best"]["score"] == best.end.score
    assert summary["best"]["hyperparameters"] == best.hyperparameters
    assert summary["best"]["hyperparameters"]["units"] == 8
    assert summary["test"] == history.evaluation.metrics
    assert summary["baseline"] == history.evaluation.baseline
    assert summary["baseline"].keys() == summary["test"].keys()
    assert summary["duration_seconds"] > best.end.duration_seconds
    check_mlflow(summary, store)


def check_mlflow(summary, store):
    """What it says of MLflow leads there."""
    from mlflow import MlflowClient

    client = MlflowClient(store)
    run = client.get_run(summary["mlflow"]["run_id"])
    assert run.info.experiment_id == summary["mlflow"]["experiment_id"]
    assert run.data.tags["pipeline.kind"] == "search"
    assert run.data.tags["pipeline.search"] == summary["search"]
    version = client.get_model_version(**summary["registered_model"])
    assert version.run_id == run.info.run_id
    assert version.tags["pipeline.test_score"] == repr(summary["test"]["loss"])
    with open(summary["model_path"], "rb") as file:  # noqa: PTH123 - as a script would
        assert file.read(2) == b"PK"


@pytest.mark.thorough
def test_a_line_for_each_search_of_a_sweep(command, tmp_path, store):
    ended = command(
        "-m --json model=cnn,mlp strategy=random,grid dataset=wine strategy.max_trials=1 "
        "training.epochs=1"
    )
    assert ended.code == 2
    wrong, other, random, grid = told(ended.out)
    assert wrong["message"].startswith("model: CNN needs images")
    assert wrong == {**other, "message": wrong["message"]}
    assert (wrong["status"], wrong["exit_code"], wrong["search"]) == ("FAILED", 2, None)
    assert [random["strategy"], grid["strategy"]] == ["random", "grid"]
    assert random["status"] == grid["status"] == "COMPLETED"
    assert wrong.keys() == random.keys()
    assert "2 searches" in ended.err or "4 searches" in ended.err  # the comparison's table


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--json training.epoch=3", "key 'epoch' of training is not known"),
        ("--json --what seed=1", "--what"),
        ("--json training.epochs=0", "training.epochs"),
        ("--json -m resume=must seed=1,2", "resume=must found no unfinished sweep"),
    ],
)
def test_a_wrong_configuration(command, line, sentence):
    ended = command(line)
    assert ended.code == 2
    (summary,) = told(ended.out)
    assert (summary["status"], summary["exit_code"]) == ("FAILED", 2)
    assert sentence in summary["message"]
    assert summary["message"] in ended.err


def test_a_search_that_failed(command, tmp_path, store):
    (tmp_path / "mine.py").write_text(
        "import keras\n\n\n"
        "class Fail(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        print('printed')\n"
        "        raise RuntimeError('no luck')\n"
    )
    ended = command(f"--json {TINY} +callbacks.fail._target_=mine.Fail")
    assert ended.code == 1
    (summary,) = told(ended.out)
    assert "printed" in ended.err
    assert (summary["status"], summary["exit_code"]) == ("FAILED", 1)
    assert summary["message"] in ended.err
    assert summary["trials"] == {"COMPLETED": 0, "FAILED": 2, "INTERRUPTED": 0, "PRUNED": 0}
    assert (summary["best"], summary["test"], summary["model_path"]) == (None, None, None)
    assert summary["registered_model"] is None
    assert summary["mlflow"]["run_id"]


def test_a_search_that_was_interrupted(command, tmp_path, store):
    (tmp_path / "mine.py").write_text(
        "import keras\n\n\n"
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        raise KeyboardInterrupt\n"
    )
    for line in (f"--json {TINY}", f"--json -m seed=0,1 {TINY}"):
        ended = command(f"{line} +callbacks.stop._target_=mine.Stop")
        assert ended.code == 130
        (summary,) = told(ended.out)
        assert (summary["status"], summary["exit_code"]) == ("INTERRUPTED", 130)
        assert summary["message"] in ended.err
        assert summary["search"]
        assert summary["trials"] == {"COMPLETED": 0, "FAILED": 0, "INTERRUPTED": 1, "PRUNED": 0}


def test_what_is_no_number_is_null(tmp_path):
    for value in (math.nan, math.inf, -math.inf):
        write(tmp_path, *Story().begin().trial().end().evaluate(value).records)
        (summary,) = told(summarise(0, None, tmp_path).line())
        assert summary["test"] == {"accuracy": 0.75, "loss": None}


def test_trials_count_once_by_their_newest_attempt(tmp_path):
    story = Story().begin().start().fail(final=False).start(attempt=1).stop(attempt=1)
    story.start("0001").fail("0001").start("0002").fail("0002", final=False)
    story.start("0003").interrupt("0003").start("0004")
    write(tmp_path, *story.records)
    summary = summarise(130, "interrupted", tmp_path)
    assert summary.trials == {"COMPLETED": 1, "FAILED": 1, "INTERRUPTED": 3, "PRUNED": 0}


def test_why_it_ended_early(tmp_path):
    write(tmp_path, *Story().begin().trial().end(message="max_seconds=5 are over").records)
    assert summarise(0, None, tmp_path).message == "max_seconds=5 are over"


def test_what_mlflow_does_not_have_is_null(tmp_path, store):
    story = Story().begin().trial().end(Status.INTERRUPTED)
    folder = story.write(tmp_path / "search")
    assert summarise(130, "interrupted", folder).mlflow is None
    deliver(folder, store)
    summary = summarise(130, "interrupted", folder)
    assert summary.mlflow["tracking_uri"] == store
    assert summary.registered_model is None


def test_a_folder_in_which_nothing_happened(tmp_path):
    summary = summarise(130, "interrupted", tmp_path)
    assert (summary.search, summary.directory) == (None, str(tmp_path))


def test_a_reader_that_is_gone_changes_nothing(tmp_path):
    process = start_fresh("--json training.epoch=3", tmp_path)
    process.stdout.close()
    assert process.wait() == 2
    assert process.stderr.read().startswith("error: key 'epoch' of training is not known")
    process.stderr.close()
