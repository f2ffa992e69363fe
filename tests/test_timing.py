"""Times on a page: a clock that every machine has, and claims that stop no reader."""

import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from spinlab.teaching import Stopwatch, assert_timing

NOTEBOOKS = sorted((Path(__file__).parents[1] / "book").rglob("*.ipynb"))


def clocks(monkeypatch, **seconds):
    """Clocks that show what is given; no thread_time unless it is given, as in a browser."""
    monkeypatch.delattr(time, "thread_time")
    for name, shown in seconds.items():
        monkeypatch.setattr(time, name, iter(shown).__next__, raising=False)
    monkeypatch.setattr(time, "get_clock_info", lambda name: SimpleNamespace(resolution=1e-4))


@pytest.mark.parametrize("threads, last", [(False, 3.0), (True, 13.0)])
def test_the_clock_is_the_threads_or_the_process(monkeypatch, threads, last):
    clocks(monkeypatch, thread_time=[1.0, 2.0, 4.0], process_time=[1.0, 2.0, 14.0])
    watch = Stopwatch(threads)
    assert (watch.seconds, watch.seconds) == (1.0, last)


@pytest.mark.parametrize("threads", [False, True])
def test_a_browser_has_one_clock(monkeypatch, threads):
    clocks(monkeypatch, perf_counter=[5.0, 7.0], process_time=[0.0, 0.0])
    assert Stopwatch(threads).seconds == 2.0


@pytest.mark.parametrize("name", ["thread_time", "perf_counter"])
def test_a_clock_that_stands_still_shows_its_resolution(monkeypatch, name):
    clocks(monkeypatch, **{name: [5.0, 5.0]})
    assert Stopwatch().seconds == 1e-4


def test_work_counts_and_waiting_does_not():
    watch = Stopwatch()
    time.sleep(0.05)
    waited = watch.seconds
    sum(range(200_000))
    assert 0 < waited < 0.04 and watch.seconds > waited


def test_a_claim_binds_the_build_alone(monkeypatch, capsys):
    monkeypatch.setenv("SPINLAB_BOOK", "1")
    assert_timing(True, "this is so")
    with pytest.raises(AssertionError, match="^Not so on this machine: blocks win.$"):
        assert_timing(False, "blocks win")
    monkeypatch.delenv("SPINLAB_BOOK")
    assert_timing(True, "this is so")
    assert capsys.readouterr().out == ""
    assert_timing(False, "blocks win")
    assert capsys.readouterr().out == "Not so on this machine: blocks win.\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pages_have_no_other_clock(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    clock = re.compile("(process|thread|monotonic)_time|perf_counter|import time|from time")
    assert not [source for source in ("".join(c["source"]) for c in cells) if clock.search(source)]
