"""Which search a command continues, once something about it has changed."""

import re
from dataclasses import replace

import pytest

from pipeline.configuration.composition import compose_config
from pipeline.configuration.config import Resume
from pipeline.journal.callbacks import EvaluationEnd, SearchEnd, Status
from pipeline.journal.history import FILE_NAME, read
from pipeline.search import identity
from pipeline.search.storage import open_folder
from tests.records import search_begin, trial_begin, trial_end, write

MINE = """
import os
import signal

import keras


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if os.path.exists("stop"):
            os.kill(os.getpid(), signal.SIGINT)


def build(hp):
    import helpers

    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(helpers.UNITS)])
    model.add(keras.layers.Dense(3, "softmax"))
    optimizer = keras.optimizers.Adam(hp.Choice("rate", [0.1, 0.01]))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model
"""
MODULES = ',"settings":"{}","modules":{{}}'
LINE = (
    "dataset=wine training.epochs=2 strategy.max_trials=1 model._target_=mine.build "
    "+callbacks.stop._target_=mine.Stop"
)


@pytest.mark.usefixtures("tested_untraced")
def test_a_changed_module_makes_another_search_but_a_name_or_version_does_not(
    command, tmp_path, store, monkeypatch
):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helpers.py").write_text("UNITS = 4\n")
    (tmp_path / "stop").touch()
    with monkeypatch.context() as before:  # modules counted
        before.setattr(identity, "users_modules", lambda *_: {})
        assert command(LINE).code == 130
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    journal = folder / FILE_NAME
    written = journal.read_text()
    assert written.count(MODULES.format(read(folder).begin.fingerprint)) == 1
    journal.write_text(re.sub(MODULES.format(".*?"), "", written))

    renamed = command(f"{LINE} name=other")
    assert renamed.code == 130
    said = f"Continuing {folder.name} at trial 0000, of which 1 epoch is known; name=other alone "
    assert f"{said}makes no other search, resume=never does" in renamed.out
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert [*read(folder).begin.modules] == ["helpers", "mine"]

    (tmp_path / "helpers.py").write_text("UNITS = 5\n")
    (tmp_path / "stop").unlink()
    ended = command(f"{LINE} name=other")
    assert (ended.code, ended.err) == (0, "")
    assert f"helpers changed since {folder.name}, which is not continued" in ended.out
    assert not re.search("^Continuing", ended.out, re.MULTILINE)
    assert len([*folder.parent.iterdir()]) == 2
    assert not read(folder).finished


BEGUN = search_begin(settings="s", modules={"mine": "1", "helpers": "2"})
DONE = (trial_begin(), trial_end(), SearchEnd(Status.COMPLETED, "0000", None, 5.0))
TESTED = EvaluationEnd("0000", True, 2, {"loss": 0.4}, "loss", "best_model.keras")


@pytest.mark.parametrize(
    ("records", "changes", "continued", "said"),
    [
        ((), {}, True, None),
        ((), {"modules": {"mine": "1", "helpers": "3"}}, False, "helpers changed since"),
        ((), {"modules": {"mine": "1"}}, False, "helpers changed since"),
        ((), {"settings": "t"}, False, None),
        # A final training that failed is mended.
        (DONE, {"modules": {"mine": "3"}}, True, "helpers, mine changed since the trials"),
        (DONE, {"modules": {"mine": "3"}, "total_trials": 9}, False, "helpers, mine changed"),
        ((*DONE, TESTED), {"modules": {"mine": "3"}}, False, None),
    ],
)
def test_what_goes_on_in_spite_of_a_changed_module(records, changes, continued, said, tmp_path):
    (tmp_path / BEGUN.search).mkdir()
    write(tmp_path / BEGUN.search, BEGUN, *records)
    begin = replace(BEGUN, **changes)
    with open_folder(tmp_path, begin, Resume.auto) as folder:
        assert (folder.path.name == BEGUN.search) is continued
        assert [sentence.startswith(said or "") for sentence in folder.told] == [True] * bool(said)


def test_what_models_are_compiled_with_counts_if_it_is_given():
    def of(*overrides):
        config = compose_config(["dataset=wine", *overrides])
        return identity.fingerprint(config, "digest", "source", [])

    assert (
        len({of(), of("compile.loss=mae"), of("compile.loss=mse"), of("compile.optimizer=sgd")})
        == 4
    )
    assert of("training.verify=1") == of()
