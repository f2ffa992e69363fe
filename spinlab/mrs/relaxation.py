r"""Sequences whose spins relax: to judge what has been designed without relaxation.

Uncorrelated random fields at every spin, isotropic in x and y,

.. math:: \dot\rho = -i[H, \rho] - \sum_i \sum_{\alpha} k_\alpha
          [I_{i\alpha}, [I_{i\alpha}, \rho]], \qquad
          k_x = k_y = \frac{1}{2T_1}, \quad k_z = \frac{1}{T_2} - \frac{1}{2T_1},

:eq:`eq-random-fields`, act on one spin after the other, so that no superoperator is needed.  Cut
into pieces, a sequence is second order in their length.  Magnetisation that comes back while the
sequence runs is left out: crushers see to it that it is not read.
"""

from dataclasses import replace

import numpy as np

from ..inputs import arrays, instance
from ..pulses.pulse import Pulse
from .blocks import Cycle, Delay, Relaxation, ShapedPulse, carrier_hz, check_sequence
from .metabolites import Scanner


def relaxing(sequence, scanner, t1, t2, step=0.5e-3):
    """The same sequence with spins that relax, for :func:`simulate` and all that judges by it.

    Parameters
    ----------
    sequence : tuple of blocks
        A free delay is one in which nothing happens.
    scanner : Scanner
    t1, t2 : float
        Of every spin, s.
    step : float
        Longest piece, s.  A pulse is cut between its samples only, and a slice pulse not at all.

    Returns
    -------
    tuple of blocks

    Examples
    --------
    >>> from spinlab.mrs import SpinGroup, pulse_acquire, simulate
    >>> scanner, sequence = Scanner(), (*pulse_acquire(), Delay(0.1))
    >>> rho = simulate(SpinGroup([3.0]), relaxing(sequence, scanner, t1=1.0, t2=0.1), scanner)
    >>> 2 * rho[1, 0].real
    np.float64(0.36787944)
    """
    step, rest = arrays("step: >= 1e-6 (seconds)", step=step), Relaxation(0.0, t1, t2)
    instance("scanner", scanner, Scanner)
    pieces = []
    for block in check_sequence(sequence):
        if isinstance(block, Cycle):
            scans = tuple(relaxing(scan, scanner, t1, t2, step) for scan in block.scans)
            pieces.append(replace(block, scans=scans))
        else:
            for piece in _pieces(block, scanner, step):
                half = replace(rest, time=piece.duration / 2)
                pieces += [half, piece, half] if piece.duration else [piece]
    return tuple(pieces)


def _pieces(block, scanner, step):
    """A block in pieces of a step or less."""
    count = max(1, int(np.ceil(block.duration / step - 1e-9)))
    if isinstance(block, Delay):
        return [Delay(block.duration / count)] * count
    if not isinstance(block, ShapedPulse):
        return [block]
    pulse, hz = block.pulse, carrier_hz(block, scanner)
    pieces, now = [], -block.duration / 2
    for part in np.array_split(pulse.waveform, min(count, pulse.steps), axis=1):
        length = part.shape[1] * pulse.dt
        # The phase of a pulse is that in its middle, and so is that of a piece.
        phase = block.phase_deg + 360 * hz * (now + length / 2)
        pieces.append(replace(block, pulse=Pulse(part, pulse.dt, pulse.rf_hz), phase_deg=phase))
        now += length
    return pieces
