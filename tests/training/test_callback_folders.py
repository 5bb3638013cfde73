"""What callbacks write: each training in a folder of its own, and all trials in TensorBoard."""

import csv
from pathlib import Path

import keras
import keras_tuner
import pytest
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from pipeline.training.callback_folders import give_folder
from pipeline.training.trainer import Execution, Trainer
from tests.training.test_own_fit import DATASET, ROWS, Ordinary, Own

CALLBACKS = keras.callbacks


@pytest.mark.parametrize(
    ("named", "moved"),
    [
        ("kept/best.keras", "kept/0003/execution1/best.keras"),
        ("best.keras", "0003/execution1/best.keras"),
        ("/kept/{epoch:02d}.keras", "/kept/0003/execution1/{epoch:02d}.keras"),
        ("gs://bucket/best.keras", "gs://bucket/0003/execution1/best.keras"),
    ],
)
def test_a_file(named, moved):
    callback = CALLBACKS.ModelCheckpoint(named)
    give_folder(callback, "0003/execution1")
    assert callback.filepath == moved


@pytest.mark.parametrize("named", ["logs", "logs/"])
def test_a_folder_and_what_is_in_it(named, tmp_path):
    board, backup = CALLBACKS.TensorBoard(named), CALLBACKS.BackupAndRestore(named)
    for callback in (board, backup):
        give_folder(callback, "final")
    assert board.log_dir == backup.backup_dir == "logs/final"
    assert backup._weights_path == "logs/final/latest.weights.h5"
    path = CALLBACKS.BackupAndRestore(tmp_path / "backup")
    give_folder(path, "final")
    assert path.backup_dir == f"{tmp_path}/backup/final"


def test_others_write_where_they_like():
    class Diary(CALLBACKS.Callback):
        filename = "diary.txt"

    diary = Diary()
    give_folder(diary, "final")
    assert diary.filename == "diary.txt"


def make_trainer(hypermodel=None):
    def callbacks():
        return [
            CALLBACKS.TensorBoard("logs", write_graph=False),
            CALLBACKS.ModelCheckpoint("kept/best.keras", save_best_only=True),
            CALLBACKS.CSVLogger("log.csv"),
            CALLBACKS.BackupAndRestore("backup", delete_checkpoint=False),
        ]

    objective = keras_tuner.Objective("val_loss", "min")
    return Trainer(hypermodel or Ordinary(), DATASET, objective, ROWS, callbacks=callbacks)


def train(trainer, folder, *, epochs, seed=1, **values):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = values
    execution = Execution(hyperparameters, seed, 0, epochs, folder=folder)
    return trainer.train(execution, lambda epoch, logs: None)


@pytest.mark.sampled("hypermodel1")
@pytest.mark.parametrize(
    "hypermodel", [None, Own(lambda model, *args, **kwargs: model.fit(*args, **kwargs))]
)
def test_no_training_writes_over_another(hypermodel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = make_trainer(hypermodel)
    results = {
        folder: train(trainer, folder, epochs=epochs, seed=epochs)
        for epochs, folder in enumerate(("0000/execution0", "0000/execution1", "0001"), 1)
    }
    for folder, result in results.items():
        model = keras.saving.load_model(f"kept/{folder}/best.keras")
        validation = DATASET.validation
        loss = model.evaluate(validation.x, validation.y, verbose=0, return_dict=True)["loss"]
        assert loss == pytest.approx(result.score, rel=1e-5)
        with Path(folder, "log.csv").open() as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == [str(e) for e in result.logs]
        assert (tmp_path / "backup" / folder / "latest.weights.h5").exists()
        assert list((tmp_path / "logs" / folder).rglob("events.*"))
    again = train(trainer, "0000/execution0", epochs=2, seed=5)
    assert len(again.logs) == 2  # its backup is not gone on from
    model = trainer.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert int(model.optimizer.iterations) == 4
    assert (tmp_path / "final/log.csv").exists()
    assert not (tmp_path / "kept/final").exists()  # it monitors the validation


def shown(folder):
    """Return what TensorBoard's HParams plugin shows: hyperparameters and sessions, by trial."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    context = backend_context.Context(TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=9)
    request.allowed_statuses.append(api_pb2.STATUS_SUCCESS)
    handler = list_session_groups.Handler(RequestContext(), context, "", request)
    return {
        group.name: (
            {
                name: value.number_value or value.string_value
                for name, value in group.hparams.items()
            },
            sorted(session.name for session in group.sessions),
            {(one.name.group, one.name.tag) for one in group.metric_values},
        )
        for group in handler.run().session_groups
    }


def test_the_hparams_plugin_shows_the_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = make_trainer()
    values = {"rate": 0.5, "kind": "deep", "shape": (3, 3), "tuner/bracket": 1}
    for folder in ("0000/execution0", "0000/execution1"):
        train(trainer, folder, epochs=1, **values)
    train(trainer, "0001/execution0", epochs=1, rate=0.25)
    trials = shown(tmp_path / "logs")
    assert {name: trial[:2] for name, trial in trials.items()} == {
        "0000": (
            {"rate": 0.5, "kind": "deep", "shape": "(3, 3)"},
            ["0000/execution0", "0000/execution1"],
        ),
        "0001": ({"rate": 0.25}, ["0001/execution0"]),
    }
    assert ("validation", "epoch_loss") in trials["0001"][2]
