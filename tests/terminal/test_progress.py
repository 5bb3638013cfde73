import io
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.terminal.leaderboard import LeaderboardRow, leaderboard
from pipeline.terminal.progress import Progress

SEARCH = SearchBegin(
    search="digits-mlp-random-3f2a91c0",
    name="digits-mlp-random",
    strategy="random",
    dataset="digits",
    model="mlp",
    task="classification",
    objective="val_loss",
    direction="min",
    fingerprint="",
    sweep=None,
    seed=0,
    executions_per_trial=1,
    total_trials=4,
    total_epochs=40,
    dataset_info={},
    space=[],
    config={},
    overrides=[],
    versions={},
    time=0.0,
)
HYPERPARAMETERS = {"units": 64, "dropout": 0.30000000000000004, "learning_rate": 0.00123456}


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def trial_begin(trial="0001", **fields):
    defaults = {"attempt": 0, "hyperparameters": HYPERPARAMETERS, "lineage": {}}
    defaults |= {"initial_epoch": 0, "epochs": 10, "time": 0.0}
    return TrialBegin(trial=trial, **(defaults | fields))


def epoch_end(trial="0001", epoch=0, execution=0, time=0.0, **logs):
    return EpochEnd(trial, 0, execution, epoch, logs=logs or {"loss": 1}, time=time)


def trial_end(trial="0001", score=0.5, **fields):
    defaults = {"attempt": 0, "status": Status.COMPLETED, "score": score, "best_epoch": 1}
    defaults |= {"metrics": {}, "epochs_trained": 4, "duration_seconds": 2.1, "final": True}
    defaults |= {"message": None, "traceback": None, "time": 0.0}
    return TrialEnd(trial=trial, **(defaults | fields))


def failed(trial="0001", **fields):
    defaults = {"status": Status.FAILED, "message": "ValueError: no units", "traceback": "Trace"}
    return trial_end(trial, None, **(defaults | fields))


END = SearchEnd(status=Status.COMPLETED, best_trial="0001", message=None, time=0.0)
HOOKS = {
    SearchBegin: Progress.on_search_begin,
    TrialBegin: Progress.on_trial_begin,
    EpochEnd: Progress.on_epoch_end,
    TrialEnd: Progress.on_trial_end,
    SearchEnd: Progress.on_search_end,
}


def tell(progress, *records):
    for record in records:
        HOOKS[type(record)](progress, record)


def lines(*records, verbose=1):
    """What a log file receives."""
    console = Console(file=io.StringIO(), width=80, get_time=lambda: 0.0)
    tell(Progress(console, verbose), *records)
    return console.file.getvalue().splitlines()


def screen(progress, width=100):
    """What the live display shows."""
    console = Console(file=io.StringIO(), width=width)
    console.print(progress._display())
    return console.file.getvalue()


@pytest.fixture
def terminal():
    console = Console(
        file=io.StringIO(), width=100, force_terminal=True, get_time=Time(), _environ={}
    )
    progress = Progress(console, verbose=1)
    yield progress
    progress.close()


def test_states_the_search_first():
    assert lines(SEARCH) == [
        "search digits-mlp-random-3f2a91c0  random on digits with mlp  val_loss (min)  "
        "4 trials  40 epochs at most"
    ]


def test_leaves_out_totals_that_are_unknown():
    search = replace(SEARCH, total_trials=None, total_epochs=None)
    assert lines(search)[0].endswith("val_loss (min)")


def test_one_line_a_trial():
    begin, epoch = trial_begin(), epoch_end(val_loss=0.5)
    other = trial_begin("0002", hyperparameters={"rate": 1.0})
    end = trial_end("0002", 0.75, epochs_trained=1, duration_seconds=75)
    assert lines(SEARCH, begin, epoch, trial_end(), other, end, END)[1:] == [
        "trial 0001  COMPLETED  val_loss 0.5 (best so far)  4 epochs  2.1 s  "
        "units=64 dropout=0.3 learning_rate=0.001235",
        "trial 0002  COMPLETED  val_loss 0.75 (best 0.5, trial 0001)  1 epoch  0:01:15  rate=1",
        "search COMPLETED  2 trials completed  0.0 s  best val_loss 0.5 (trial 0001)",
    ]


def test_tells_why_a_trial_failed_and_whether_it_is_retried():
    retried = failed(message="ValueError:\n  [no] units", final=False)
    records = (trial_begin(), retried, trial_begin(attempt=1), failed(attempt=1), END)
    _, first, second, end = lines(SEARCH, *records)
    assert "FAILED     ValueError: [no] units  (attempt 1, will be retried)  4 epochs" in first
    assert "FAILED     ValueError: no units  4 epochs" in second
    assert end == "search COMPLETED  0 trials completed, 1 failed  0.0 s"


