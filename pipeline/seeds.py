"""Seeds for every purpose of a search, derived from its one seed."""

import hashlib


def derive_seed(seed: int, *purpose: object) -> int:
    """Return a seed for one purpose; seeds of other purposes and other seeds are unrelated.

    Args:
        seed: Any integer.
        purpose: What the seed is for, in plain values whose `repr` is stable.

    Returns:
        An integer from 0 to 2**64 - 1.
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big")
