"""How a pulse is written down, in our own words: JSON and CSV; and what other formats borrow.

A writer turns a pulse into text, a reader turns text into :class:`Contents`: what the file says,
whole or not.  Where a format has no word for a number of the pulse, a mark of ours says it in a
comment, so that nothing is lost between writing and reading:

    spinlab-pulse-1:samples=675;dt_us=0.5;rf_hz=10000;peak_hz=10000;control=constant
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from reprlib import repr as brief

import numpy as np

from ..inputs import finite_array, positive

#: Largest deviation that the digits of a file explain.
DIGITS = 1e-5


@dataclass(frozen=True)
class Contents:
    """What a file says of a pulse; ``None`` where it is silent.

    Parameters
    ----------
    signal : ndarray, (samples,)
        Complex, x + iy.
    in_hz : bool
        Whether the signal is in Hz; else in units of ``peak_hz``.
    dt, rf_hz, peak_hz : float, optional
    control : {"constant", "linear"}
    """

    signal: np.ndarray
    in_hz: bool
    dt: float | None = None
    rf_hz: float | None = None
    peak_hz: float | None = None
    control: str = "constant"


# What the formats have in common.


def mark_of(pulse):
    """All that a foreign format has no word for."""
    peak_hz = pulse.amplitude.max() * pulse.rf_hz
    return (
        f"spinlab-pulse-1:samples={pulse.waveform.shape[1]};dt_us={pulse.dt * 1e6:.15g};"
        f"rf_hz={pulse.rf_hz:.15g};peak_hz={peak_hz:.15g};control={pulse.control}"
    )


def contents(signal, in_hz, mark, **own):
    """Contents with the mark's numbers, once they have been held against the samples."""
    if not mark:
        return Contents(signal, in_hz, **own)
    found = re.fullmatch(
        r"spinlab-pulse-(\d+):samples=(\d+);dt_us=(.+);rf_hz=(.+);peak_hz=(.+);control=(.+)", mark
    )
    if not found or found[1] != "1":
        raise ValueError(f"The mark {mark!r} is not one that this version of spinlab writes.")
    if len(signal) != int(found[2]):
        raise ValueError(
            f"It holds {len(signal)} samples but announces {found[2]}; it is not complete."
        )
    dt_us, rf_hz, peak_hz = (_number(word) for word in found.groups()[2:5])
    for name, number in (("dt_us", dt_us), ("rf_hz", rf_hz)):
        positive(name, number)
    peak, wanted = np.abs(signal).max(), peak_hz if in_hz else 1
    if not abs(peak - wanted) <= DIGITS * wanted:
        raise ValueError(
            f"Its amplitude reaches {peak:.6g} where {wanted:.6g} was announced; it was scaled or "
            "changed after it was written."
        )
    dt = dt_us * 1e-6
    if "dt" in own and abs(own.pop("dt") - dt) > 1e-3 * dt:
        raise ValueError(f"Its times do not step by the {dt_us:g} us that it announces.")
    own["control"] = found[6]
    return Contents(signal, in_hz, dt=dt, rf_hz=rf_hz, peak_hz=peak_hz, **own)


def _number(word):
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{word.strip()[:40]!r} stands where a number belongs.") from None


def table(rows, columns):
    """Rows of words as columns of numbers."""
    for row in rows:
        if len(row) != columns:
            raise ValueError(
                f"The row {' '.join(row)[:40]!r} has {len(row)} columns instead of {columns}."
            )
    if not rows:
        raise ValueError("It holds no samples.")
    return finite_array("The samples", [[_number(word) for word in row] for row in rows]).T


def within(name, values, low, high, unit, hint=""):
    """Refuse columns that leave their range."""
    for value in (values.min(), values.max()):
        if not low - DIGITS * high <= value <= high * (1 + DIGITS):
            raise ValueError(
                f"Its {name} lies between {low:.6g} and {high:.6g}{unit}, not at {value:.6g}. "
                f"{hint}".rstrip()
            )


