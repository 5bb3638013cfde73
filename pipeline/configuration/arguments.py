"""What the arguments of strategies and pruners must be."""


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise unless an argument is one of a few words.

    Args:
        name: The argument.
        value: What was received.
        allowed: The words.

    Raises:
        ValueError: It is not.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(allowed)}; received {value!r}")


def check_whole_number(name: str, value: object, minimum: int, maximum: int | None = None) -> None:
    """Raise unless an argument is an integer in a range.

    Args:
        name: The argument.
        value: What was received.
        minimum: The smallest allowed number.
        maximum: The largest; None if all are allowed.

    Raises:
        ValueError: It is not.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and value >= minimum and (maximum is None or value <= maximum):  # type: ignore[operator]
        return
    allowed = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    raise ValueError(f"{name} must be an integer {allowed}; received {value!r}")


def check_between(name: str, value: object, minimum: float, maximum: float) -> None:
    """Raise unless an argument is a number between two others, neither of which is allowed.

    Args:
        name: The argument.
        value: What was received.
        minimum: Below all that is allowed.
        maximum: Above it.

    Raises:
        ValueError: It is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not minimum < value < maximum:  # type: ignore[operator]
        raise ValueError(
            f"{name} must be a number between {minimum} and {maximum}; received {value!r}"
        )


def check_boolean(name: str, value: object) -> None:
    """Raise a ValueError unless an argument is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; received {value!r}")