def test_says_what_stopped_the_search():
    end = SearchEnd(status=Status.FAILED, best_trial=None, message="3 trials failed.", time=0.0)
    assert lines(SEARCH, end)[1] == "search FAILED  0 trials completed  0.0 s  3 trials failed."


def test_names_the_trial_that_a_promotion_continues():
    begin = trial_begin("0005", lineage={"parent": "0001", "round": 1}, initial_epoch=3)
    assert (
        "  7 epochs after trial 0001  "
        in lines(SEARCH, begin, trial_end("0005", epochs_trained=7))[1]
    )


def test_verbose_0_prints_nothing():
    assert lines(SEARCH, trial_begin(), epoch_end(), failed(), END, verbose=0) == []


def test_verbose_2_adds_epochs_and_tracebacks():
    logs = {"loss": math.nan, "val_loss": 1234.56}
    printed = lines(SEARCH, trial_begin(), epoch_end(epoch=2, **logs), failed(), verbose=2)
    assert printed[1] == "trial 0001  epoch 3/10  val_loss 1234.6  loss nan"
    assert printed[3] == "Trace"


def test_a_fit_of_its_own_may_train_more_epochs_than_planned():
    printed = lines(SEARCH, trial_begin(), epoch_end(epoch=10), verbose=2)
    assert printed[1] == "trial 0001  epoch 11  loss 1"


def test_counts_executions():
    search = replace(SEARCH, executions_per_trial=3)
    printed = lines(search, trial_begin(), epoch_end(execution=1, loss=1.0), verbose=2)
    assert printed[1] == "trial 0001  epoch 1/10  execution 2/3  loss 1"


@pytest.mark.parametrize("verbose", [-1, 3, "1", None])
def test_refuses_other_verbosities(verbose):
    with pytest.raises(ValueError, match="verbose must be 0, 1 or 2; received"):
        Progress(Console(), verbose)


@pytest.mark.parametrize(("direction", "best"), [("min", "0002"), ("max", "0003")])
def test_best_trial_follows_the_direction_and_is_never_nan(direction, best):
    search = replace(SEARCH, direction=direction)
    scores = {"0001": math.nan, "0002": -1.5, "0003": 2.5, "0004": math.inf, "0005": -math.inf}
    records = [
        record
        for trial, score in scores.items()
        for record in (trial_begin(trial), trial_end(trial, score))
    ]
    printed = lines(search, *records, END)
    assert "val_loss nan (no best yet)" in printed[1]
    assert printed[-1].endswith(f"(trial {best})")


def test_display_shows_progress_best_and_current_trial(terminal):
    tell(terminal, SEARCH, trial_begin(), epoch_end(), trial_end(), trial_begin("0002"))
    tell(terminal, epoch_end("0002", val_loss=0.25), epoch_end("0002", 1, loss=1.0, val_loss=0.2))
    assert [line.rstrip() for line in screen(terminal).splitlines()[1:]] == [
        "best    val_loss 0.5  trial 0001  units=64 dropout=0.3 learning_rate=0.001235",
        "trial   0002  epoch 2/10  val_loss 0.2  loss 1",
        "        units=64 dropout=0.3 learning_rate=0.001235",
        "curve   █▁  0.25 → 0.2",
    ]
    assert "12/40 epochs  1/4 trials  0:00:00" in screen(terminal)


def test_the_curve_is_that_of_the_running_execution(terminal):
    tell(terminal, SEARCH, trial_begin())
    tell(terminal, *(epoch_end(epoch=epoch, val_loss=epoch) for epoch in range(4)))
    assert "curve   ▁▃▆█  0 → 3" in screen(terminal)
    # The newest epochs are drawn where not all of them fit.
    assert "curve   ▁▅█  0 → 3" in screen(terminal, width=8 + 3 + 7)
    tell(terminal, epoch_end(execution=1, val_loss=5.0))
    assert "curve   ▁\n" in screen(terminal)
    # What a model does not report has no curve.
    tell(terminal, trial_end(), trial_begin("0002"), epoch_end("0002", accuracy=1.0))
    assert "curve" not in screen(terminal)


def test_the_last_trial_is_shown_until_the_next_one_begins(terminal):
    tell(terminal, SEARCH, trial_begin(), epoch_end(val_loss=0.5), trial_end())
    assert "trial   0001  epoch 1/10  val_loss 0.5" in screen(terminal)
    tell(terminal, trial_begin("0002"))
    assert "trial   0002  epoch 0/10" in screen(terminal)
    assert "trial   0001" not in screen(terminal)


