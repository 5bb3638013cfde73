"""Windows of a table whose rows are in the order of time, and what follows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.configuration.names import stem
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.preprocessing import Standardization
from pipeline.datasets.rows import Array, Rows
from pipeline.datasets.series_table import Series, read_series
from pipeline.datasets.splits import Partition, Split
from pipeline.datasets.window_scaling import WindowScaling

_MOST_BYTES = 1 << 24  # of windows that are copied; more are views of the rows


def series(
    *,
    path: str,
    target: str | Sequence[str],
    inputs: Sequence[str] | None,
    time: str | None,
    window: int,
    horizon: int,
    stride: int,
    separator: str | None,
    validation_size: float,
    test_size: float,
) -> Dataset:
    """Load windows of a table: what is known at so many steps, and the targets of those after.

    The last windows are the test split, those before them the validation split. A window that
    reaches a row of the next split, with its inputs or its targets, is in none: no row that a split
    predicts is seen or predicted in another one. Inputs are standardised by the rows of the
    training windows. A missing input is the value before it; a window with a missing target, or
    with an input before the first value, is in no split.

    Args:
        path: A table, as `csv` takes it.
        target: The column to predict, or several.
        inputs: The columns that are known; None for all columns of numbers, the targets included.
        time: The column that orders the rows; None if they are in order.
        window: Steps (rows) that a model is given.
        horizon: Steps after those that it predicts.
        stride: Rows from the beginning of a window to that of the next.
        separator: The character between two columns; None for what the file's name says.
        validation_size: Fraction of the windows to validate on.
        test_size: Fraction of the windows to test on.

    Returns:
        A regression. `x` is `(n, window, inputs)`; `y` is `(n, horizon)` for one target and
        `(n, horizon, targets)` for several.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: An argument or the table cannot be used; the sentence says why.
    """
    sizes = Partition({"validation_size": validation_size, "test_size": test_size}, seed=0)
    windows = _Windows(window, horizon, stride)
    file = Path(str(path)).expanduser().resolve()
    read = read_series(file, target=target, inputs=inputs, time=time, separator=separator)
    starts = windows.starts(read)
    parts = windows.parted(starts, sizes)
    views = _views(read.x, window), _views(read.y, horizon)
    train, validation, test = (windows.split(*views, part) for part in parts)
    seen = read.x[parts[0][0] : parts[0][-1] + windows.steps]
    return Dataset(
        name=stem(file),
        task="regression",
        train=train,
        validation=validation,
        test=test,
        classes=(),
        source=str(file),
        preprocessing=WindowScaling(
            replace(Standardization.fit(seen), shape=(window, len(read.inputs))),
            targets=_places(read.targets, read.inputs),
        ),
        targets=windows.named(read.targets),
        notes=(*read.notes, windows.told(starts, parts)),
    )


@dataclass(frozen=True)
class _Windows:
    """Windows of rows, each named by its first row.

    Attributes:
        window: Rows that a model is given.
        horizon: Rows after those that it predicts.
        stride: Rows from the beginning of a window to that of the next.
    """

    window: int
    horizon: int
    stride: int

    def __post_init__(self) -> None:
        for name in ("window", "horizon", "stride"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be an integer >= 1, received {value!r}")

    @property
    def steps(self) -> int:
        """Rows of a window, with those that it predicts."""
        return self.window + self.horizon

    def starts(self, read: Series) -> Array:
        """Return all windows in which nothing is missing."""
        starts = np.arange(0, len(read.x) - self.steps + 1, self.stride)
        middles = starts + self.window
        inputs, targets = (_missing_before(one) for one in (read.x, read.y))
        complete = inputs[middles] == inputs[starts]
        complete &= targets[middles + self.horizon] == targets[middles]
        found: Array = starts[complete]
        return found

    def parted(self, starts: Array, sizes: Partition) -> list[Array]:
        """Return the windows that are trained, validated and tested on.

        Args:
            starts: All windows, in order.
            sizes: Fractions of the windows, for validation and test.

        Raises:
            ValueError: There are too few.
        """
        counts = [max(1, int(len(starts) * size + 0.5)) for size in sizes.sizes.values()]
        test = starts[-counts[1] :]
        before = self._before(starts, test)
        validation = before[-counts[0] :]
        train = self._before(before, validation)
        if not len(train):
            told = ", ".join(f"{name}={size}" for name, size in sizes.sizes.items())
            raise ValueError(
                f"there are {len(starts)} windows without a missing value, too few for three "
                f"splits of which none reaches into the next: choose another window (is "
                f"{self.window}), horizon ({self.horizon}) or stride ({self.stride}), or smaller "
                f"splits ({told})"
            )
        return [train, validation, test]

    def _before(self, starts: Array, others: Array) -> Array:
        """Return the windows that end before any of the others begins."""
        return starts[starts + self.steps <= others[:1]] if len(others) else others

    def split(self, inputs: Array, targets: Array, starts: Array) -> Split:
        """Return the windows that begin in some rows, and what follows them.

        Args:
            inputs: Of all windows, those that begin in each row.
            targets: Likewise, of so many steps as are predicted.
            starts: The rows.
        """
        copied = len(starts) * inputs[:1].nbytes <= _MOST_BYTES
        y = targets[starts + self.window]
        return Split(
            inputs[starts] if copied else Rows(inputs, starts),
            y if y.shape[-1] > 1 else y[..., 0],
        )

    def named(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Return names for the numbers that a window predicts: `price+1`, `price+2`."""
        steps = range(1, self.horizon + 1)
        return tuple(f"{name}+{step}" for step in steps for name in targets)

    def told(self, starts: Array, parts: Sequence[Array]) -> str:
        """Say which rows, counted from 1, are in which split."""
        named = zip(("train", "validation", "test"), parts, strict=True)
        told = ", ".join(
            f"{name} {len(part)} (rows {part[0] + 1} to {part[-1] + self.steps})"
            for name, part in named
        )
        between = len(starts) - sum(map(len, parts))
        return f"windows: {told}; {between} reach into the next split and are in none"


def _views(values: Array, steps: int) -> Array:
    """Return a view of all windows of so many rows, `(windows, steps, columns)`; none is copied."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(values, steps, axis=0), -1, 1)


def _places(targets: Sequence[str], inputs: Sequence[str]) -> tuple[int, ...]:
    """Return where among the inputs the targets are; nothing if one of them is none."""
    known = all(name in inputs for name in targets)
    return tuple(inputs.index(name) for name in targets) if known else ()


def _missing_before(values: Array) -> Array:
    """Return in how many rows before each, and before the end, a value is missing."""
    return np.concatenate([[0], np.cumsum(np.isnan(values).any(axis=1))])
