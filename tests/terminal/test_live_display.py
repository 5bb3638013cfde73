"""The live display in a terminal, line by line and at every moment."""

import pytest

from tests.processes import NO_REPORT, ROOT
from tests.screen import Terminal

SEARCH = """
import time
from dataclasses import replace
from rich.console import Console
from pipeline.journal.callbacks import Status
from pipeline.search.interruption import Interruption
from pipeline.terminal.progress import Progress
from tests.terminal.test_progress import END, SEARCH, epoch_end, failed, tell
from tests.terminal.test_progress import trial_begin, trial_end

pause, epochs = {pause}, {epochs}
interruption = Interruption(tells=False)
progress = Progress(Console(), 1, interruption.requested)
with interruption.awaited():
    try:
        tell(progress, replace(SEARCH, total_trials=4, total_epochs=4 * epochs))
        for done in range(0, 201, 50):
            progress.on_features(done, 200)
            time.sleep(0.1)
        for trial in ("0000", "0001", "0002", "0003"):
            tell(progress, trial_begin(trial, epochs=epochs, time=time.time()))
            if trial in ("0001", "0002"):
                tell(progress, failed(trial, message="MemoryError: " + 90 * "x"))
                continue
            for epoch in range(epochs):
                time.sleep(pause)
                logs = {{"val_loss": 1 / (epoch + 1), "accuracy": 0.5, "val_accuracy": 0.5}}
                tell(progress, epoch_end(trial, epoch, time=time.time(), **logs))
                if interruption.requested():
                    raise KeyboardInterrupt
            tell(progress, trial_end(trial, 0.1))
        tell(progress, END)
    except KeyboardInterrupt:
        tell(progress, replace(END, status=Status.INTERRUPTED, message="interrupted"))
        raise
    finally:
        progress.close()
"""
LABELS = ("best  ", "trial  ", "curve  ", "frozen  ", "failed  0", "ends  ")
ASCII = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.fixture
def shown(tmp_path):
    """Starts a search that trains nothing in a terminal."""
    terminals = []

    def show(columns, *, pause=0.1, epochs=5, environment=None):
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        program += SEARCH.format(pause=pause, epochs=epochs)
        how = {"columns": columns, "directory": tmp_path, "environment": environment}
        terminals.append(Terminal("-c", program, **how))
        return terminals[-1]

    yield show
    for terminal in terminals:
        terminal.close()


def check_whole(terminal):
    """Nothing of the display was left behind or torn at any moment, and nothing is left at last."""
    for look in terminal.looks:
        for label in LABELS:
            assert sum(line.startswith(label) for line in look) <= 1, "\n".join(look)
    last = terminal.lines()
    assert not any(line.startswith(LABELS) or line.endswith(" left") for line in last), last
    assert terminal.screen.cursor.x == 0
    assert not terminal.screen.cursor.hidden


@pytest.mark.parametrize(
    ("columns", "environment"), [(80, {}), (40, {}), (80, ASCII)], ids=["80", "40", "ascii"]
)
def test_the_display_is_whole_and_leaves_nothing(shown, columns, environment):
    terminal = shown(columns, environment=environment)
    terminal.read_until(lambda text: "frozen  features of " in text)
    drawn = "#" if environment else "█"
    awaited = ("trial   0003", f"curve   {drawn}", "        0002  MemoryError")
    text = terminal.read_until(lambda text: all(part in text for part in awaited))
    begins = ("failed  0001  ", "        0002  ")
    failures = [line for line in text.splitlines() if line.startswith(begins)]
    assert [line[:14] for line in failures] == [*begins]
    cut = "..." if environment else "…"
    assert all(len(line) == columns and line.endswith(cut) for line in failures)
    assert "best    val_loss 0.1" in text
    assert terminal.end() == 0
    check_whole(terminal)
    # One line a trial stays.
    told = " ".join(terminal.lines())
    for number, status in enumerate(("COMPLETED", "FAILED", "FAILED", "COMPLETED")):
        assert told.count(f"trial 000{number}  {status}") == 1
    assert "search COMPLETED  2 trials completed, 2 failed" in told


@pytest.mark.parametrize("columns", [80, 40])
def test_ctrl_c_leaves_a_clean_terminal(shown, columns):
    terminal = shown(columns, pause=1.0)  # to be drawn, however busy the machine is
    terminal.read_until(lambda text: "curve   █" in text)
    terminal.press("\x03")
    terminal.read_until(lambda text: "ends    after this epoch" in text)
    assert terminal.end() != 0
    check_whole(terminal)
    assert "search INTERRUPTED" in " ".join(terminal.lines())
    assert not any("^C" in line for line in terminal.lines())


def test_a_second_ctrl_c_ends_it_at_once(shown):
    terminal = shown(80, pause=60.0, epochs=1)
    terminal.read_until(lambda text: "trial  " in text)
    terminal.press("\x03")
    terminal.read_until(lambda text: "ends    after this epoch" in text)
    terminal.press("\x03")
    assert terminal.end() != 0
    check_whole(terminal)


def test_ctrl_c_in_a_search(tmp_path, store):
    search = ("training.epochs=1000", "callbacks={}", NO_REPORT)
    terminal = Terminal(*search, directory=tmp_path, forked=True)
    try:
        terminal.read_until(lambda text: "curve   █" in text)
        terminal.press("\x03")
        assert terminal.end() == 130
    finally:
        terminal.close()
    check_whole(terminal)
    assert terminal.lines()[:2] == ["Loading the dataset digits", "Trying the model mlp"]
    told = " ".join(terminal.lines())
    assert "search INTERRUPTED  0 trials completed" in told
    assert told.count("trial 0000  INTERRUPTED") == 1
    assert told.endswith("interrupted; the same command continues this search")
    assert "once more" not in told


def test_the_first_line_comes_before_keras(tmp_path):
    terminal = Terminal("-m", "pipeline", "strategy=grid", "dataset=wine", directory=tmp_path)
    try:
        terminal.read_until(lambda text: text.endswith("Keras for grid on wine with mlp"))
        assert not list(tmp_path.iterdir())
    finally:
        terminal.close()
