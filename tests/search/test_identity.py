"""Which search a command continues, once something about it has changed."""

import re

from pipeline.journal.history import FILE_NAME, read
from pipeline.search import identity

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
LINE = (
    "dataset=wine training.epochs=2 strategy.max_trials=1 model._target_=mine.build "
    "+callbacks.stop._target_=mine.Stop"
)


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
    assert ',"modules":{}' in written
    journal.write_text(written.replace(',"modules":{}', ""))

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
