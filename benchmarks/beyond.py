"""What goes beyond one problem, one band, one end: all areas of it, one after the other."""

import beyond_bands


def records():
    """The rows of the table."""
    yield from beyond_bands.records()
