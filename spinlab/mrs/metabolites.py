r"""Molecules as spin systems, and the scanner that they are in.

A metabolite is a sum of small groups of coupled spins: data with their source, in
``metabolites.json`` next to this module.  Chemical shifts are in ppm and couplings in Hz, so that
a molecule is the same at every field; a :class:`Scanner` turns ppm into offsets in Hz.

Spins are numbered from 1 in the data, as in the literature.  Matrices are of size
:math:`2^n \times 2^n`, in the basis :math:`|\alpha\alpha\dots\rangle, \dots,
|\beta\beta\dots\rangle`.
"""

import json
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from ..files.formats import file_path, read_text
from ..inputs import arrays, choice, frozen, hold, instance, require, whole
from ..spins.operators import MAX_SPINS, spin_matrices
from ..spins.systems import SpinSystem, hamiltonian_terms

#: Proton: gamma / 2 pi in Hz/T.
GAMMA_HZ = 42.577478e6
#: Where fresh water and the fat of the scalp have their lines, ppm.
WATER, FAT = (4.58, 4.78), (0.9, 1.5)


@dataclass(frozen=True)
class Scanner:
    """Where the spectrum is: the proton frequency, and the chemical shift of offset zero.

    Parameters
    ----------
    larmor_hz : float
        Proton frequency, Hz.  The default is that of a Siemens "3 T".
    carrier_ppm : float
        Chemical shift at which transmitter and receiver stand.

    Examples
    --------
    >>> Scanner().offset_hz(3.5)
    61.6
    >>> Scanner.of_field(7.0).larmor_hz / 1e6
    298.04
    """

    larmor_hz: float = 123.2e6
    carrier_ppm: float = 3.0

    def __post_init__(self):
        hold(self, "larmor_hz: >= 1e6 <= 1e10 (hertz, such as 123.2e6); carrier_ppm: (ppm)")

    @classmethod
    def of_field(cls, tesla, carrier_ppm=3.0):
        """The scanner of a field in tesla."""
        return cls(GAMMA_HZ * arrays("tesla: > 0", tesla=tesla), carrier_ppm)

    def offset_hz(self, shift_ppm):
        """Offset from the carrier of a chemical shift."""
        return (shift_ppm - self.carrier_ppm) * 1e-6 * self.larmor_hz

    def shift_ppm(self, offset_hz):
        """Chemical shift at an offset from the carrier."""
        return self.carrier_ppm + offset_hz / (1e-6 * self.larmor_hz)


@dataclass(frozen=True, eq=False)
class SpinGroup:
    """Spins 1/2 that couple with each other and with no others.

    Parameters
    ----------
    shift_ppm : array_like, (n,)
        Chemical shifts.
    coupling_hz : array_like, (n, n), optional
        Scalar couplings: symmetric, with a diagonal of zeros.  Default: none.
    weight : float
        Number of equivalent copies: a CH3 that couples with nothing is one spin of weight 3.

    Examples
    --------
    >>> SpinGroup([3.0, 2.5], [[0, 7], [7, 0]]).spins
    2
    """

    shift_ppm: np.ndarray
    coupling_hz: np.ndarray | None = None
    weight: float = 1.0

    def __post_init__(self):
        hold(self, "shift_ppm: spins; weight: > 0")
        n = whole("The number of spins of a group", self.spins, 1, MAX_SPINS)
        if self.coupling_hz is None:
            object.__setattr__(self, "coupling_hz", np.zeros((n, n)))
        hold(self, f"coupling_hz: {n} {n}")
        J = self.coupling_hz
        i, j = np.unravel_index(np.argmax(J != J.T), J.shape)
        require(J[i, j] == J[j, i], f"coupling_hz must be symmetric, but J({i + 1},{j + 1}) = "
                f"{J[i, j]:g} and J({j + 1},{i + 1}) = {J[j, i]:g} Hz; write every coupling twice.")
        require(not np.diag(J).any(), "No spin couples with itself; the diagonal must be 0.")

    @property
    def spins(self):
        """Number of spins."""
        return self.shift_ppm.size

    def system(self, scanner):
        """The same spins as a :class:`spinlab.SpinSystem`, the object of chapter 1."""
        offsets = instance("scanner", scanner, Scanner).offset_hz(self.shift_ppm)
        pairs = zip(*np.nonzero(np.triu(self.coupling_hz)), strict=True)
        couplings = ((int(i) + 1, int(j) + 1, float(self.coupling_hz[i, j])) for i, j in pairs)
        return SpinSystem(tuple(offsets.tolist()), tuple(couplings))


@dataclass(frozen=True, eq=False)
class Metabolite:
    """A molecule: groups of spins, where the numbers are from, and what else is known of it.

    Parameters
    ----------
    name : str
    groups : tuple of SpinGroup
    source : str
        Publication.
    left_out : str
        Protons that the molecule has and the data do not, and why; couplings to other nuclei.
    line_ppm : float, optional
        Where one line is wanted that stands for the molecule.
    concentration : float, optional
        mmol per kg; where from, say :data:`SOURCES`.
    t2 : float, optional
        Decay of the signal with the echo time, s.
    names : dict
        Its name in other programs, where that differs, such as ``{"LCModel": "Ins"}``.
    """

    name: str
    groups: tuple
    source: str = ""
    left_out: str = ""
    line_ppm: float | None = None
    concentration: float | None = None
    t2: float | None = None
    names: dict = field(default_factory=dict)

    def __post_init__(self):
        for what in ("name", "source", "left_out"):
            instance(what, getattr(self, what), str)
        instance("names", self.names, dict)
        hold(self, "line_ppm?: (ppm); concentration?: > 0 (mmol/kg); t2?: > 0 (seconds)")
        groups = (self.groups,) if isinstance(self.groups, SpinGroup) else self.groups
        object.__setattr__(self, "groups", tuple(instance("groups", groups, (list, tuple))))
        named = self.name and self.groups
        require(named, "A metabolite needs a name and at least one SpinGroup.")
        for group in self.groups:
            instance("An entry of groups", group, SpinGroup)

    @property
    def protons(self):
        """Number of protons, copies counted: the signal of a 90 degree pulse."""
        return sum(group.weight * group.spins for group in self.groups)


