"""What lies beyond one channel, one task, one duration, one place: the rows of several modules."""

from importlib import import_module

#: modules in this folder
PARTS = ("beyond_bands", "beyond_space", "beyond_time")


def records():
    for part in PARTS:
        yield from import_module(part).records()
