"""What a hypermodel declares at its defaults, and in its conditional scopes."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner


def _noting(declare: Callable[..., Any]) -> Callable[..., Any]:
    """Return what declares a hyperparameter and notes the default that is stated for it."""
    signature = inspect.signature(declare)

    @functools.wraps(declare)
    def noting(self: "DeclaredSpace", *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        if given.get("default") is not None:
            self.stated.setdefault(given["name"], given["default"])
        return declare(self, *args, **kwargs)

    return noting


class DeclaredSpace(keras_tuner.HyperParameters):
    """A search space that knows which defaults were stated.

    A KerasTuner hyperparameter without one has its smallest or first value as default, and once it
    is in a space nothing tells the two apart.

    Attributes:
        stated: The defaults that were stated, by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stated: dict[str, Any] = {}

    Int = _noting(keras_tuner.HyperParameters.Int)
    Float = _noting(keras_tuner.HyperParameters.Float)
    Choice = _noting(keras_tuner.HyperParameters.Choice)
    Boolean = _noting(keras_tuner.HyperParameters.Boolean)


def discover(
    hypermodel: keras_tuner.HyperModel | Callable[[keras_tuner.HyperParameters], keras.Model],
    *,
    compiled: bool = True,
) -> DeclaredSpace:
    """Find every hyperparameter that a hypermodel declares while it builds, conditional ones too.

    The model is built once with all defaults, then once for each conditional scope that no
    earlier build had entered. (`keras_tuner.BaseTuner` does the same, but fills in unseeded
    random values and never ends if a scope cannot be entered.)

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function `build(hp)`.
        compiled: Whether it must compile its models, unless it has a `fit` of its own.

    Returns:
        The search space; parents come before the hyperparameters that depend on them.

    Raises:
        TypeError: The hypermodel is neither, or its build returns no `keras.Model`.
        ValueError: The model is not compiled, although it must be.
    """
    space = DeclaredSpace()
    if isinstance(hypermodel, keras_tuner.HyperModel):
        hypermodel.declare_hyperparameters(space)
        build = hypermodel.build
    elif callable(hypermodel):
        build = hypermodel
    else:
        raise TypeError(
            "a hypermodel must be a keras_tuner.HyperModel or a function build(hp); "
            f"received {hypermodel!r}"
        )
    entered: list[Any] = []
    passed: list[Any] = []
    attempted: list[Any] = []
    scope: list[Any] | None = []
    try:
        while scope is not None:
            attempted.append(scope)
            hp = _inside(space, scope)
            _check_model(build(hp), compiled=compiled and not _trains_itself(hypermodel))
            space.merge(hp, overwrite=False)
            entered += hp.active_scopes
            passed += hp.inactive_scopes
            scope = next((s for s in passed if s not in entered and s not in attempted), None)
    finally:
        keras.utils.clear_session()
    return space


def _inside(space: DeclaredSpace, scope: Sequence[Any]) -> Any:
    """Return the space with values that enter a conditional scope, defaults elsewhere."""
    hp = DeclaredSpace.from_config(space.get_config())
    hp.stated = space.stated
    hp.values = {condition.name: condition.values[0] for condition in scope}
    for hyperparameter in hp.space:
        if hp.is_active(hyperparameter):
            hp.values.setdefault(hyperparameter.name, hyperparameter.default)
        elif not hp.is_active(hyperparameter.name):
            hp.values.pop(hyperparameter.name, None)
    return hp


def _trains_itself(hypermodel: object) -> bool:
    """Whether a hypermodel has a `fit` of its own, which may train without compiling."""
    return (
        isinstance(hypermodel, keras_tuner.HyperModel)
        and type(hypermodel).fit is not keras_tuner.HyperModel.fit
    )


def _check_model(model: object, *, compiled: bool) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(
            "the hypermodel's build must return a keras.Model; "
            f"it returned {model!r} of type {type(model).__name__}"
        )
    if compiled and not model.compiled:
        raise ValueError(
            "the hypermodel's build must return a compiled model; "
            f"it returned {model.name!r}, on which compile() was not called"
        )
