"""Times that a page measures, and what it says of them, wherever it runs.

What the book says of times is asserted where it is built.  A reader's machine may be of another
kind: a server that many share, or a browser, whose Python has a single thread, no clock of
processor time, and some parts that are slowed down far more than others.
"""

import os
import time


class Stopwatch:
    """Processor time since it was made, in seconds; in a browser, all time.

    By default this thread's time: the other threads of a notebook's kernel do not count, nor do
    those of a linear-algebra library, which may spend time on waiting.

    Parameters
    ----------
    threads : bool
        Whether all threads of the process count: for a job that shares its work among several.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> early = watch.seconds
    >>> 0 < early <= watch.seconds < 1
    True
    """

    def __init__(self, threads=False):
        # In a browser there is no thread_time, and process_time may stand still.
        wanted = "process_time" if threads else "thread_time"
        self._clock = wanted if hasattr(time, "thread_time") else "perf_counter"
        self._began = self._now()

    def _now(self):
        return getattr(time, self._clock)()

    @property
    def seconds(self):
        """So far; never 0, so that one may divide by it, but what the clock resolves at least."""
        return max(self._now() - self._began, time.get_clock_info(self._clock).resolution)


def assert_timing(holds, sentence="the times compare as the text says"):
    """Assert what a page says of times where the book is built; elsewhere only tell.

    Parameters
    ----------
    holds : bool
    sentence : str
        What it says, with neither capital nor full stop.

    Raises
    ------
    AssertionError
        It does not hold, and this is the book's build (``SPINLAB_BOOK`` is 1).

    Examples
    --------
    >>> assert_timing(2.0 > 1.0, "two seconds are more than one")
    >>> assert_timing(1.0 > 2.0, "one second is more than two")
    Not so on this machine: one second is more than two.
    """
    if holds:
        return
    said = f"Not so on this machine: {sentence}."
    if os.environ.get("SPINLAB_BOOK") == "1":
        raise AssertionError(said)
    print(said)  # a reader's page goes on
