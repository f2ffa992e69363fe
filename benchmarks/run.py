"""Measure spinlab's speed and accuracy: ``make bench``, or one area of it: ``make bench ONLY=fem``.

Prints a table, writes ``benchmarks/results.json`` and exits with 1 where a target is missed.  To
add an area, write a module with a function ``records()`` and a line in :data:`AREAS`.
"""

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

#: area: module in this folder
AREAS = {
    "fem": "fem", "ensembles": "ensembles", "mma": "mma", "optimisers": "optimisers",
    "which": "which", "mrs": "mrs", "beyond": "beyond", "live": "live", "reader": "reader",
    "peers": "peers",
}  # fmt: skip

RESULTS = Path(__file__).with_name("results.json")
#: What the book cites of these rows.
CITED = Path(__file__).parents[1] / "book" / "data" / "paper.json"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure spinlab's speed and accuracy.")
    parser.add_argument("--only", metavar="AREA", help=f"one of {', '.join(AREAS)}")
    only = parser.parse_args(arguments).only
    if only is not None and only not in AREAS:
        return f"There is no benchmark area {only!r}; choose one of {', '.join(AREAS)}."
    # Before NumPy is imported: its linear algebra reads these once.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    start = time.perf_counter()
    records = []
    for area in AREAS if only is None else [only]:
        began = time.perf_counter()
        for record in importlib.import_module(AREAS[area]).records():
            records.append({"area": area, **record})
            print(as_line(records[-1]), flush=True)
        print(f"{area}: {time.perf_counter() - began:.0f} s", flush=True)
    RESULTS.write_text(json.dumps(records, indent=1) + "\n")
    missed = [record["name"] for record in records if not record["ok"]]
    print(f"\n{len(records)} rows in {time.perf_counter() - start:.0f} s, written to {RESULTS}.")
    print("Baselines, by row, are named there.")
    if lost := no_longer_made(records):
        return f"The book cites rows that are no longer made: {'; '.join(lost)}."
    return f"Missed: {'; '.join(missed)}." if missed else 0


def no_longer_made(records):
    """Rows that the book cites, of the areas that have run, and that are not there."""
    from which import names

    cited = json.loads(CITED.read_text(encoding="utf-8"))["rows"] | {"which": names().values()}
    made = {(record["area"], record["name"]) for record in records}
    ran = {area for area, _ in made}
    return [name for area in cited for name in cited[area]
            if area in ran and (area, name) not in made]  # fmt: skip


def as_line(record):
    """One row of the table."""
    sign = {"at least": ">=", "at most": "<=", None: "  "}[record["sense"]]
    target = "" if record["target"] is None else f"{record['target']:.3g}"
    verdict = "" if record["target"] is None else "ok" if record["ok"] else "MISSED"
    return (
        f"{record['area']:10} {record['name']:68} {record['value']:10.3g} {record['unit']:8} "
        f"{sign} {target:7} {verdict}"
    ).rstrip()


if __name__ == "__main__":
    sys.exit(main())
