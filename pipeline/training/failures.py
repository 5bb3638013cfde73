"""What goes wrong in a training: whose fault it is, and how it is worded."""

import itertools
import re

import keras_tuner

from pipeline.journal.files import DamagedFileError, StorageError, is_storage_failure
from pipeline.training.stopping import PrunedError

USERS_FAILURES = (Exception, SystemExit)
"""What a user's code raises when it fails: a `sys.exit()` there ends a trial, not the search."""

_TRIALS = (*USERS_FAILURES, PrunedError)
_WHERE = re.compile(r"Exception encountered when calling .*\.$")
_CALLED_WITH = re.compile("(Call a|A)rguments received by |• |Detected at node ")
_LINES = 3  # of a message, at most
_IN_GRAPH = "Graph execution error:"
_NODE = re.compile(r"\[\[(\{\{node |\w+\]\])")


class SentenceError(RuntimeError):
    """An error of ours whose message is one sentence, and is told as it stands."""


def is_trials_own(failure: BaseException) -> bool:
    """Whether what ended a trial is its own affair, so that the search goes on."""
    fatal = isinstance(failure, keras_tuner.errors.FatalError)
    return isinstance(failure, _TRIALS) and not fatal and not can_be_continued(failure)


def can_be_continued(failure: BaseException) -> bool:
    """Whether the reason is outside of the trial, so that it can be continued later."""
    if is_storage_failure(failure) or isinstance(failure, DamagedFileError):
        return True
    return not isinstance(failure, _TRIALS)


def sentence(error: BaseException) -> str:
    """Return an exception as one line: its type, unless it is ours, and what its first lines say.

    Keras says on further lines what it expected and what it received, and then what the layer or
    model was called with, which is left out.
    """
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called"
    text = re.sub(r"\x1b\[\d*m", "", str(error))  # Keras prints some of its errors in bold
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    # Keras puts where it happened before what happened; so does TensorFlow, with a whole traceback.
    told = lines[1:] if len(lines) > 1 and _WHERE.match(lines[0]) else lines
    if lines[0] == _IN_GRAPH:
        told = [line for line in lines if not _NODE.match(line)][-1:]
    matters = list(itertools.takewhile(lambda line: not _CALLED_WITH.match(line), told))
    text = " ".join((matters or told)[:_LINES])
    ours = isinstance(error, SentenceError | StorageError | DamagedFileError)
    return text if ours else f"{type(error).__name__}: {text}"
