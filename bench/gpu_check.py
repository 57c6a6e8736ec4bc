"""Everything that only a GPU can tell, in one command without network; the answers in one JSON.

    python bench/gpu_check.py --out DIR [--quick] [--only probes,matmul] [--budget 530]
    python bench/gpu_check.py --show DIR/FILE.json

Each part runs in processes of its own, and the file is written after each: a crash loses nothing.
On the tests' stand-in driver it refuses; --rehearse runs all the same, small, and keeps no figure.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gpu import isolate, probes, suite, table
from bench.gpu.report import Report

AT_ONCE = 4  # probes run side by side, but for those that need the GPU to themselves
RESTARTS = 5  # processes for a share of the kernels, each of which may die of a fault


class Context:
    """The options of a run, its report, and how much of its time is left"""

    def __init__(self, options: argparse.Namespace, report: Report) -> None:
        self.options = options
        self.report = report
        self.started = time.monotonic()

    def left(self) -> float:
        return self.options.budget - (time.monotonic() - self.started)

    def task(self, name: str, seconds: float, **more: Any) -> dict[str, Any]:
        """A task of bench.gpu in a process of its own, with the options that all tasks take."""
        chosen = self.options
        given = {"quick": chosen.quick, "torch": not chosen.no_torch, "rehearse": chosen.rehearse}
        given |= more
        return isolate.run(f"bench.gpu.{name}", given, seconds)


def run_probes(context: Context, seconds: float) -> dict[str, Any]:
    """Each probe in a process; those that take times, or all memory, alone after the others."""
    end, lock = time.monotonic() + seconds, threading.Lock()
    rows: dict[str, Any] = {}

    def keep(name: str, row: dict[str, Any]) -> None:
        with lock:  # what is known is on disk, should a later one take everything down
            rows[name] = row
            context.report.add("probes", {"status": "running", "rows": rows})

    def ask(name: str) -> None:
        left = min(every[name].seconds, end - time.monotonic())
        if left < 1:
            keep(name, {"question": every[name].question, "verdict": "not asked: out of time"})
            return
        done = isolate.run("bench.gpu.probes:ask", name, left)
        row = dict(done["rows"]).get(name) or {"question": every[name].question}
        if done["status"] != "ok":
            row |= {"verdict": done["status"], **{k: done.get(k) for k in ("error", "output")}}
        keep(name, {**row, "seconds": done["seconds"]})
        print(f"  {name:<24} {row['verdict']}", flush=True)

    every = probes.every()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, [name for name, probe in every.items() if not probe.alone]))
    for name, probe in every.items():
        if probe.alone:
            ask(name)
    bad = [name for name in every if rows[name]["verdict"] not in ("yes", "measured", "stand-in")]
    return {
        "status": "failed" if bad else "ok",
        "rows": {n: rows[n] for n in every},
        "not yes": bad,
    }


def run_kernels(context: Context, seconds: float) -> dict[str, Any]:
    """The cases of every kernel against NumPy, dealt out to several processes: they compile."""
    count = suite.workers()
    with ThreadPoolExecutor(count) as pool:
        shares = list(pool.map(lambda k: kernels_from(context, seconds, k, count), range(count)))
    total = next((share["of"] for share in shares if share["of"] is not None), None)
    cases = sum(share["cases"] for share in shares)
    failures = {name: fault for share in shares for name, fault in share["failures"].items()}
    good = not failures and cases == total
    result: dict[str, Any] = {"status": "ok" if good else "failed", "cases": cases, "of": total}
    if not failures and not good:
        result |= {"status": "timeout", "error": f"{cases} of {total} cases in time"}
    return result | {"failures": failures}


def kernels_from(context: Context, seconds: float, start: int, step: int) -> dict[str, Any]:
    """Every step-th case; when the process dies of one, a new one goes on after it."""
    end, cases, total = time.monotonic() + seconds, 0, None
    failures: dict[str, Any] = {}
    for _ in range(RESTARTS):
        left = end - time.monotonic()
        if left < 2:
            break
        # A case begun within the limit may still compile for seconds.
        options = {"limit": left * 0.75, "start": start, "step": step}
        done = context.task("kernels:run", left, **options)
        rows = dict(done["rows"])
        told = {key: rows.pop(key, None) for key in ("next", "cases", "of", "at")}
        failures |= rows
        if told["next"] is None:  # it died in a case, or before the first
            name, told["next"] = told["at"] or ("before the first case", None)
            failures[name] = {key: done.get(key) for key in ("status", "error", "output")}
            if told["next"] is None:
                break
            told["cases"] = (told["next"] - start) // step
        total = told["of"] if total is None else total
        cases, start = cases + told["cases"], told["next"]
        if total is not None and (start >= total or done["status"] == "timeout"):
            break
    return {"cases": cases, "of": total, "failures": failures}


def run_tests(context: Context, seconds: float) -> dict[str, Any]:
    return suite.tests(context.options.tests, seconds)


def run_sanitizer(context: Context, seconds: float) -> dict[str, Any]:
    """memcheck, racecheck and initcheck over the cases of the kernels."""
    program = suite.sanitizer()
    if program is None:
        return {"status": "refused", "error": "compute-sanitizer was not found on this machine"}
    result: dict[str, Any] = {"status": "ok", "program": program, "tools": {}}
    step = 7 if context.options.quick else 1
    with ThreadPoolExecutor(len(suite.TOOLS)) as pool:  # side by side: most of it is the host's
        found = {t: pool.submit(suite.sanitized, t, program, seconds, step) for t in suite.TOOLS}
        for tool, running in found.items():
            row = result["tools"][tool] = running.result()
            print(f"  {tool}: {row['findings']} findings", flush=True)
            if row["findings"] != 0 or row["status"] != "ok":
                result["status"] = "failed"
            context.report.add("sanitizer", result)
    return result


def task(name: str) -> Callable[[Context, float], dict[str, Any]]:
    """A part that is one task of bench.gpu; one row that could not be measured fails it."""

    def part(context: Context, seconds: float) -> dict[str, Any]:
        done = context.task(name, seconds)
        done["rows"] = dict(done["rows"])
        bad = [n for n, row in done["rows"].items() if isinstance(row, dict) and "error" in row]
        if bad and done["status"] == "ok":
            done |= {"status": "failed", "error": f"{len(bad)} rows failed, {bad[0]} first"}
        return done

    return part


class Part(NamedTuple):
    seconds: float  # its share of the time; what it leaves goes to the parts after it
    run: Callable[[Context, float], dict[str, Any]]


PARTS = {
    "probes": Part(120, run_probes),
    "kernels": Part(60, run_kernels),
    "host": Part(15, task("measure:host")),
    "bandwidth": Part(60, task("measure:bandwidth")),
    "matmul": Part(45, task("measure_products:half")),
    "float32": Part(30, task("measure_products:float32")),
    "tutorial": Part(20, task("measure_steps:tutorial")),
    "start": Part(80, task("measure_steps:start")),
    "tests": Part(120, run_tests),
    "sanitizer": Part(80, run_sanitizer),
}
FIGURES = ("host", "bandwidth", "matmul", "float32", "tutorial", "start")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks for, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="folder of the JSON")
    parser.add_argument("--show", type=Path, metavar="JSON", help="print a report of before")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds, 3 minutes")
    parser.add_argument("--only", metavar="A,B", help=f"of the parts {', '.join(PARTS)}")
    parser.add_argument("--skip", metavar="A,B", default="", help="parts to leave out")
    parser.add_argument("--budget", type=float, help="seconds for everything (530, quick 180)")
    parser.add_argument("--tests", metavar="K", default="cuda", help="pytest's -k, or all")
    parser.add_argument("--no-torch", action="store_true", help="no comparison with PyTorch")
    parser.add_argument("--rehearse", action="store_true", help="allow the stand-in driver")
    options = parser.parse_args(words)
    if (options.out is None) == (options.show is None):
        parser.error("say --out with the folder that the report goes to, or --show with a report")
    options.parts = parts_of(parser, options.only, options.skip)
    options.budget = options.budget or (180 if options.quick else 530)
    return options


def parts_of(parser: argparse.ArgumentParser, only: str | None, skip: str) -> list[str]:
    chosen = list(PARTS) if only is None else only.split(",")
    left_out = [name for name in skip.split(",") if name]
    for name in (*chosen, *left_out):
        if name not in PARTS:
            parser.error(f"{name!r} is not a part; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in chosen and name not in left_out]


def check(context: Context) -> bool:
    """Run the parts in turn; whether all went well."""
    good = True
    for number, name in enumerate(context.options.parts):
        weights = [PARTS[later].seconds for later in context.options.parts[number:]]
        seconds = context.left() * weights[0] / sum(weights)
        print(f"{name} (up to {seconds:.0f} s)", flush=True)
        began = time.monotonic()
        result: dict[str, Any]
        if seconds < 1:
            result = {"status": "refused", "error": "no time was left: raise --budget"}
        else:
            result = PARTS[name].run(context, seconds)
        result["seconds"] = round(time.monotonic() - began, 1)
        context.report.add(name, result)
        good = good and result["status"] == "ok"
        print(f"  {result['status']} {result.get('error', '')}".rstrip(), flush=True)
    return good


def stopped(number: int, frame: Any) -> None:
    """A signal ends the check as Ctrl-C does: the processes it started go, the file stays."""
    isolate.end_all()
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(words: list[str] | None = None) -> int:
    """0 if all is well, 1 if something was found, 2 if this is no machine to ask."""
    options = arguments(words)
    if options.show is not None:
        print(table.text(json.loads(options.show.read_text())))
        return 0
    done = isolate.run("bench.gpu.facts:gather", None, 60)
    facts = dict(done["rows"])
    if not facts.get("available"):
        print(f"gpu_check: no GPU: {facts.get('reason') or done.get('error')}", file=sys.stderr)
        return 2
    if facts["stand_in"] and not options.rehearse:
        print("gpu_check: the driver is a stand-in that executes nothing", file=sys.stderr)
        return 2
    report = Report(options.out, facts, {k: str(v) for k, v in vars(options).items()})
    report.save()
    context = Context(options, report)
    try:
        good = check(context)
    except KeyboardInterrupt:
        print(f"gpu_check: cut off; what was found is in {report.path}", file=sys.stderr)
        return 1
    report.finish(time.monotonic() - context.started)
    print(f"\n{table.text(report.data)}\n\nwrote {report.path}")
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped)
    sys.exit(main())
