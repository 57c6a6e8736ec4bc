"""The events of a profile summed up: a row for each name, and the rows as a table of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .profiler_record import Event

# PyTorch's names of what to sort by that are not attributes of a row, and ours.
SORT = {
    "cuda_time_total": "device_time_total",
    "self_cuda_time_total": "self_device_time_total",
    "cpu_time": "cpu_time_total",
    "host_time_total": "cpu_time_total",
    "self_host_time_total": "self_cpu_time_total",
    "calls": "count",
}


@dataclass(slots=True)
class Row:
    """All calls of one name; times in us. `self_...` leaves out what was called inside."""

    key: str
    input_shapes: str = ""
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    device_time_total: float = 0.0
    self_device_time_total: float = 0.0
    bytes: int = 0

    @property
    def cpu_time(self) -> float:
        """The mean host time of a call."""
        return self.cpu_time_total / self.count

    @property
    def device_time(self) -> float:
        """The mean device time of a call."""
        return self.device_time_total / self.count

    @property
    def rate(self) -> float:
        """GB/s of memory, over the device's time if a GPU took part, else the host's."""
        return self.bytes / 1e3 / ((self.device_time_total or self.cpu_time_total) or 1.0)


class EventList(list):
    """Rows, one for each name; `table()` is their text."""

    def table(
        self,
        sort_by: str | None = "self_cpu_time_total",
        row_limit: int = 100,
        max_name_column_width: int = 55,
    ) -> str:
        """The rows as text: longest first by `sort_by`, or as they came if it is None."""
        rows = list(self)
        if sort_by is not None:
            key = SORT.get(sort_by, sort_by)
            if key not in Row.__slots__ or key in ("key", "input_shapes"):
                known = ", ".join(n for n in Row.__slots__ if n not in ("key", "input_shapes"))
                raise ValueError(f"table: sort_by must be one of {known}, got {sort_by!r}")
            rows.sort(key=lambda row: getattr(row, key), reverse=True)
        whole = sum(row.self_cpu_time_total for row in rows)
        device = any(row.device_time_total for row in rows)
        shapes = any(row.input_shapes for row in rows)
        lines = [HEAD + DEVICE_HEAD * device + REST + ("Input shapes",) * shapes]
        for row in rows[: row_limit if row_limit > 0 else None]:
            lines.append(cells(row, whole, device, max_name_column_width))
            lines[-1] += (row.input_shapes,) * shapes
        text = aligned(lines)
        text += f"\nSelf host time total: {readable(whole)}"
        if device:
            busy = sum(row.self_device_time_total for row in rows)
            text += f"\nSelf device time total: {readable(busy)}"
        return text + "\n"

    def __str__(self) -> str:
        return self.table()


HEAD = ("Name", "Self host %", "Self host", "Host total", "Host mean")
DEVICE_HEAD = ("Self device", "Device total")
REST = ("Calls", "Bytes", "GB/s")


def cells(row: Row, whole: float, device: bool, width: int) -> tuple[str, ...]:
    """A row as text."""
    name = row.key if len(row.key) <= width else row.key[: width - 3] + "..."
    share = 100 * row.self_cpu_time_total / whole if whole else 0.0
    times = (row.self_cpu_time_total, row.cpu_time_total, row.cpu_time)
    host = (name, f"{share:.1f}%", *map(readable, times))
    on_device = (row.self_device_time_total, row.device_time_total)
    rate = f"{row.rate:.1f}" if row.bytes else ""
    size = in_bytes(row.bytes) if row.bytes else ""
    return host + tuple(map(readable, on_device)) * device + (str(row.count), size, rate)


def aligned(lines: list[tuple[str, ...]]) -> str:
    """Rows of cells in columns, numbers to the right, with a rule below the first."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = (0, len(lines[0]) - 1) if lines[0][-1] == "Input shapes" else (0,)
    text = []
    for line in lines:
        row = zip(range(len(line)), line, widths, strict=True)
        text.append("  ".join(c.ljust(w) if i in left else c.rjust(w) for i, c, w in row).rstrip())
    rule = "  ".join("-" * w for w in widths)
    return "\n".join([text[0], rule, *text[1:], rule])


def readable(us: float) -> str:
    """Microseconds with a unit that fits."""
    if us >= 1e6:
        return f"{us / 1e6:.3f} s"
    return f"{us / 1e3:.3f} ms" if us >= 1e3 else f"{us:.3f} us"


def in_bytes(count: float) -> str:
    """A number of bytes with a unit that fits."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def averages(events: Iterable[Event], by_shape: bool) -> EventList:
    """The rows of some events, in the order in which their names came first."""
    rows: dict[Any, Row] = {}
    for event in events:
        shapes = str(event.shapes) if by_shape and event.shapes is not None else ""
        row = rows.setdefault((event.name, shapes), Row(event.name, shapes))
        row.count += 1
        row.cpu_time_total += event.host_time
        row.self_cpu_time_total += event.self_host_time
        row.device_time_total += event.device_time or 0.0
        row.self_device_time_total += event.self_device_time
        row.bytes += event.bytes
    return EventList(rows.values())
