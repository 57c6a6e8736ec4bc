"""Numbers at equal distances, rounded as PyTorch rounds them: counted from both ends."""

import numpy as np

SPLIT = 2.0**27 + 1  # halves the 53 digits of a float64
LARGEST = 2.0**990  # beyond, splitting would overflow


def spaced(start, end, steps: int, dtype: np.dtype) -> np.ndarray:
    """start + k * step in the first half, end - k * step in the second: symmetric, ends exact.

    One rounding for the product and the sum together where dtype is float32 or float64. The half
    types round each, whole numbers are float64's cut off.
    """
    if steps < 2:
        return np.full(steps, start, np.float64).astype(dtype)
    work = np.dtype(np.float64) if dtype.kind in "iub" else dtype
    first, last = (np.asarray(x).astype(dtype).astype(work)[()] for x in (start, end))
    step = (last - first) / work.type(steps - 1)
    k = np.arange(steps)
    k[steps // 2 :] = k[steps // 2 :][::-1] - steps // 2
    k = k.astype(work)
    half = steps // 2
    low, high = times_plus(step, k[:half], first), times_plus(-step, k[half:], last)
    return np.concatenate([low, high]).astype(dtype)


def times_plus(step, k: np.ndarray, start) -> np.ndarray:
    """start + step * k"""
    if k.dtype == np.float32:  # float64 holds the product exactly
        return (float(start) + float(step) * k.astype(np.float64)).astype(np.float32)
    if k.dtype != np.float64 or not abs(step) < LARGEST:
        return start + step * k
    product = step * k
    upper = step * SPLIT - (step * SPLIT - step)
    lower = step - upper
    k_upper = k * SPLIT - (k * SPLIT - k)
    k_lower = k - k_upper
    lost = lower * k_lower - (
        ((product - upper * k_upper) - lower * k_upper) - upper * k_lower
    )  # product + lost is step * k, exactly
    total = start + product
    part = total - start
    lost += (start - (total - part)) + (product - part)  # what the sum has lost, exactly
    return total + lost
