"""Teaching: figures with sliders, and exercises that check themselves.

===========  ======================================================================================
slider       a native control of a figure; a *drop-down* where its values are text (``explore``)
frame        the figure at one position of its sliders; a page without a kernel replays all of them
formula      a curve of closed form, which the page itself computes (``explore_formula``)
alt          what a picture shows, in words, for those who cannot see it
exercise     a question of a chapter, with its reference answer (``answers/``)
verdict      whether an answer is right, and a hint that does not reveal it (``check_answer``)
slip         a usual mistake that a hint names, where all entries of all cases agree with it
plain data   an answer as numbers and text, which another process can judge again
grader       runs a folder of notebooks and judges their answers (``spinlab.teaching.grade``)
stopwatch    processor time of a job; what a page says of times binds the book's build alone, and
             no reader's machine (``assert_timing``)
===========  ======================================================================================

Nothing of this is loaded before it is used: figures need Matplotlib, and answers all chapters.
"""

from importlib import import_module

_ROOMS = {
    "explore": "sliders", "explore_formula": "formula_sliders", "check_answer": "exercises",
    "Stopwatch": "timing", "assert_timing": "timing",
}  # fmt: skip


def __getattr__(name):
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__():
    return sorted([*globals(), *_ROOMS])
