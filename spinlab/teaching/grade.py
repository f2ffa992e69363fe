"""Grade a folder of notebooks: ``python -m spinlab.teaching.grade FOLDER`` writes a CSV table.

Every notebook is copied to a scratch folder, with nothing beside it, and executed there from top to
bottom by a process of its own, which has a time limit.  In it, ``check_answer`` only records: the
name of the exercise and the answer as plain data (a function as the numbers that it gave).  This
process judges the last record of each exercise against its own references, and writes a line:
notebook, exercise, right (1 or 0), sentence.  So a notebook that crashes, hangs, or changes
spinlab within its kernel, costs its own lines only.

What this cannot close: a notebook may import the reference answers and hand them in, or write them
into its record, and a program that runs under your name may do whatever you may do.  Read what
you grade, and run the notebooks of strangers in a container.
"""

import argparse
import contextlib
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .exercises import EXERCISES, Verdict, judge

#: Executes a notebook, whose cells share the seconds given, whatever they raise.
RUN = """
import sys, time, nbclient, nbformat
path, seconds = sys.argv[1], float(sys.argv[2])
end = time.monotonic() + seconds
nbclient.NotebookClient(
    nbformat.read(path, as_version=4), allow_errors=True, kernel_name="python3",
    timeout_func=lambda cell: max(1, int(end - time.monotonic())),
).execute()
"""
#: No notebook records more, and no answer is longer, in bytes.
LARGEST, LONGEST = 10_000_000, 300_000


def grade(folder, timeout=600):
    """Execute the notebooks of a folder and its subfolders, one by one, and judge their answers.

    Parameters
    ----------
    folder : str or Path
    timeout : float
        Seconds that a notebook may take.

    Yields
    ------
    tuple (str, str, int, str)
        Notebook, exercise, 1 if right, sentence: one for every exercise that was tried, and one for
        a notebook in which none was, or that was stopped.
    """
    folder = Path(folder)
    notebooks = [
        path for path in sorted(folder.rglob("*.ipynb"))
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    ]  # fmt: skip
    if not notebooks:
        raise ValueError(f"There is no notebook in {str(folder)!r}.")
    return (
        (str(path.relative_to(folder)), *row) for path in notebooks for row in _rows(path, timeout)
    )


def _rows(path, timeout):
    """The rows of one notebook; whatever goes wrong costs no other one anything."""
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            place, record = Path(scratch, "work"), Path(scratch, "record")
            place.mkdir()
            shutil.copy(path, place / "notebook.ipynb")
            trouble = _run(place, record, timeout)
            rows = list(_judged(record))
    except Exception as error:
        rows, trouble = [], f"Could not be graded: {type(error).__name__}."
    if trouble or not rows:
        rows.append(("(notebook)", 0, trouble or "No exercise was checked."))
    return rows


def _run(place, record, timeout):
    """Execute the notebook; a sentence if it did not come to its end."""
    command = [sys.executable, "-c", RUN, "notebook.ipynb", str(timeout)]
    environment = {**os.environ, "SPINLAB_GRADES": str(record), "MPLBACKEND": "agg"}
    try:
        done = subprocess.run(
            command, cwd=place, env=environment, timeout=timeout + 30, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"Stopped: it took longer than {timeout:g} s."
    told = done.stderr.decode(errors="replace")
    raised = re.findall(r"^[\w.]+(?:Error|Kernel)\b.*", told, re.MULTILINE)
    return f"Stopped: {(raised or ['it was killed.'])[-1][:200]}" if done.returncode else ""


def _judged(record):
    """Exercise, 1 if right, and sentence, of the last record of every exercise."""
    if not record.is_file() or record.stat().st_size > LARGEST:
        return
    last = {}
    for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(Exception):  # what check_answer has not written
            exercise, data, said = json.loads(line[:LONGEST])
            last[exercise] = data, str(said)
    for exercise in EXERCISES:
        if exercise in last:
            data, said = last[exercise]  # no data: the answer was refused in the notebook
            verdict = Verdict(exercise, False, said) if data is None else judge(exercise, data)
            yield exercise, int(verdict.right), verdict.sentence


def _cell(value):
    """Text that every file can hold and no spreadsheet takes for a formula."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return "'" + text if text.lstrip()[:1] in ("=", "+", "-", "@") and text.strip() else text


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m spinlab.teaching.grade", description=__doc__)
    parser.add_argument("folder", help="where the notebooks are")
    parser.add_argument("--output", default="-", help="CSV file; default: standard output")
    parser.add_argument("--timeout", type=float, default=600, help="seconds per notebook")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:  # which closes the file, but not the standard output
        target = sys.stdout
        try:
            rows = grade(options.folder, options.timeout)  # before a file is emptied
            if options.output != "-":
                target = open(options.output, "w", newline="", encoding="utf-8")
                stack.enter_context(target)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        writer = csv.writer(target)
        writer.writerow(("notebook", "exercise", "right", "sentence"))
        try:
            for row in rows:
                writer.writerow([_cell(value) for value in row])
                target.flush()
        except KeyboardInterrupt:
            sys.exit("Interrupted; the rows so far are kept.")


if __name__ == "__main__":
    main()
