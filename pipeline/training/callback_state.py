"""What a Keras callback has learnt during a training, to be given to one in another process."""

import functools
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any

import keras

from pipeline.training.callback_files import written
from pipeline.training.plain_values import is_plain

CallbackState = Mapping[str, Any]

_MADE_ANEW: Mapping[type, frozenset[str]] = {
    keras.callbacks.Callback: frozenset({"_model", "params"}),
    keras.callbacks.CSVLogger: frozenset({"append", "append_header", "csv_file", "writer"}),
    keras.callbacks.ProgbarLogger: frozenset({"progbar"}),
    keras.callbacks.TensorBoard: frozenset(
        {
            *("_writers", "_summary_module", "_prev_summary_state", "_previous_epoch_iterations"),
            *("_is_tracing", "_profiler_started", "_batch_trace_context"),
        }
    ),
}
"""What Keras 3.15 makes anew when it makes a callback or a training begins."""

_LIBRARIES = {*sys.stdlib_module_names, "keras", "tensorflow"}


def callback_state(
    callback: keras.callbacks.Callback, tell: Callable[[str], None] = lambda _sentence: None
) -> CallbackState:
    """Return what a callback has learnt during a training, as plain values.

    What is made anew with it is left out: its model, open files, and functions without a name to
    import them by. Those with a name are state: Keras's callbacks choose at the first epoch how to
    compare. Of a CSVLogger's file it has the size.

    Args:
        callback: Any Keras callback.
        tell: Told of an attribute that cannot be kept, unless Keras's own class made it.

    Returns:
        Its attributes.
    """
    state = {}
    for name, value in vars(callback).items():
        if name in _made_anew(callback):
            continue
        if is_plain(value):
            state[name] = value
        elif not _is_remade(callback, value):
            tell(
                f"no checkpoint can keep {name} of the callback {type(callback).__name__} "
                f"({type(value).__name__}): a training that is continued after an interruption "
                "starts with it as new"
            )
    size = written(callback)
    return state if size is None else state | {"csv_file": size}


def restore_callback(callback: keras.callbacks.Callback, state: CallbackState) -> None:
    """Give a callback the state that `callback_state` returned; call it after `on_train_begin`."""
    anew = _made_anew(callback)
    vars(callback).update({name: value for name, value in state.items() if name not in anew})


def _made_anew(callback: keras.callbacks.Callback) -> set[str]:
    kinds = [kind for kind in _MADE_ANEW if isinstance(callback, kind)]
    return set().union(*(_MADE_ANEW[kind] for kind in kinds))


def _is_remade(callback: keras.callbacks.Callback, value: Any) -> bool:
    """Whether a value that is not plain can be trusted to be the same in another process."""
    holder = value.__self__ if isinstance(value, MethodType) else value
    if isinstance(value, FunctionType | functools.partial) or holder is callback:
        return True
    return _package(type(callback)) == "keras" and _package(type(holder)) in _LIBRARIES


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
