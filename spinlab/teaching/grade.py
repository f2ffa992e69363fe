"""Grade a folder of notebooks: ``python -m spinlab.teaching.grade FOLDER`` writes a CSV table.

Every notebook is executed from top to bottom, and each call of ``check_answer`` becomes a line:
notebook, exercise, right (1 or 0), the sentence that the learner saw.  Of several tries at an
exercise the last one counts.  Notebooks are programs: run those of strangers in a container.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

from .exercises import EXERCISES


def grade(folder, timeout=300):
    """Execute the notebooks of a folder and its subfolders, and collect their verdicts.

    Parameters
    ----------
    folder : str or Path
    timeout : int
        Seconds a cell may take.

    Returns
    -------
    list of tuple (str, str, int, str)
        Notebook, exercise, 1 if right, sentence: one for every exercise that was tried.
    """
    folder = Path(folder)
    notebooks = [p for p in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    if not notebooks:
        raise ValueError(f"There is no notebook in {str(folder)!r}.")
    return [row for path in notebooks for row in _grade_one(path, folder, timeout)]


def _grade_one(path, folder, timeout):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError

    name = str(path.relative_to(folder))
    with tempfile.TemporaryDirectory() as scratch:
        record = Path(scratch, "verdicts")
        environment = {**os.environ, "SPINLAB_GRADES": str(record), "MPLBACKEND": "agg"}
        try:
            client = NotebookClient(
                nbformat.read(path, as_version=4), timeout=timeout, allow_errors=True,
                resources={"metadata": {"path": str(path.parent)}},
            )
            client.execute(env=environment)
            trouble = []
        except (CellExecutionError, CellControlSignal, TimeoutError, RuntimeError) as error:
            trouble = [(name, "(notebook)", 0, f"Stopped: {type(error).__name__}.")]
        except Exception as error:  # not a notebook at all
            trouble = [(name, "(notebook)", 0, f"Could not be read: {type(error).__name__}.")]
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    last = {exercise: (right, sentence) for exercise, right, sentence in map(json.loads, lines)}
    tried = [(name, key, int(last[key][0]), last[key][1]) for key in EXERCISES if key in last]
    return tried + trouble or [(name, "(notebook)", 0, "No exercise was checked.")]


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m spinlab.teaching.grade", description=__doc__)
    parser.add_argument("folder", help="where the notebooks are")
    parser.add_argument("--output", default="-", help="CSV file; default: standard output")
    options = parser.parse_args(arguments)
    try:
        rows = grade(options.folder)
    except ValueError as error:
        parser.error(str(error))
    with contextlib.ExitStack() as stack:  # which closes the file, but not the standard output
        target = sys.stdout
        if options.output != "-":
            target = stack.enter_context(open(options.output, "w", newline="", encoding="utf-8"))
        writer = csv.writer(target)
        writer.writerow(("notebook", "exercise", "right", "sentence"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