def test_display_shows_the_last_three_failures(terminal):
    tell(terminal, SEARCH)
    for number in range(5):
        trial = f"{number:04}"
        tell(terminal, trial_begin(trial), failed(trial, message=f"ValueError:\n{number}"))
    retried = failed("0005", message="OOM", final=False)
    tell(terminal, trial_begin("0005"), retried, trial_begin("0005", attempt=1))
    shown = screen(terminal)
    assert "failed  0003  ValueError: 3\n        0004  ValueError: 4\n" in shown
    assert "        0005  OOM  (attempt 1, will be retried)" in shown
    assert "0002" not in shown


def test_display_says_that_features_are_computed_and_that_it_will_end(terminal):
    tell(terminal, SEARCH, trial_begin())
    terminal.on_features(128, 500)
    assert "frozen  features of 128/500 examples computed" in screen(terminal)
    terminal.on_features(500, 500)
    assert "frozen" not in screen(terminal)
    assert "ends" not in screen(terminal)
    terminal._interrupted = lambda: True
    assert "ends    after this epoch; interrupted once more, at once" in screen(terminal)


@pytest.mark.parametrize("width", [50, 80, 120])
def test_display_fits_the_width(terminal, width):
    logs = {f"val_a_rather_long_metric_{number}": 0.123456 for number in range(5)}
    tell(terminal, SEARCH, trial_begin(), epoch_end(), trial_end(), trial_begin(), epoch_end())
    tell(terminal, epoch_end(epoch=9, **logs))
    text = screen(terminal, width).splitlines()
    assert max(map(len, text)) == width
    assert text[-2].endswith("…")


def test_display_counts_only_what_the_search_planned(terminal):
    search = replace(SEARCH, executions_per_trial=2, total_epochs=100)
    tell(terminal, search, trial_begin(epochs=3), epoch_end(), epoch_end(epoch=1))
    assert "2/100 epochs  0/4 trials" in screen(terminal)
    # An attempt that failed and is repeated counts nothing.
    tell(terminal, failed(final=False))
    assert "0/100 epochs  0/4 trials" in screen(terminal)
    tell(terminal, trial_begin(epochs=3, attempt=1), trial_end())
    assert "6/100 epochs  1/4 trials" in screen(terminal)
    # A promoted trial plans only the epochs after those it inherits.
    promoted = trial_begin("0002", initial_epoch=3, epochs=9)
    tell(terminal, promoted)
    assert "epoch 3/9  execution 1/2" in screen(terminal)
    tell(terminal, epoch_end("0002", epoch=3))
    assert "7/100 epochs" in screen(terminal)
    tell(terminal, failed("0002"))
    assert "18/100 epochs  2/4 trials, 1 failed" in screen(terminal)
    # A trial that was interrupted is not done.
    tell(terminal, trial_begin("0003"), epoch_end("0003"))
    tell(terminal, trial_end("0003", None, status=Status.INTERRUPTED))
    assert "18/100 epochs  2/4 trials, 1 failed" in screen(terminal)


def test_display_without_totals_has_no_bar(terminal):
    tell(terminal, replace(SEARCH, total_trials=None, total_epochs=None), trial_begin())
    tell(terminal, epoch_end())
    text = screen(terminal)
    assert "1 epoch  0 trials" in text
    assert "━" not in text
    assert "left" not in text


def above(progress):
    """What a terminal receives above the display."""
    written = re.sub(r"\x1b\[\?7[hl]", "", progress._console.file.getvalue())
    drawn = re.findall(r"\x1b\[J(.*?)\r\x1b\[\d+A", written, re.DOTALL)
    told = [part.partition("\n\n")[0] for part in drawn if not part.startswith("\n")]
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(told)).splitlines()


def test_one_line_a_trial_above_the_display(terminal):
    long = trial_begin(hyperparameters={f"units_{number}": 64 for number in range(20)})
    tell(terminal, SEARCH, trial_begin("0000"), trial_end("0000"), long, trial_end(score=0.25))
    first, second = above(terminal)
    whole = "trial 0000  COMPLETED  val_loss 0.5 (best so far)  4 epochs  2.1 s  "
    assert first == f"{whole}units=64 dropout=0.3 learning_r…"
    assert second.startswith("trial 0001  COMPLETED  val_loss 0.25 (best so far)  4 epochs  2.1 s ")
    assert (len(second), second[-1]) == (100, "…")
    # Why a trial failed is told whole, once.
    tell(terminal, trial_begin("0002"), failed("0002", message="ValueError: " + 50 * "no "), END)
    third = " ".join(above(terminal)[2:])
    assert third.count("no ") == 50
    assert third.endswith("units=64 dropout=0.3 learning_rate=0.001235")
    after = terminal._console.file.getvalue().rpartition("\x1b[J")[2]
    assert "2 trials completed, 1 failed" in after
    assert "ValueError" not in after


