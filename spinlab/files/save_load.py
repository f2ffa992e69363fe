"""Pulses that leave the book, and come back: ``save_pulse`` and ``load_pulse``.

Every format holds the RF in hertz and the step in seconds, its own way; what comes back is held
against what the file announces, and anything truncated, rescaled or foreign is refused with a
sentence.
"""

import numpy as np

from ..inputs import arrays, choice, instance, require, whole
from ..pulses.pulse import Pulse, one_channel
from . import formats, vendors
from .formats import DIGITS, SAMPLES, file_path, read_text, write_text

#: name: (ending of the file, write, read)
FORMATS = {
    "json": (".json", formats.write_json, formats.read_json),
    "csv": (".csv", formats.write_csv, formats.read_csv),
    "bruker": (".shape", vendors.write_bruker, vendors.read_bruker),
    "siemens": (".pta", vendors.write_siemens, vendors.read_siemens),
    "pulseq": (".seq", vendors.write_pulseq, vendors.read_pulseq),
}


def save_pulse(pulse, path, format=None, about="", system=None):
    """Write a pulse to a file, over what may be there; if that fails, the old file stays.

    Parameters
    ----------
    pulse : Pulse
        Of one RF channel; piecewise linear for JSON and CSV only.
    path : str or Path
    format : {"json", "csv", "bruker", "siemens", "pulseq"}, optional
        Default: by the ending of the path, .json, .csv, .shape, .pta or .seq.
    about : str
        Free text for whoever finds the file; the vendors' formats keep a line of ASCII of it.
    system : pypulseq.Opts, optional
        Raster and dead times of the scanner, for Pulseq.

    Raises
    ------
    ValueError
        What the format cannot say: ramps, a pulse of zeros, a step off Pulseq's raster.
    """
    one_channel(pulse)
    whole("The number of samples", pulse.waveform.shape[1], 1, SAMPLES)
    path, name = _file(path, format)
    if system is not None and name != "pulseq":
        raise TypeError(f"system= is for Pulseq; the format {name!r} knows no scanner.")
    options = {} if system is None else {"system": system}
    text = FORMATS[name][1](pulse, instance("about", about, str), **options)
    write_text(path, text)


def load_pulse(path, format=None, rf_hz=None, dt=None):
    """Read a pulse from a file.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        As in :func:`save_pulse`.
    rf_hz : float, optional
        RF amplitude, Hz, that 1 stands for: for foreign Bruker and Siemens shapes that of the peak,
        100 % or 1; of Pulseq and CSV, whose samples are in Hz, default their largest.
    dt : float, optional
        Length of a step, s, where the file does not say it.

    Returns
    -------
    Pulse

    Raises
    ------
    ValueError
        A file that is not complete, not of this format or contradicts itself or the arguments; the
        sentence says what is wrong.
    """
    path, name = _file(path, format)
    rf_hz, dt = arrays("rf_hz?: > 0; dt?: > 0 (seconds)", rf_hz=rf_hz, dt=dt)
    text = read_text(path)
    try:
        return _pulse(FORMATS[name][2](text), rf_hz, dt)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name} is refused as {name}. {error}") from error


def _file(path, format):
    path, endings = file_path(path), {row[0]: name for name, row in FORMATS.items()}
    if format is None:
        format = endings[choice("format for the ending", path.suffix.lower(), endings)]
    return path, choice("format", format, FORMATS)


def _pulse(contents, rf_hz, dt):
    """A pulse from what the file says and what the caller adds."""
    dt = _agreed("dt", contents.dt, dt)
    signal, own_rf_hz, unit_hz = contents.signal, contents.rf_hz, contents.unit_hz
    if unit_hz and own_rf_hz is None and rf_hz is None:
        own_rf_hz = np.abs(signal).max() * unit_hz or None  # of zeros nothing can be told
    rf_hz = _agreed("rf_hz", own_rf_hz, rf_hz)
    waveform = np.array([signal.real, signal.imag]) * ((unit_hz or rf_hz) / rf_hz)
    if np.abs(waveform).max() < 1 + DIGITS:
        waveform = np.clip(waveform, -1, 1)  # the last digit of a file
    return Pulse(waveform, dt, rf_hz, contents.control)


def _agreed(name, own, given):
    require(own is not None or given is not None, f"It does not say {name}; give it as {name}=.")
    if own and given:
        same = abs(own - given) <= DIGITS * own
        require(same, f"It says {name} = {own:.6g}, but {given:.6g} was given.")
    return given if own is None else own