def one_line(about):
    """Free text as one line of ASCII."""
    return " ".join(about.encode("ascii", "replace").decode().split())


# JSON.

JSON_KEYS = ("format", "version", "about", "control", "rf_hz", "dt_s", "ux", "uy")


def write_json(pulse, about):
    """Our own format: every number of the pulse, in full.

    ``ux`` and ``uy`` are in units of ``rf_hz``, one sample a step, or for ``control`` "linear" one
    at each end of a step.
    """
    ux, uy = pulse.waveform.tolist()
    values = "spinlab pulse", 1, about, pulse.control, pulse.rf_hz, pulse.dt, ux, uy
    return json.dumps(dict(zip(JSON_KEYS, values, strict=True)), indent=1) + "\n"


def read_json(text):
    """Contents of :func:`write_json`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"It is not complete JSON ({error}).") from None
    keys = list(data) if isinstance(data, dict) else []
    if set(keys) != set(JSON_KEYS):
        raise ValueError(f"It has the keys {brief(keys)} instead of {', '.join(JSON_KEYS)}.")
    if (data["format"], data["version"]) != ("spinlab pulse", 1):
        raise ValueError("Its format is not 'spinlab pulse', version 1.")
    waveform = finite_array("The samples ux and uy", [data["ux"], data["uy"]])
    if waveform.ndim != 2:
        raise ValueError("ux and uy must be lists of numbers.")
    rf_hz, dt = (positive(name, data[name]) for name in ("rf_hz", "dt_s"))
    signal = waveform[0] + 1j * waveform[1]
    return Contents(signal, False, dt, rf_hz, peak_hz=rf_hz, control=data["control"])


# CSV.

CSV_HEADERS = ["time_us", "ux_hz", "uy_hz"], ["time_us", "amplitude_hz", "phase_rad"]


def write_csv(pulse, about):
    """A table of time, us, and RF along x and y, Hz, with lines of comment (#) around it.

    A row stands for the step that begins there; of a piecewise-linear pulse, for an end of steps.
    """
    columns = pulse.dt * 1e6 * np.arange(pulse.waveform.shape[1]), *pulse.waveform * pulse.rf_hz
    rows = (",".join(f"{value:.12g}" for value in row) for row in zip(*columns, strict=True))
    head = f"# {mark_of(pulse)}", f"# {one_line(about)}", ",".join(CSV_HEADERS[0])
    return "\n".join([*head, *rows, "# end", ""])


def read_csv(text):
    """Contents of :func:`write_csv`, or of any table with such a header and even times."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    mark = re.search(r"^# (spinlab-pulse-\S*)", text, re.M)
    if mark and lines[-1] != "# end":
        raise ValueError("Its last line is not '# end'; it is not complete.")
    plain = [line for line in lines if line[0] != "#"]
    header, *rows = [[word.strip() for word in line.split(",")] for line in plain] or [[]]
    if header not in CSV_HEADERS:
        known = " or ".join(map(",".join, CSV_HEADERS))
        raise ValueError(f"Its header is {','.join(header)[:60]!r} instead of {known}.")
    times, first, second = table(rows, 3)
    signal = first + 1j * second
    if header == CSV_HEADERS[1]:
        within("amplitude", first, 0, np.abs(first).max(), " Hz", "Turn the phase by pi instead.")
        within("phase", second, -2 * np.pi, 2 * np.pi, " rad", "Is it in degrees?")
        signal = first * np.exp(1j * second)
    return contents(signal, True, mark and mark[1], **even_step(times * 1e-6))


def even_step(times):
    """The step of even times, as a keyword; nothing for a single one."""
    steps = np.diff(times)
    if not steps.size:
        return {}
    if not (steps.min() > 0 and np.ptp(steps) < 1e-3 * steps.mean()):
        raise ValueError("Its times do not grow by even steps.")
    return {"dt": float(steps.mean())}
