"""The tables of a document, made from the JSON of a run and put between its marks."""

from __future__ import annotations

from pathlib import Path

from bench.report import NAMES, PEERS, Groups, judged, shortly, spread
from bench.rows import GROUPS, Row

MARKS = ("<!-- cpu figures: `python -m tritongrad bench --write` -->", "<!-- end of figures -->")


def write(path: Path, groups: Groups) -> bool:
    """Bring the part of a file between the marks up to date; whether that changed it."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise SystemExit(f"bench: {path} needs the lines {MARKS[0]} and {MARKS[1]}")
    fresh = f"{before}{begin}\n\n{markdown(groups)}\n\n{end}{after}"
    path.write_text(fresh, encoding="utf-8")
    return fresh != text


def markdown(groups: Groups) -> str:
    """About the runs, then a table for each group."""
    known = [(name, *groups[name]) for name in GROUPS if name in groups]
    parts = []
    said = None
    for name, about, rows in known:
        words = described(about)
        if words != said:
            parts.append(words)
            said = words
        share = about.get("disturbed", 0)
        noise = f"Other programs disturbed {share:.0%} of the rounds.\n\n" if share else ""
        missing = f"{about['missing']}.\n\n" if "missing" in about else ""
        head = f"### {GROUPS[name][:1].upper()}{GROUPS[name][1:]}"
        parts.append(f"{head}\n\n{missing}{noise}{table(rows)}")
    return "\n\n".join(parts)


def described(about: dict) -> str:
    """What a run was made on and how."""
    versions = ", ".join(about.get("versions", {}).values())
    tiny = " Tiny arrays: this says nothing." if about.get("tiny") else ""
    return (
        f"{about['date'][:10]}: {about['machine']}; {versions}; {about['threads']} threads, "
        f"{about['clock']} time, {about['rounds']} rounds of {about['seconds']:g} s.{tiny}"
    )


def table(rows: list[Row]) -> str:
    """A line for every row; the limit is met or plainly missed."""
    shown = [p for p in PEERS if any(p in row.ratios for row in rows)]
    floors = any(row.floor for row in rows)
    heads = ["", *[f"to {NAMES[p]}" for p in shown], *(["over its floor"] * floors), "limit", ""]
    lines = ["| " + " | ".join(heads) + " |"]
    lines.append("|---|" + "--:|" * (len(heads) - 2) + "---|")
    for row in rows:
        cells = [row.name, *[spread(row.kept(p)).strip() for p in shown]]
        if floors:
            over = row.over_floor()
            cells.append(shortly(over) if over else "")
        cells += [limit(row), judged(row).replace("missed", "**missed**")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def limit(row: Row) -> str:
    """The largest ratio that is good enough, or what was measured of ours and its largest."""
    words = [f"{g:g}" + ("" if p == "torch" else f" ({NAMES[p]})") for p, g in row.goals.items()]
    own = row.own()
    if row.most is not None and own is not None:
        words.append(f"{own:.0f} of {row.most:g} {row.measure}")
    return ", ".join(words)
