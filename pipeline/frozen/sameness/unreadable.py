"""What is said of an object of which nobody can tell what it is."""


class UnreadableError(ValueError):
    """An object cannot be read for certain; the message is a clause that names it and says why."""
