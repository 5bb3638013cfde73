"""Whether arrays are the same, but for what rounding makes of another way to compute them."""

import numpy as np

_FINE = 1e-3  # of the largest number
_COARSE = 5e-2  # the same, where something is in half precision


def are_close(one: np.ndarray, other: np.ndarray, *, coarse: bool) -> bool:
    """Whether two arrays differ by little, measured by the largest number of the first.

    Args:
        one: Numbers; NaN is the same as NaN.
        other: Numbers.
        coarse: Whether something was computed or kept in half precision.
    """
    tolerance = _COARSE if coarse else _FINE
    first, second = one.astype(np.float64), other.astype(np.float64)
    scale = np.max(np.abs(first), initial=1e-6, where=np.isfinite(first))
    return first.shape == second.shape and bool(
        np.allclose(first, second, rtol=0, atol=tolerance * scale, equal_nan=True)
    )
