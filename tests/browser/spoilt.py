"""A wrong answer made of a right one; a page runs this text, too (test_live_notebooks.py)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import spinlab as sl


def spoilt(value):
    """Something of the same kind that is wrong, whatever was asked."""
    if callable(value):
        return lambda *arguments: spoilt(value(*arguments))
    if hasattr(value, "pulse"):  # the result of a design
        return spoilt(value.pulse)
    if isinstance(value, sl.Pulse):
        return replace(value, waveform=-value.waveform / 2)
    if isinstance(value, Path):
        path = value.with_name(f"spoilt{value.suffix}")
        sl.save_pulse(spoilt(sl.load_pulse(value)), path)
        return path
    if isinstance(value, str):
        return "I1x"
    if isinstance(value, (list, tuple)):
        blocks = [one for one in value if hasattr(one, "__dataclass_fields__")]
        sequence = blocks and not isinstance(blocks[0], sl.Pulse)
        return value[:-1] if sequence else type(value)(map(spoilt, value))
    return -1.3 * np.asarray(value) - 1
