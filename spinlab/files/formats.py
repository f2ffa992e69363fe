"""How a pulse is written down, in our own words: JSON and CSV; and what other formats borrow.

A writer turns a pulse into text, a reader turns text into :class:`Contents`: what the file says,
whole or not.  Where a format has no word for a number of the pulse, a mark of ours says it in a
comment; its checksum covers the samples, so that nothing is lost or changed without being seen:

    spinlab-pulse-2:dt_us=0.5;rf_hz=10000;peak_hz=10000;control=constant;crc=0a1b2c3d
"""

import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..inputs import arrays, instance, require

#: Largest deviation that the digits of a file explain.
DIGITS = 1e-5
#: The most samples that are written, and the largest file, in bytes, that is read.
SAMPLES, LARGEST = 1_000_000, 100_000_000


@dataclass(frozen=True)
class Contents:
    """What a file says of a pulse; ``None`` where it is silent.

    Parameters
    ----------
    signal : ndarray, (samples,)
        Complex, x + iy.
    unit_hz : float, optional
        What 1 in the signal stands for.
    dt, rf_hz : float, optional
    control : {"constant", "linear"}
    """

    signal: np.ndarray
    unit_hz: float | None = None
    dt: float | None = None
    rf_hz: float | None = None
    control: str = "constant"


# What the formats have in common.


def file_path(path):
    """The path of a file, where no folder has it already."""
    path = Path(instance("path", path, (str, os.PathLike)))
    require(not path.is_dir(), f"{path} is a folder; give the path of a file in it.")
    return path


def read_text(path):
    """The text of a file, with a byte-order mark or without."""
    path = file_path(path)
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise OSError(f"there is no file of at most {LARGEST:.0e} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text: {error}.") from None


