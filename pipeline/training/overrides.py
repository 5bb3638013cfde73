"""Whether something does in a way of its own what its base class would do for it."""

from collections.abc import Iterable


def overrides(value: object, base: type, names: Iterable[str]) -> bool:
    """Whether an object has another of some methods than a base class, by its class or set on it.

    Args:
        value: An instance of the base class, or of one that inherits from it.
        base: It has all of the methods.
        names: Those that are looked at.
    """
    return any(
        name in vars(value) or getattr(type(value), name) is not getattr(base, name)
        for name in names
    )
