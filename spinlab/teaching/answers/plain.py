"""Answers as plain data, as JSON knows them, and back: what a grader in another process judges."""

from dataclasses import fields
from pathlib import Path

from ...files.save_load import FORMATS
from ...inputs import finite_array
from ...mrs.blocks import BLOCKS
from ...pulses.pulse import Pulse

#: what an answer may be made of, besides numbers and text
KINDS = {kind.__name__: kind for kind in (Pulse, *BLOCKS)}


class Refusal(ValueError):
    """A sentence for the learner."""


def numbers(value):
    """The value as finite, real numbers, in nested lists."""
    try:
        return finite_array("The answer", value).tolist()
    except (TypeError, ValueError) as error:
        raise Refusal(str(error)) from None


def text(value):
    """The value, if it is text."""
    if not isinstance(value, str):
        raise Refusal(f"Wanted is text, but {type(value).__name__} arrived.")
    return value


def pack(value):
    """Pulses, blocks and lists of them as plain data; of the result of a design, its pulse."""
    if hasattr(value, "pulse") and type(value).__name__ not in KINDS:
        value = value.pulse
    if type(value).__name__ in KINDS:
        names = [field.name for field in fields(value)]
        return {type(value).__name__: {name: pack(getattr(value, name)) for name in names}}
    if isinstance(value, (list, tuple)):
        return [pack(one) for one in value]
    return value if value is None or isinstance(value, (int, str)) else numbers(value)


def unpack(data):
    """What :func:`pack` was given."""
    if isinstance(data, list):
        return [unpack(one) for one in data]
    if not isinstance(data, dict):
        return data
    ((name, values),) = data.items()
    return KINDS[name](**{key: unpack(value) for key, value in values.items()})


def pulses(data, steps=2000):
    """The pulses in plain data, in a list."""
    found = unpack(data if isinstance(data, list) else [data])
    for one in found:
        if not isinstance(one, Pulse):
            raise Refusal(f"Wanted is a Pulse, but {type(one).__name__} arrived.")
        if one.steps > steps:
            raise Refusal(f"The pulse has {one.steps} steps; at most {steps} are judged.")
    return found


def read_file(path):
    """Ending and text of a file."""
    path = Path(path)
    endings = [ending for ending, *_ in FORMATS.values()]
    if path.suffix not in endings:
        raise Refusal(f"Wanted is the path of a file that ends on {', '.join(endings)}.")
    return [path.suffix, path.read_text(encoding="utf-8")]
