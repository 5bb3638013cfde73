"""What a model was compiled with."""

from typing import Any

import keras


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """Return the arguments that a model was compiled with; none of one that was not.

    They are the objects themselves. `get_compile_config` has their configurations, from which a
    function or an object of the user's own does not come back as it was.
    """
    given = model._compile_config if model.compiled else None
    return given.config if given else {}
