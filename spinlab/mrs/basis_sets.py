r"""Basis sets: what programs that fit measured spectra want to know about a sequence.

:func:`basis_set` simulates every metabolite; three functions write the result for FSL-MRS, for
LCModel and as NIfTI-MRS.  All of them take 4.65 ppm, where water is, for the centre of the axis.
The signs differ: on disk, each of the three holds the complex conjugate of our signal
(:mod:`spinlab.mrs.spectra`), because for them a higher chemical shift is a more negative frequency.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files.formats import file_path, write_text
from ..inputs import arrays, hold, instance, require, whole
from .blocks import check_sequence, duration
from .metabolites import METABOLITES, Metabolite, Scanner, metabolite
from .simulation import simulate
from .spectra import Transitions, fid, transitions

#: Chemical shift of water, the centre of the frequency axis of all three formats.
CENTRE_PPM = 4.65


@dataclass(frozen=True, eq=False)
class BasisSet:
    """Signals of metabolites after one sequence.

    Parameters
    ----------
    names : tuple of str
    fids : ndarray, (metabolites, points)
        Offset zero is 4.65 ppm.
    dwell : float
        s.
    larmor_hz : float
    linewidth_hz : float
        Of the Lorentzian lines.
    echo_time : float
        s.
    """

    names: tuple
    fids: np.ndarray
    dwell: float
    larmor_hz: float
    linewidth_hz: float
    echo_time: float

    def __post_init__(self):
        object.__setattr__(self, "names", _file_names(self.names))
        hold(self, f"fids: complex {len(self.names)} points; dwell: > 0 (seconds); "
                   "larmor_hz: > 0 (hertz); linewidth_hz: > 0 (hertz); echo_time: >= 0 (seconds)")


def basis_set(sequence, scanner, molecules=METABOLITES, points=2048, dwell=2.5e-4, linewidth_hz=1.0,
              echo_time=None):  # fmt: skip
    """Simulate metabolites after a sequence of any blocks, shaped pulses included.

    Parameters
    ----------
    sequence : tuple of blocks
    scanner : Scanner
    molecules : sequence of str or Metabolite
        Default: all that come with the package.
    points : int
    dwell : float
        Sampling interval, s; short enough that no line folds.
    linewidth_hz : float
        Lorentzian full width at half maximum of the lines.
    echo_time : float, optional
        What is written down as the echo time, s.  Default: the duration of the sequence.

    Returns
    -------
    BasisSet
    """
    sequence = check_sequence(sequence)
    instance("scanner", scanner, Scanner)
    molecules = (molecules,) if isinstance(molecules, (str, Metabolite)) else molecules
    instance("molecules", molecules, (list, tuple))
    molecules = [metabolite(one) for one in molecules]
    names = _file_names([one.name for one in molecules])
    dwell = arrays("dwell: > 0 (seconds)", dwell=dwell)
    times = dwell * np.arange(whole("points", points, least=2))
    echo_time = duration(sequence) if echo_time is None else echo_time
    centre, fids = Scanner(scanner.larmor_hz, CENTRE_PPM), []
    for molecule in molecules:
        table = transitions(molecule, simulate(molecule, sequence, scanner), scanner)
        offsets = centre.offset_hz(table.shift_ppm)
        farthest = np.abs(offsets).max()
        require(2 * dwell * farthest <= 1, f"A dwell time of {dwell:g} s folds lines of "
                f"{molecule.name}, {farthest:.0f} Hz from the centre; take a shorter one.")
        fids.append(fid(Transitions(offsets, table.amplitude, centre), times, linewidth_hz))
    return BasisSet(names, np.array(fids), dwell, scanner.larmor_hz, linewidth_hz, echo_time)


def _file_names(names):
    names = tuple(instance("A name", n, str) for n in instance("names", names, (tuple, list)))
    files = all(n.isprintable() and Path(n).name == (n or "-") for n in names)
    require(names and files and len(set(names)) == len(names),
            f"Give molecules of different names that can name files, not {names}.")
    return names


def write_fsl_basis(basis, folder):
    """Write a folder for FSL-MRS: one JSON file a metabolite.

    Returns
    -------
    list of pathlib.Path
        The files written; the folder is made, and files of these names are replaced.
    """
    paths = _paths(basis, folder, ".json")
    for name, signal, path in zip(basis.names, basis.fids.conj(), paths, strict=True):
        entry = {"basis_re": signal.real.tolist(), "basis_im": signal.imag.tolist(),
                 "basis_dwell": basis.dwell, "basis_centre": basis.larmor_hz / 1e6,
                 "basis_width": basis.linewidth_hz, "basis_name": name}  # fmt: skip
        meta = {"SimVersion": "spinlab", "TE": basis.echo_time}
        path.write_text(json.dumps({"basis": entry, "meta": meta}), encoding="utf-8")
    return paths


def write_nifti_basis(basis, folder):
    """Write a folder of NIfTI-MRS files, one per metabolite, by the package nifti-mrs.

    Returns paths as :func:`write_fsl_basis`.
    """
    try:
        from nifti_mrs.create_nmrs import gen_nifti_mrs
    except ImportError as error:
        raise ImportError("NIfTI-MRS needs a package: pip install 'spinlab-book[mrs]'") from error
    paths = _paths(basis, folder, ".nii.gz")
    for signal, path in zip(basis.fids, paths, strict=True):  # the package conjugates
        image = gen_nifti_mrs(signal.reshape(1, 1, 1, -1) + 0j, basis.dwell, basis.larmor_hz / 1e6)
        image.add_hdr_field("EchoTime", basis.echo_time)
        image.add_hdr_field("SpecFreqChemShift", CENTRE_PPM)
        image.save(path)
    return paths


def write_lcmodel_basis(basis, path, sequence_name="spinlab"):
    """Write a ``.basis`` file for LCModel: spectra of the signals, filled with zeros to twice.

    A file of that path is replaced; LCModel keeps at most 5 characters of ``sequence_name``.
    Returns the path.
    """
    points = instance("basis", basis, BasisSet).fids.shape[1]
    larmor_mhz = basis.larmor_hz / 1e6
    ours = {name: metabolite(name).names for name in basis.names if name in METABOLITES}
    names = [ours.get(name, {}).get("LCModel", name) for name in basis.names]
    require(len(set(names)) == len(names), f"Two molecules have one name in LCModel: {names}.")
    texts = (instance("sequence_name", sequence_name, str), 60), *((name, 6) for name in names)
    for text, most in texts:
        plain = re.fullmatch(rf"[ -&(-~]{{1,{most}}}", text)  # printable, without quotes
        require(plain, f"LCModel takes at most {most} ASCII characters, no quotes: not {text!r}.")
    path = file_path(path)
    sections = [
        _namelist("SEQPAR", FWHMBA=basis.linewidth_hz / larmor_mhz, HZPPPM=larmor_mhz,
                  ECHOT=1e3 * basis.echo_time, SEQ=sequence_name),
        _namelist("BASIS1", IDBASI="spinlab", FMTBAS="(6E13.5)", BADELT=basis.dwell,
                  NDATAB=2 * points),
    ]  # fmt: skip
    for name, signal in zip(names, basis.fids.conj(), strict=True):
        spectrum = np.fft.fft(signal, 2 * points)
        numbers = [f"{x:13.5E}" for x in np.stack([spectrum.real, spectrum.imag], axis=1).flat]
        sections += [
            _namelist("NMUSED", FILERAW=name),
            _namelist("BASIS", ID=name, METABO=name, CONC=1.0, TRAMP=1.0, VOLUME=1.0, ISHIFT=0),
            *("".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)),
        ]
    write_text(path, "\n".join(sections) + "\n")
    return path


def _namelist(title, **entries):
    """A Fortran namelist."""
    lines = [f" {key} = '{value}'," if isinstance(value, str) else f" {key} = {value:.8g},"
             for key, value in entries.items()]  # fmt: skip
    return "\n".join([f" ${title}", *lines, " $END"])


def _paths(basis, folder, suffix):
    folder = Path(instance("folder", folder, (str, os.PathLike)))
    names = instance("basis", basis, BasisSet, "Make one by basis_set.").names
    require(not folder.is_file(), f"{folder} is a file; give the path of a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / (name + suffix) for name in names]
