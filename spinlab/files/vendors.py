r"""How other people write a pulse down: Bruker, Siemens, and Pulseq through pypulseq.

RF along x has phase 0 and along y a quarter turn in every format, and the phase of a frequency
above the carrier grows, as everywhere in this book.  A console may count phases the other way
round: then the pulse acts on the mirror image of the offsets; a ramp of the phase, played, tells.

Bruker and Siemens scale a shape to its peak, 100 % or 1; what the peak is in hertz, and the step,
stands in the mark of :mod:`spinlab.files.formats`.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import tempfile
from pathlib import Path

import numpy as np

from ..inputs import finite_array, instance
from .formats import DIGITS, Contents, contents, even_step, mark_of, one_line, table, within


def _shape(pulse):
    """Amplitude in units of the peak, phase between 0 and 2 pi, peak in Hz, and integral."""
    if pulse.control != "constant":
        raise ValueError(
            "This format knows steps only, but the pulse is piecewise linear; save it as JSON or "
            "CSV, or design it with control='constant'."
        )
    peak = pulse.amplitude.max()
    if peak == 0:
        raise ValueError("The pulse is zero throughout, and this format scales shapes to the peak.")
    amplitude, phase = pulse.amplitude / peak, np.mod(pulse.phase, 2 * np.pi)
    return amplitude, phase, peak * pulse.rf_hz, _integral(amplitude, phase)


def _integral(amplitude, phase):
    """What consoles divide by; where it vanishes, the sum of the amplitudes stands in."""
    integral, total = abs(np.sum(amplitude * np.exp(1j * phase))), amplitude.sum()
    return integral if integral > 1e-3 * total else total


def _header(text, key):
    """The number that a header announces, or None."""
    found = re.search(rf"^{re.escape(key)}[ \t]*(\S+)", text, re.M)
    return found and table([[found[1]]], 1).item()


def _held(name, value, header, hint="Take this line out of the header to load it all the same."):
    """Refuse samples that are more than 1 % off a number of their header, where it has one."""
    if header is not None and abs(value - header) > 0.01 * abs(header):
        raise ValueError(
            f"Its {name} is {value:.6g} where {header:.6g} was announced; was it cut, scaled or "
            f"changed? {hint}"
        )


# Bruker.


def write_bruker(pulse, about):
    """A Bruker shape (JCAMP-DX 5.00): amplitude in per cent of the peak, phase in degrees.

    TOTROT, INTEGFAC and the duration agree on the peak: it is TOTROT / (360 INTEGFAC T).  INTEGFAC
    is the magnitude of the mean of the complex shape, BWFAC the bandwidth, taken as 1/T, times T.
    """
    amplitude, phase, peak_hz, integral = _shape(pulse)
    mean = integral / len(amplitude)
    body = (f"{100 * a:.6f}, {p:.6f}" for a, p in zip(amplitude, np.rad2deg(phase), strict=True))
    return "\n".join([
        f"##TITLE= {one_line(about)}",
        "##JCAMP-DX= 5.00 Bruker JCAMP library",
        "##DATA TYPE= Shape Data",
        "##ORIGIN= spinlab",
        "##OWNER= <>",
        f"$$ {mark_of(pulse)}",
        "##MINX= 0.000000e+00",
        "##MAXX= 1.000000e+02",
        "##MINY= 0.000000e+00",
        "##MAXY= 3.600000e+02",
        "##$SHAPE_EXMODE= Excitation",
        f"##$SHAPE_TOTROT= {360 * peak_hz * pulse.duration * mean:.9e}",
        "##$SHAPE_BWFAC= 1.0",
        f"##$SHAPE_INTEGFAC= {mean:.9e}",
        "##$SHAPE_MODE= 0",
        f"##NPOINTS= {len(amplitude)}",
        "##XYPOINTS= (XY..XY)",
        *body,
        "##END=",
        "",
    ])


def read_bruker(text):
    """Contents of a Bruker shape; of a foreign one, peak and step remain to be told.

    The peak is held against MAXX.  INTEGFAC is, for our own files only: others define it otherwise.
    """
    mark = re.search(r"^\$\$ (spinlab-pulse-\S*)", text, re.M)
    text = re.sub(r"\$\$.*", "", text)
    count = re.search(r"^##NPOINTS=\s*(\d+)\s*$", text, re.M)
    body = re.search(r"^##XYPOINTS=\s*\(XY\.\.XY\)(.*?)^##END=", text, re.M | re.S)
    if not count or not body:
        raise ValueError("A Bruker shape has ##NPOINTS, ##XYPOINTS= (XY..XY) and ##END.")
    words = re.split(r"[,;\s]+", body[1].strip())
    if len(words) != 2 * int(count[1]):
        raise ValueError(
            f"It holds {len(words) / 2:g} pairs of numbers, but its NPOINTS says {count[1]}."
        )
    percent, degrees = table([words[n : n + 2] for n in range(0, len(words), 2)], 2)
    within("amplitude", percent, 0, 100, " %")
    within("phase", degrees, -360, 360, " degrees")
    if percent.max() <= 1:
        raise ValueError(
            f"Its amplitudes reach {percent.max():.4g} %: are they fractions instead of per cent?"
        )
    found = contents(percent / 100 * np.exp(1j * np.deg2rad(degrees)), False, mark and mark[1])
    _held("peak in %", percent.max(), _header(text, "##MAXX=") or 100,
          "Write the peak as ##MAXX to load it as it is; rf_hz is that of 100 %.")  # fmt: skip
    if re.search(r"^##ORIGIN=\s*spinlab\s*$", text, re.M):
        mean = _integral(percent / 100, np.deg2rad(degrees)) / len(percent)
        _held("INTEGFAC", mean, _header(text, "##$SHAPE_INTEGFAC="))
    return found


# Siemens.


def write_siemens(pulse, about):
    """A Siemens .pta text: amplitude in units of the peak, phase in rad, and the index.

    Assumed, from published readers and writers of such files: AMPINT is the magnitude of the sum of
    the complex shape, POWERINT the sum of the squares, ABSINT the sum of the amplitudes; REFGRAD is
    the gradient in mT/m that would select 10 mm in 5.12 ms, for protons and the bandwidth 1/T.  The
    flip angle to ask for stands in the comment: the scanner divides it by AMPINT.
    """
    amplitude, phase, peak_hz, integral = _shape(pulse)
    flip = 360 * peak_hz * pulse.dt * integral
    rows = enumerate(zip(amplitude, phase, strict=True))
    body = (f"{a:.9f}\t{p:.9f}\t; ({n})" for n, (a, p) in rows)
    return "\n".join([
        "PULSENAME:\tSpinlab.Pulse",
        f"COMMENT:\t{mark_of(pulse)} flip_deg={flip:.6f} {one_line(about)}",
        f"REFGRAD:\t{1 / (425.77 * 5.12e-3):.9f}",
        "MINSLICE:\t1.000000000",
        "MAXSLICE:\t400.000000000",
        f"AMPINT:\t{integral:.9f}",
        f"POWERINT:\t{np.sum(amplitude**2):.9f}",
        f"ABSINT:\t{amplitude.sum():.9f}",
        "",
        *body,
        "",
    ])


def read_siemens(text):
    """Contents of a .pta text; of a foreign one, peak and step remain to be told.

    Its end is not marked: ABSINT and POWERINT tell whether all is there.
    """
    mark = re.search(r"^COMMENT:\s*(spinlab-pulse-\S*)", text, re.M)
    if not re.match(r"\s*PULSENAME:", text):
        raise ValueError("A .pta text begins with PULSENAME:.")
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line for line in lines if not re.match(r"[A-Z]+:", line)]
    pattern = re.compile(r"\s*(\S+)\s+(\S+)\s*;\s*\((\d+)\)\s*")
    for n, line in enumerate(rows):
        found = pattern.fullmatch(line)
        if not found or int(found[3]) != n:
            raise ValueError(
                f"Line {line.strip()[:40]!r} should be 'amplitude phase ; ({n})'; the table is not "
                "complete."
            )
    amplitude, phase = table([pattern.fullmatch(line).groups()[:2] for line in rows], 2)
    within("amplitude", amplitude, 0, 1, "")
    within("phase", phase, -2 * np.pi, 2 * np.pi, " rad")
    found = contents(amplitude * np.exp(1j * phase), False, mark and mark[1])
    _held("peak", amplitude.max(), 1, "Scale it to 1 and give the peak as rf_hz.")
    for name, value in (("ABSINT", amplitude.sum()), ("POWERINT", np.sum(amplitude**2))):
        _held(name, value, _header(text, f"{name}:"))
    return found


# Pulseq.


def _pypulseq():
    try:
        return importlib.import_module("pypulseq")
    except ImportError:
        raise ImportError(
            "Pulseq files need the package pypulseq; install it by pip install 'spinlab[pulseq]'."
        ) from None


def write_pulseq(pulse, about, system=None):
    """A Pulseq sequence of one block, which plays the pulse.

    The samples are in Hz and not rescaled; every step is repeated on the raster of the RF, which
    ``system`` (``pypulseq.Opts``, default 1 us) may change together with dead times.
    """
    pp = _pypulseq()
    system = pp.Opts() if system is None else instance("system", system, pp.Opts)
    _shape(pulse)  # to be refused now
    times = round(pulse.dt / system.rf_raster_time)
    if times < 1 or abs(times * system.rf_raster_time - pulse.dt) > 1e-6 * pulse.dt:
        raise ValueError(
            f"The step of {pulse.dt * 1e6:.6g} us is no multiple of Pulseq's RF raster of "
            f"{system.rf_raster_time * 1e6:g} us; design with one that is, or give the scanner's "
            "raster as system=pypulseq.Opts(rf_raster_time=...)."
        )
    signal = np.repeat((pulse.waveform[0] + 1j * pulse.waveform[1]) * pulse.rf_hz, times)
    if signal.size < 2:
        raise ValueError(
            f"A Pulseq shape has two samples at least, but one of {pulse.dt * 1e6:g} us arrived; "
            "give a finer raster as system=pypulseq.Opts(rf_raster_time=...)."
        )
    rf = pp.make_arbitrary_rf(
        signal, flip_angle=0, no_signal_scaling=True, dwell=system.rf_raster_time,
        delay=system.rf_dead_time, system=system, use="other",
    )
    raster = system.block_duration_raster
    blocks = np.ceil(pp.calc_duration(rf) / raster - 1e-6)
    sequence = pp.Sequence(system=system)
    sequence.add_block(rf, pp.make_delay(blocks * raster))
    sequence.set_definition("Name", one_line(about).replace(" ", "_") or "spinlab")
    sequence.set_definition("SpinlabPulse", mark_of(pulse))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pulse.seq")
        sequence.write(str(path))
        return path.read_text(encoding="utf-8")


def read_pulseq(text):
    """Contents of a Pulseq sequence with one RF pulse, in Hz as the file says.

    Files of version 1.4 and later end with a signature; without it nothing tells a file from the
    beginning of one, and pypulseq may read the beginning for ever.
    """
    pp = _pypulseq()
    body, _, signature = text.partition("\n[SIGNATURE]")
    digest = re.search(r"^Hash (\S+)", signature, re.M)
    if not digest:
        raise ValueError("Its signature is missing; it is not complete.")
    if digest[1] != hashlib.md5(body.encode()).hexdigest():
        raise ValueError("Its signature does not fit its text; it was changed or cut.")
    sequence = pp.Sequence()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pulse.seq")
            # Without an empty line at its end, pypulseq would read on for ever.
            path.write_text(text + "\n\n", encoding="utf-8", newline="\n")
            sequence.read(str(path))
        blocks = map(sequence.get_block, sequence.block_events)
        played = [block for block in blocks if block.rf is not None]
    except Exception as error:  # of any kind: it trusts its files
        raise ValueError(f"pypulseq cannot read it ({type(error).__name__}: {error}).") from error
    mark = sequence.definitions.get("SpinlabPulse")
    if len(played) != 1:
        raise ValueError(f"It plays {len(played)} RF pulses; only one can be read.")
    if any(getattr(played[0], axis, None) is not None for axis in ("gx", "gy", "gz")):
        raise ValueError("A gradient is on during its pulse, which a Pulse cannot say.")
    rf = played[0].rf
    if rf.freq_offset or rf.freq_ppm or rf.phase_ppm:
        raise ValueError("Its pulse is played off the carrier, which a Pulse cannot say.")
    signal = finite_array("The samples", rf.signal * np.exp(1j * rf.phase_offset), complex)
    step = even_step(np.asarray(rf.t)).get("dt", rf.shape_dur)
    nodes = abs(rf.t[0]) < 1e-3 * step
    if not nodes and abs(rf.t[0] - step / 2) > 1e-3 * step:
        raise ValueError("Its samples stand neither at the middles nor at the ends of even steps.")
    if not mark:
        return Contents(signal, True, step, control="linear" if nodes else "constant")
    dt_us = re.search(r"dt_us=([\d.e+-]+)", mark)
    times = max(1, round(float(dt_us[1]) * 1e-6 / step)) if dt_us else 1
    groups = signal.reshape(-1, times) if len(signal) % times == 0 else signal[:, None]
    if np.ptp(groups.real, axis=1).max() + np.ptp(groups.imag, axis=1).max() > (
        DIGITS * np.abs(signal).max()
    ):
        raise ValueError("Its samples change within the steps that it announces.")
    return contents(groups[:, 0], True, mark)