def write_text(path, text):
    """Write a file, over what may be there; if that fails, the old file stays."""
    path = file_path(path).resolve()  # what a link points to
    require(not path.exists() or path.is_file(), f"{path} is something else than a file.")
    require(path.parent.is_dir(), f"There is no folder {path.parent}; make it first.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def crc_of(*texts):
    """Eight digits that change with every word, but not with what stands between the words."""
    words = " ".join(re.split(r"[\s,;]+", " ".join(texts).strip()))
    return f"{zlib.crc32(words.encode()):08x}"


def check_crc(found, *texts):
    """Refuse texts that have another checksum."""
    require(found == crc_of(*texts), "Its checksum does not fit its samples: it was cut, scaled or "
            "changed. Without our mark, a table is read as a foreign one.")


def mark_of(pulse, samples=""):
    """All that a foreign format has no word for, and the checksum of it and of the samples."""
    mark = (f"spinlab-pulse-2:dt_us={pulse.dt * 1e6:.15g};rf_hz={pulse.rf_hz:.15g};"
            f"peak_hz={pulse.amplitude.max() * pulse.rf_hz:.15g};control={pulse.control}")
    return f"{mark};crc={crc_of(mark, samples)}"


def mark(text, before):
    """The mark behind the beginning of a line; None in a foreign file, which has none anywhere."""
    found = re.search(rf"^{before}(spinlab-pulse-\S*)", text, re.M)
    require(found or not re.search(r"spinlab-pulse-\d+:|;crc=", text), "Its mark is damaged: what "
            "it said of the pulse is lost. Without our mark, a table is read as a foreign one.")
    return found and found[1]


def contents(signal, mark, samples="", unit_hz=None, dt=None):
    """Contents by the mark, once it has been held against the samples; of a foreign file, as given.

    Without a unit, the signal is in units of the peak.
    """
    if not mark:
        return Contents(signal, unit_hz, dt)
    words = r"spinlab-pulse-2:dt_us=(.+);rf_hz=(.+);peak_hz=(.+);control=(.+)"
    found = re.fullmatch(f"({words});crc=(.+)", mark)
    require(found, f"The mark {mark!r} is not one that this version of spinlab writes.")
    check_crc(found[6], found[1], samples)
    dt_us, rf_hz, peak_hz = map(float, found.groups()[1:4])
    return Contents(signal, unit_hz or peak_hz, dt_us * 1e-6, rf_hz, found[5])


def table(rows, columns):
    """Rows of words as columns of numbers."""
    try:
        numbers = np.array(rows, dtype=float)
    except ValueError as error:
        raise ValueError(f"Its samples are no table of numbers: {error}.") from None
    return arrays(f"samples: rows {columns}", samples=numbers).T


def within(name, values, low, high, unit, hint=""):
    """Refuse columns that leave their range."""
    for end in (values.min(), values.max()):
        require(low - DIGITS * high <= end <= high * (1 + DIGITS),
                f"Its {name} lies between {low:.6g} and {high:.6g}{unit}, not at {end:.6g}.{hint}")


def one_line(about):
    """Free text as one line of ASCII."""
    return " ".join(about.encode("ascii", "replace").decode().split())


# JSON.

JSON_KEYS = ("format", "version", "about", "control", "rf_hz", "dt_s", "ux", "uy", "crc")


def write_json(pulse, about):
    """Our own format: every number of the pulse, in full.

    ``ux`` and ``uy`` are in units of ``rf_hz``, one sample per step, or for ``control`` "linear"
    one at each end of a step.
    """
    numbers = pulse.control, pulse.rf_hz, pulse.dt, *pulse.waveform.tolist()
    values = "spinlab pulse", 2, about, *numbers, crc_of(str(numbers))
    return json.dumps(dict(zip(JSON_KEYS, values, strict=True)), indent=1) + "\n"


def read_json(text):
    """Contents of :func:`write_json`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"It is not complete JSON ({error}).") from None
    require(isinstance(data, dict) and set(data) == set(JSON_KEYS) and data["version"] == 2,
            f"It is no version 2 with the keys {', '.join(JSON_KEYS)}.")
    layout, samples = "waveform: 2 samples; rf_hz: > 0; dt_s: > 0", [data["ux"], data["uy"]]
    waveform, rf_hz, dt = arrays(layout, waveform=samples, rf_hz=data["rf_hz"], dt_s=data["dt_s"])
    check_crc(data["crc"], str((data["control"], rf_hz, dt, *waveform.tolist())))
    return Contents(waveform[0] + 1j * waveform[1], rf_hz, dt, rf_hz, data["control"])


# CSV.

CSV_HEADERS = "time_us,ux_hz,uy_hz", "time_us,amplitude_hz,phase_rad"


def write_csv(pulse, about):
    """A table of time, us, and RF along x and y, Hz, below lines of comment (#).

    A row stands for the step that begins there; of a piecewise-linear pulse, for an end of steps.
    """
    columns = pulse.dt * 1e6 * np.arange(pulse.waveform.shape[1]), *pulse.waveform * pulse.rf_hz
    rows = [",".join(f"{value:.12g}" for value in row) for row in zip(*columns, strict=True)]
    # What begins with one of =+-@ is a formula to a program of tables, unless it is quoted.
    about = re.sub(r"([,;][\s\"']*)(?=[=+@-])", r"\1'", one_line(about))
    head = f"# {mark_of(pulse, ' '.join(rows))}", f"# {about}"
    return "\n".join([*head, CSV_HEADERS[0], *rows, ""])


def read_csv(text):
    """Contents of :func:`write_csv`, or of any table with such a header and even times."""
    words, *rows = cells(text) or [[]]
    header = ",".join(words)
    require(header in CSV_HEADERS,
            f"Its header is {header[:60]!r} instead of {' or '.join(CSV_HEADERS)}.")
    times, first, second = table(rows, 3)
    signal = first + 1j * second
    if header == CSV_HEADERS[1]:
        within("amplitude", first, 0, np.abs(first).max(), " Hz", " Turn the phase by pi instead.")
        within("phase", second, -2 * np.pi, 2 * np.pi, " rad", " Is it in degrees?")
        signal = first * np.exp(1j * second)
    ours = mark(text, "# ")
    dt = None if ours else even_step(times * 1e-6)
    return contents(signal, ours, " ".join(map(" ".join, rows)), 1.0, dt)


def cells(text):
    """Rows of words between commas; neither empty lines nor comments (#)."""
    lines = [line.strip() for line in text.splitlines()]
    return [[word.strip() for word in line.split(",")] for line in lines if line and line[0] != "#"]


def even_step(times):
    """The step of even times; None for a single one."""
    steps = np.diff(times)
    require(not steps.size or steps.min() > 0.9e-9 and np.ptp(steps) < 1e-3 * steps.mean(),
            "Its times do not grow by even steps of a nanosecond at least.")
    return float(steps.mean()) if steps.size else None
