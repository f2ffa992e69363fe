r"""From shaped RF to spectra and back: one sequence, and the adjoint that serves every loss.

The sequence is PRESS with ideal pulses, and shaped RF fills its three free intervals,

    90 - [shaped, TE1/2] - 180 - [shaped, (TE1 + TE2)/2] - 180 - [shaped, TE2/2] - readout,

the coherences of order +1 and -1 selected at both echoes.  The spectrum is linear in the final
density matrix, :math:`S = T\,\operatorname{vec}\rho`, and :math:`T` with its line shape is computed
once: there is no Fourier transform in the loop, :eq:`eq-spectrum-adjoint`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..spins.operators import spin_matrices
from .blocks import CoherenceFilter, ShapedPulse
from .metabolites import Scanner, free_hamiltonian
from .sequences import EXCITATION, REFOCUSING
from .simulation import spins_at
from .spectra import line_shape
from .split_step import split_step


def shaped_press(first, second, third):
    """PRESS with a shaped pulse in each of its free intervals, as a tuple of blocks.

    The three ideal pulses turn by their angle whatever B1 is.  Of what arrives at an echo, phase
    cycling of the 180 degree pulse keeps the orders +1 and -1.
    """
    excite, refocus = (replace(one, follows_b1=False) for one in (EXCITATION, REFOCUSING))
    first, second, third = (ShapedPulse(pulse) for pulse in (first, second, third))
    echo = CoherenceFilter((-1, 1)), refocus
    return excite, first, *echo, second, *echo, third


@lru_cache(maxsize=64)
def detection_matrix(group, scanner, linewidth_hz, first_ppm, last_ppm, points):
    r"""Matrix :math:`T` from a density matrix to its spectrum, :math:`S = T\,\mathrm{vec}\,\rho`.

    The same numbers as those of :func:`spinlab.mrs.transitions` and :func:`spinlab.mrs.spectrum`.

    Parameters
    ----------
    group : SpinGroup
    scanner : Scanner
    linewidth_hz : float
    first_ppm, last_ppm : float
    points : int

    Returns
    -------
    ndarray, (points, 2**n, 2**n)
    """
    spins = spins_at(group, scanner)
    V, energies = spins.vectors, spins.energies
    raising = V.T @ np.where(spins.order == 1, 2 * spins.Fx, 0) @ V  # F+ = F_x + i F_y
    grid = scanner.offset_hz(np.linspace(first_ppm, last_ppm, points))
    lines = (energies[:, None] - energies) / (2 * np.pi)
    shape = line_shape(grid[:, None, None] - lines, linewidth_hz)
    scale = group.weight * 4 / 2**group.spins
    return scale * (V @ (shape * raising).swapaxes(-1, -2) @ V.T)


def coupling_hamiltonian(group):
    """Couplings of a group alone, rad/s, (2**n, 2**n)."""
    alone = replace(group, shift_ppm=np.zeros(group.spins))
    return free_hamiltonian(alone, Scanner(carrier_ppm=0.0))


def group_spectra(group, coupling, detection, parts, dt, ensemble, scanner, precision):
    """Spectra of one group after :func:`shaped_press`, by split steps, and the way back.

    Parameters
    ----------
    group : SpinGroup
    coupling : ndarray, (d, d)
        From :func:`coupling_hamiltonian`.
    detection : ndarray, (points, d, d)
        From :func:`detection_matrix`.
    parts : list of three ndarray, (2, steps)
        Waveforms, rad/s.
    dt : float
    ensemble : Ensemble
    scanner : Scanner
    precision : {"double", "single"}

    Returns
    -------
    spectra : ndarray, (members, points)
    pullback : callable
        Derivative by the spectra to the gradient by the waveforms, (2, all steps).
    """
    offset = 2 * np.pi * (scanner.offset_hz(group.shift_ppm) + ensemble.offset_hz[:, None])
    Fx, _, Fz = spin_matrices(group.spins).sum(axis=1).real
    order = np.diag(Fz)[:, None] - np.diag(Fz)
    single, rho, pulses = np.abs(order) == 1, Fx, []
    for part, echo in zip(parts, (True, True, False), strict=True):
        pulse = split_step(coupling, offset, ensemble.b1_scale, part, dt, rho, precision)
        pulses.append(pulse)
        # An ideal 180 about x turns every spin upside down: both axes reversed.
        rho = (pulse.rho * single)[:, ::-1, ::-1] if echo else pulse.rho
    seen = np.flatnonzero(order == -1)
    matrix = detection.reshape(len(detection), -1)[:, seen]

    def pullback(derivative):
        costate = np.zeros_like(rho)
        costate.reshape(len(rho), -1)[:, seen] = derivative @ matrix.conj()
        gradients = []
        for pulse, echo in zip(pulses[::-1], (False, True, True), strict=True):
            if echo:
                costate = costate[:, ::-1, ::-1] * single
            gradient, costate = pulse.pullback(costate)
            gradients.append(gradient)
        return np.concatenate(gradients[::-1], axis=1)

    return rho.reshape(len(rho), -1)[:, seen] @ matrix.T, pullback

def in_threads(job, items):
    """``[job(item) ...]`` in as many threads as cores: NumPy lets go of Python's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(job, items))
