r"""From the waveforms of a sequence to the spectra of a group of spins, and back.

The free intervals of a sequence are filled with shaped RF and played by split steps; all that is
fixed between them, pulses, delays, slices, crushers, cycles, is one linear map of density matrices,
prepared once with its adjoint, :eq:`eq-block-adjoint`.  The spectrum is linear in the final density
matrix, :math:`S = T\,\operatorname{vec}\rho`, and :math:`T` with its line shape is computed once:
there is no Fourier transform in the loop, :eq:`eq-spectrum-adjoint`.
"""

from functools import lru_cache

import numpy as np

from ..inputs import frozen
from .blocks import ShapedPulse, is_free
from .metabolites import spins_at
from .simulation import distances_hz, sequence_map
from .spectra import line_shape
from .split_step import PRECISIONS, half_step, propagate, split_step


@lru_cache(maxsize=64)
def detection_matrix(group, scanner, linewidth_hz, first_ppm, last_ppm, points):
    r"""Matrix :math:`T` from a density matrix to its spectrum, :math:`S = T\,\mathrm{vec}\,\rho`.

    The same numbers as those of :func:`spinlab.mrs.transitions` and :func:`spinlab.mrs.spectrum`,
    (points, 2**n, 2**n), on an even axis from ``first_ppm`` to ``last_ppm``; shared, hence
    read-only.
    """
    spins = spins_at(group, scanner)
    V, energies = spins.vectors, spins.energies
    grid = scanner.offset_hz(np.linspace(first_ppm, last_ppm, points))
    lines = (energies[:, None] - energies) / (2 * np.pi)
    shape = line_shape(grid[:, None, None] - lines, linewidth_hz)
    scale = group.weight * 4 / 2**group.spins
    return frozen(scale * (V @ (shape * spins.raising).swapaxes(-1, -2) @ V.T))


def filled(blocks, pulses):
    """The sequence with a pulse in each of its free intervals."""
    pulses = iter(pulses)
    return tuple(ShapedPulse(next(pulses)) if is_free(one) else one for one in blocks)


def fixed_stretches(blocks):
    """What is fixed in a sequence before, between and after its free intervals: tuples of blocks.

    Examples
    --------
    >>> from spinlab.mrs import press
    >>> [len(stretch) for stretch in fixed_stretches(press(0.02, 0.03, free=True))]
    [1, 3, 3, 0]
    """
    stretches = [[]]
    for block in blocks:
        if is_free(block):
            stretches.append([])
        else:
            stretches[-1].append(block)
    return tuple(map(tuple, stretches))


def group_spectra(groups, detection, blocks, scanner, ensemble, dt, precision):
    """Spectra of a group after a sequence with RF in its free intervals, and the way back.

    Or the sum of those of several groups of one spin each: they are one spin at as many offsets.
    ``detection`` takes a group to its matrix.  What no pulse changes is prepared here.  The result
    is a function of the waveforms, one for each free interval, (2, steps) in rad/s, which returns
    the spectra, (members, points), and a pullback from the derivative by them to the gradient by
    the waveforms, (2, all steps).
    """
    spins, kind = spins_at(groups[0], scanner), PRECISIONS[precision]
    offset = np.add.outer(distances_hz(groups, scanner), ensemble.offset_hz).ravel()
    scale, member = np.tile(ensemble.b1_scale, len(groups)), (-1, 1, 1)
    half = half_step(spins.coupling, dt, precision)
    turns = dt * (2 * np.pi * (spins.offset_hz + offset[:, None]))
    acts = spins, offset.reshape(member), scale.reshape(member), kind
    first, *maps = (sequence_map(stretch, *acts) for stretch in fixed_stretches(blocks))
    start = np.broadcast_to(spins.Fz.astype(kind), (len(offset), *spins.Fz.shape))
    start = first.forward(start)
    seen = np.flatnonzero(spins.order == -1)
    matrix = np.stack([detection(one).reshape(-1, spins.order.size)[:, seen] for one in groups])

    def spectra(parts):
        rho, pulses = start, []
        for part, fixed in zip(parts, maps, strict=True):
            pulses.append(propagate(half, turns, scale, part, dt, rho))
            rho = fixed.forward(pulses[-1].rho)

        def pullback(derivative):
            costate = np.zeros_like(rho)
            costate.reshape(len(rho), -1)[:, seen] = np.concatenate(derivative @ matrix.conj())
            gradients = []
            for pulse, fixed in zip(pulses[::-1], maps[::-1], strict=True):
                gradient, costate = pulse.pullback(fixed.adjoint(costate))
                gradients.append(gradient)
            return np.concatenate(gradients[::-1], axis=1)

        found = rho.reshape(len(groups), ensemble.members, -1)[..., seen]
        return (found @ matrix.swapaxes(1, 2)).sum(axis=0), pullback

    return spectra


def fresh_magnetisation(shift_hz, parts, ensemble, dt):
    """What every pulse of ``parts``, (2, steps) in rad/s, excites of fresh spins, and the way back.

    Mx + i My, (parts, shifts * members), and the pullback to the waveforms, (2, all steps).
    """
    offset = 2 * np.pi * np.add.outer(shift_hz, ensemble.offset_hz).reshape(-1, 1)
    scale = np.tile(ensemble.b1_scale, len(shift_hz))
    nothing, up = np.zeros((2, 2)), np.diag([0.5, -0.5])
    pulses = [split_step(nothing, offset, scale, part, dt, up) for part in parts]

    def pullback(derivative):
        gradients = []
        for pulse, one in zip(pulses, derivative, strict=True):
            costate = np.zeros_like(pulse.rho)
            costate[:, 1, 0] = 2 * one
            gradients.append(pulse.pullback(costate)[0])
        return np.concatenate(gradients, axis=1)

    return np.array([2 * pulse.rho[:, 1, 0] for pulse in pulses]), pullback