def test_verbose_2_cuts_no_line():
    console = Console(file=io.StringIO(), width=40, force_terminal=True, _environ={})
    progress = Progress(console, verbose=2)
    tell(progress, SEARCH, trial_begin(), epoch_end(), trial_end())
    progress.close()
    assert "learning_rate=0.001235" in " ".join(above(progress))


def test_what_a_training_declares_is_in_its_line_and_in_the_display(terminal):
    end = trial_end(declared_values={"shuffle": True})
    begin = trial_begin(hyperparameters={"units": 64})
    assert lines(SEARCH, begin, end)[1].endswith("  2.1 s  units=64 shuffle=True")
    tell(terminal, SEARCH, begin, end)
    assert above(terminal)[0].endswith("  2.1 s  units=64 shuffle=True")
    shown = [line.rstrip() for line in screen(terminal).splitlines()]
    assert "best    val_loss 0.5  trial 0001  units=64 shuffle=True" in shown
    assert "        units=64 shuffle=True" in shown


def test_continues_from_what_was_replayed(terminal):
    interrupted = (trial_begin("0002"), epoch_end("0002"))
    terminal.replay([SEARCH, trial_begin(), epoch_end(), trial_end(), *interrupted])
    tell(terminal, SEARCH)
    assert "continued after 1 trial" in terminal._console.file.getvalue()
    assert "10/40 epochs  1/4 trials  0:00:00" in screen(terminal)
    assert "trial   " not in screen(terminal)
    tell(terminal, trial_begin("0002"), epoch_end("0002"), epoch_end("0002", epoch=1))
    text = screen(terminal)
    assert "12/40 epochs  1/4 trials" in text
    assert "best    val_loss 0.5  trial 0001" in text


def test_says_what_was_spent_before_it_was_continued(terminal):
    """Ninety seconds, then a pause of an hour in which no process ran, then thirty more."""
    terminal.replay(
        [
            SEARCH,
            trial_begin(time=10.0),
            epoch_end(time=90.0),
            replace(SEARCH, time=3690.0),
            trial_begin(time=3690.0),
            trial_end(time=3720.0),
            replace(END, time=3720.0),
            EvaluationEnd(
                "0001", False, 2, {}, "loss", "m", (), time=3729.0
            ),  # which the end of a search does not count either
        ]
    )
    tell(terminal, SEARCH, END)
    assert ", and 0:02:00 before it was continued" in terminal._console.file.getvalue()


def test_says_nothing_of_before_if_it_was_not_continued(terminal):
    tell(terminal, SEARCH, trial_begin(), trial_end(), END)
    assert "before it was continued" not in terminal._console.file.getvalue()


@pytest.mark.parametrize("last", [[END], []], ids=["on_search_end", "close"])
def test_gives_the_terminal_back(terminal, last):
    tell(terminal, SEARCH, trial_begin(), *last)
    terminal.close()
    terminal.close()
    text = terminal._console.file.getvalue()
    assert text.count("\x1b[?25l") == 1  # cursor hidden
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # and shown again


def rows(*scores):
    return [
        LeaderboardRow(f"{index:04}", score, index, 10, 2.1, HYPERPARAMETERS)
        for index, score in enumerate(scores)
    ]


def table(width=100, **arguments):
    console = Console(file=io.StringIO(), width=width)
    console.print(leaderboard(**arguments))
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("direction", "trials"), [("min", ["0002", "0001"]), ("max", ["0003", "0000"])]
)
def test_leaderboard_ranks(direction, trials):
    shown = table(rows=rows(3.0, 2.0, 1.0, 4.0), objective="loss", direction=direction, count=2)
    assert shown[0] == f"Best trials by loss ({direction})".split()
    assert [line[0] for line in shown[4:]] == trials


def test_leaderboard_shows_everything_of_a_trial():
    row = replace(rows(0.123456)[0], best_epoch=None, hyperparameters={"name": "[bold]x"})
    shown = table(rows=[row], objective="val_loss", direction="min")
    assert shown[-1] == ["0000", "0.1235", "10", "2.1", "s", "name=[bold]x"]


def test_leaderboard_without_trials_is_empty():
    assert len(table(rows=[], objective="val_loss", direction="min")) == 4