def read_metabolite(path):
    """Read a metabolite of your own from a JSON file.

    The file holds one object with the fields of :class:`Metabolite`, as in
    ``spinlab/mrs/metabolites.json``::

        {"name": "Gly", "source": "where the numbers are from", "left_out": "NH3+",
         "groups": [{"shift_ppm": [3.548], "weight": 2}]}

    A group may have ``"coupling_hz": [[1, 2, 7.3], ...]``: pairs of spins, counted from 1, and J.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Metabolite
    """
    path = file_path(path)
    try:
        entry = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        told = str(error).rstrip(".")
        raise ValueError(f"No metabolite could be read from {path}: {told}.") from error
    return _metabolite(entry)


def _metabolite(entry):
    """From the layout of the file to the object."""
    _check_keys("A metabolite", entry, Metabolite, "name", "groups")
    groups = []
    for group in instance("groups", entry["groups"], list):
        _check_keys(f"A group of {entry['name']}", group, SpinGroup, "shift_ppm")
        n = arrays("shift_ppm: spins", shift_ppm=group["shift_ppm"]).size
        # SpinSystem knows how many spins there can be, and what a list of pairs has to look like.
        pairs, coupling = SpinSystem((0,) * n, group.get("coupling_hz", ())), np.zeros((n, n))
        for i, j, value in pairs.coupling_hz:
            coupling[i - 1, j - 1] = coupling[j - 1, i - 1] = value
        groups.append(SpinGroup(group["shift_ppm"], coupling, group.get("weight", 1.0)))
    return Metabolite(**{**entry, "groups": tuple(groups)})


def _check_keys(what, entry, kind, *needed):
    """Refuse an entry that lacks a needed field of a class, or has one that the class has not."""
    instance(what, entry, dict, "See spinlab.mrs.read_metabolite for the layout of the file.")
    known = [one.name for one in fields(kind)]
    wrong = ", ".join(sorted(map(str, set(needed) - set(entry) | set(entry) - set(known))))
    require(not wrong, f"{what} has {', '.join(known)}; missing or unknown: {wrong}.")


_FILE = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_ENTRIES = {entry["name"]: {**_FILE["common"], **entry} for entry in _FILE["metabolites"]}
#: Names of the metabolites that come with the package.
METABOLITES = tuple(_ENTRIES)
#: Where the numbers are from that have no publication of their own: text by the name of a field.
SOURCES = _FILE["sources"]


def metabolite(name):
    """A metabolite that comes with the package, by its name among :data:`METABOLITES`.

    A :class:`Metabolite` passes.

    Examples
    --------
    >>> metabolite("NAA").protons
    6.0
    >>> metabolite("Glu").groups[0].coupling_hz[0]
    array([0.   , 7.331, 4.651, 0.   , 0.   ])
    """
    if isinstance(name, Metabolite):
        return name
    return _shipped(choice("metabolite", name, METABOLITES))


@cache
def _shipped(name):
    return _metabolite(_ENTRIES[name])


def free_hamiltonian(group, scanner, offset_hz=0.0):
    """Hamiltonian without RF in rad/s: the numbers of :func:`spinlab.hamiltonian`.

    Real and symmetric, ([members,] 2**n, 2**n); ``offset_hz``, a number or (members,), is added to
    the offset of every spin.
    """
    n = instance("group", group, SpinGroup).spins
    shifts = instance("scanner", scanner, Scanner).offset_hz(group.shift_ppm)
    couplings = group.coupling_hz[np.triu_indices(n, 1)]
    terms = hamiltonian_terms(n)
    offset = arrays("offset_hz: members?", offset_hz=offset_hz)[..., None, None]
    alone = np.tensordot(np.concatenate([shifts, couplings]), terms, axes=1)
    return alone + offset * terms[:n].sum(axis=0)


def coupling_hamiltonian(group):
    """Couplings of a group alone, rad/s, (2**n, 2**n)."""
    alone = replace(group, shift_ppm=np.zeros(group.spins))
    return free_hamiltonian(alone, Scanner(carrier_ppm=0.0))


@dataclass(frozen=True, eq=False)
class _Spins:
    """Matrices of a group at a scanner."""

    scanner: Scanner
    offset_hz: np.ndarray
    coupling: np.ndarray
    hamiltonian: np.ndarray
    energies: np.ndarray
    vectors: np.ndarray
    Fx: np.ndarray
    Fz: np.ndarray
    order: np.ndarray
    raising: np.ndarray


@lru_cache(maxsize=64)
def spins_at(group, scanner):
    """Hamiltonian, eigenstates and total spin operators of a group, computed once.

    F+ = F_x + i F_y is in the basis of the eigenstates, what the receiver reads.
    """
    Fx, _, Fz = spin_matrices(group.spins).sum(axis=1).real
    hamiltonian = free_hamiltonian(group, scanner)
    energies, V = np.linalg.eigh(hamiltonian)
    order = np.diag(Fz)[:, None] - np.diag(Fz)
    raising = V.T @ np.where(order == 1, 2 * Fx, 0) @ V
    made = scanner.offset_hz(group.shift_ppm), coupling_hamiltonian(group), hamiltonian
    return _Spins(scanner, *map(frozen, (*made, energies, V, Fx, Fz, order, raising)))
