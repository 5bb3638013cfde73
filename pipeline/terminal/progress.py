"""The terminal: how far a search is, its best trial, and what runs now."""

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.text import Text

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.terminal.footer import Footer
from pipeline.terminal.lines import closing, cut, epoch_line, opening, trial_line
from pipeline.terminal.live_display import LiveDisplay
from pipeline.terminal.state import State, advance
from pipeline.terminal.wording import count


class Progress(SearchCallback):
    """Shows a search while it runs.

    One line a trial when it has ended. On a terminal they are as long as it is wide, but for those
    of trials that failed, and below them is a live display: the epochs done of all that are
    planned, the time left, the best trial so far, the trial that runs with the curve of its
    objective, and the last failures.

    Args:
        console: Where to write.
        verbose: 0 shows nothing; 1 the lines and the display; 2 also a line for each epoch, all
            lines whole, and the traceback of a trial that failed.
        interrupted: Asked whether somebody wants the search to stop, for the live display to say.

    Raises:
        ValueError: `verbose` is none of these.

    Example:
        progress = Progress(Console(stderr=True), verbose=1)
        try:
            tuner.search(callbacks=[progress])
        finally:
            progress.close()
    """

    def __init__(
        self,
        console: Console,
        verbose: int = 1,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose must be 0, 1 or 2; received {verbose!r}")
        self._console = console
        self._verbose = verbose
        self._interrupted = interrupted
        self._footer: Footer | None = None
        self._state: State | None = None
        self._started = self._latest = self._before = 0.0
        self._features: tuple[int, int] | None = None

    def replay(self, records: Iterable[Record]) -> None:
        """Learn what a search did before it was interrupted; draws nothing.

        Args:
            records: The search's journal so far. Call it before `on_search_begin`.
        """
        latest = None
        for record in records:
            self._state = advance(self._state, record)
            # Neither the pause before it went on nor the test after its end is the search's time.
            if latest is not None and not isinstance(record, SearchBegin | EvaluationEnd):
                self._before += max(0.0, record.time - latest)
            latest = record.time

    def on_search_begin(self, record: SearchBegin) -> None:
        """State what is searched, and start the live display."""
        self._started = self._console.get_time()
        state = self._follow(record)
        if self._verbose == 0:
            return
        self._print(opening(state))
        if draws_live(self._console, self._verbose):
            self._footer = Footer(self._console, self._display)
            self._footer.start()

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Show the trial's hyperparameters."""
        self._follow(record)

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Show the epoch's metrics."""
        state = self._follow(record)
        if self._verbose == 2:
            self._print(epoch_line(state, record))

    def on_trial_end(self, record: TrialEnd) -> None:
        """Tell how the trial ended."""
        state = self._follow(record)
        if self._verbose == 0:
            return
        line = trial_line(state, record)
        if self._footer and self._verbose == 1 and record.status is Status.COMPLETED:
            options = self._console.options
            line = cut(line, options.max_width, options.ascii_only)
        self._print(line)
        if self._verbose == 2 and record.traceback is not None:
            self._print(Text(record.traceback.rstrip()))

    def on_features(self, done: int, total: int) -> None:
        """Show how many examples the frozen layers have seen; tell when it is all."""
        self._features = (done, total) if done < total else None
        if done == total and self._verbose > 0:
            self._print(Text(f"features of {count(total, 'example')} computed, to be reused"))

    def on_features_refused(self, reason: str) -> None:
        """Tell why models with frozen layers are trained as a whole."""
        if self._verbose > 0:
            self._print(Text(f"features of frozen layers are not reused: {reason}"))

    def on_notice(self, sentence: str) -> None:
        """Tell what a training has to say beside its results."""
        if self._verbose > 0:
            self._print(Text(sentence))

    def on_search_end(self, record: SearchEnd) -> None:
        """Take the live display away, and sum the search up."""
        self.close()
        if self._verbose == 0:
            return
        state = self._current_state()
        elapsed = self._console.get_time() - self._started
        self._print(closing(state, record, elapsed, before=self._before))

    def close(self) -> None:
        """Take the live display away and show the cursor; harmless if there is none."""
        footer, self._footer = self._footer, None
        if footer is not None:
            footer.stop()

    def _follow(self, record: Record) -> State:
        self._state = advance(self._state, record)
        self._latest = self._console.get_time()
        return self._state

    def _current_state(self) -> State:
        if self._state is None:
            raise RuntimeError("on_search_begin must be the first hook that is called")
        return self._state

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)

    def _display(self) -> LiveDisplay:
        state, now = self._current_state(), self._console.get_time()
        left = state.seconds_left(now - self._latest)
        elapsed = now - self._started
        return LiveDisplay(state, elapsed, left, self._features, self._interrupted())


def draws_live(console: Console, verbose: int) -> bool:
    """Return whether a search is shown by a live display, which also tells of an interruption."""
    return verbose > 0 and console.is_interactive and not console.legacy_windows
