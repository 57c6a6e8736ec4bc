"""Finding where a nan gradient comes from: Nodes remember the line of the forward call."""

from __future__ import annotations

from .graph import anomaly


class detect_anomaly:
    """Inside, backward raises at the first nan and names the forward line that it came from."""

    def __init__(self, check_nan: bool = True) -> None:
        self._wanted = [check_nan]
        self._before: list[list] = []

    def __enter__(self) -> None:
        self._before.append(list(anomaly))
        anomaly[:] = self._wanted

    def __exit__(self, *exc: object) -> None:
        anomaly[:] = self._before.pop()


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly detection on or off: at once when called, and as a context until its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._wanted = [check_nan] if mode else []
        self._before = [list(anomaly)]
        anomaly[:] = self._wanted

    def __enter__(self) -> None:
        anomaly[:] = self._wanted


def is_anomaly_enabled() -> bool:
    """Whether Nodes remember where they were made."""
    return bool(anomaly)


__all__ = ["detect_anomaly", "is_anomaly_enabled", "set_detect_anomaly"]
