"""What an object is, as far as a training depends on it: the one notion of "the same".

Traces, features and whatever else is reused is found by it. An object is its class and all the
state that is reached from it, functions by their code and closure; not what `get_config` says,
which leaves out much. What cannot be read for certain is not the same as anything.

It knows Keras, TensorFlow and NumPy, and nothing of a search.
"""

from pipeline.frozen.sameness.functions import is_keras_own
from pipeline.frozen.sameness.keras_state import overridden, settings, users_code, users_function
from pipeline.frozen.sameness.reader import identity
from pipeline.frozen.sameness.unreadable import UnreadableError

__all__ = [
    "UnreadableError",
    "identity",
    "is_keras_own",
    "overridden",
    "settings",
    "users_code",
    "users_function",
]
