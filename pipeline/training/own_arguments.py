"""Which arguments a hypermodel's own `fit` gives `model.fit` itself."""

import contextlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def noted_arguments(model: keras.Model) -> Iterator[set[str]]:
    """Note the names of the arguments that a model's `fit` is given while the block runs."""
    noted: set[str] = set()
    fit = model.fit
    positions = list(inspect.signature(fit).parameters)

    def noting(*args: Any, **kwargs: Any) -> Any:
        noted.update(positions[: len(args)], kwargs)
        return fit(*args, **kwargs)

    model.fit = noting
    try:
        yield noted
    finally:
        del model.fit


def doubled_argument(error: TypeError) -> str | None:
    """Return the argument that was given twice, if that is what Python complains of."""
    match = re.search(r"got multiple values for (?:keyword )?argument '(\w+)'", str(error))
    return match[1] if match else None
