"""Answers of chapter 4 that are judged by what they do, by the spectra after a sequence: as in
:mod:`spinlab.teaching.answers.judged`."""

import numpy as np

from ...control.ensemble import Ensemble
from ...mrs.blocks import CoherenceFilter, SlicePulse, check_sequence, duration, is_free
from ...mrs.cramer_rao import judge_bounds
from ...mrs.fit_models import fit_model
from ...mrs.isolation import judge_isolation
from ...mrs.metabolites import METABOLITES, Scanner, SpinGroup, metabolite
from ...mrs.pulseq import rf_report
from ...mrs.sequences import pulse_acquire
from ...mrs.simulation import simulate
from ...mrs.spectra import energy, peak, ppm_axis, spectrum, transitions
from ...spins.operators import spin_matrices
from .plain import Refusal, pack, text, unpack

ECHO_TIMES = (0.03, 0.08, 0.12)


def tabulate_echo(echo):
    """The blocks for some echo times."""
    return [pack(list(check_sequence(echo(te)))) for te in ECHO_TIMES]


def _blocks(data):
    sequence = check_sequence(tuple(unpack(data)))
    if len(str(data)) > 1e5:
        raise Refusal("The sequence is too long to be judged.")
    return sequence


def echo_is_perfect(data):
    """The blocks refocus weak couplings, and last as long as they should."""
    in_phase = spin_matrices(2)[0].sum(axis=0)
    for te, one in zip(ECHO_TIMES, data, strict=True):
        sequence = _blocks(one)
        if abs(duration(sequence) - te) > 1e-6 * te:
            return f"For te = {te:g} s the sequence lasts {duration(sequence):g} s."
        for coupling in (3.0, 12.0):
            pair = SpinGroup([1.3, 4.1], [[0, coupling], [coupling, 0]])
            left = np.trace(in_phase @ simulate(pair, sequence, Scanner())).real / 2
            if left < 0.98:
                return f"For J = {coupling:g} Hz and te = {te:g} s, {left:.2f} is left in phase."
    return ""


def gaba_is_alone(data):
    """After the blocks, GABA has a hundred times the energy of creatine in its window."""
    sequence, axis, window, found = _blocks(data), ppm_axis(2.8, 3.2), (2.9, 3.1), {}
    if duration(sequence) > 0.08 + 1e-9:
        return f"The sequence lasts {1e3 * duration(sequence):.1f} ms."
    for name in ("GABA", "Cr"):
        molecule, scanner = metabolite(name), Scanner()
        lines = transitions(molecule, simulate(molecule, sequence, scanner), scanner)
        found[name] = 6 * np.pi * spectrum(lines, axis, 6.0)
    height = peak(found["GABA"], axis, window, magnitude=True)
    wanted, unwanted = (energy(found[name], axis, window) for name in ("GABA", "Cr"))
    if height < 0.4:
        return f"The peak of GABA is {height:.2f} high."
    if wanted < 100 * unwanted:
        return f"GABA has {wanted / unwanted:.2g} times the energy of creatine."
    return ""


def gaba_is_fitted(data):
    """Bound and bias of GABA together are small at a nominal field and at four corners."""
    sequence = _blocks(data)
    te = duration(sequence)
    if not 0.02 - 1e-9 <= te <= 0.04 + 1e-9:
        return f"The sequence lasts {1e3 * te:.1f} ms."
    corners = Ensemble([0, -5, -5, 5, 5], [1, 0.9, 1.1, 0.9, 1.1])
    error = judge_bounds(sequence, fit_model(te), corners).error["GABA"]
    both = np.sqrt(np.mean(error**2))
    return f"Bound and bias of GABA together are {both:.1%}." if both > 0.08 else ""


def amplifier_can_play(data):
    """PRESS of 100 ms with slices, crushers, room for a design, and no more than 15 uT."""
    sequence = _blocks(data)
    slices = [block for block in sequence if isinstance(block, SlicePulse)]
    if len(slices) != 3 or min(block.bandwidth_hz for block in slices) < 600:
        return "Three slices are wanted, of 600 Hz or more."
    te = duration(sequence) - slices[0].duration / 2
    if abs(te - 0.1) > 1e-6:
        return f"From the middle of the excitation to the readout it takes {1e3 * te:.2f} ms."
    free = [block.duration for block in sequence if is_free(block)]
    steps = np.array(free) / 0.5e-3
    if len(free) != 2 or min(free) < 0.03 or np.abs(steps - np.rint(steps)).max() > 1e-6:
        return f"The free intervals last {', '.join(f'{1e3 * one:.2f}' for one in free)} ms."
    peak = rf_report(sequence, 2.0).peak_ut
    if peak > 15:
        return f"It asks for {peak:.1f} uT."
    spin, offset = SpinGroup([3.0]), np.array([0.0, 3000.0])
    for blocks in (slices[:1], sequence):
        near, far = 2 * np.abs(simulate(spin, blocks, Scanner(), offset)[:, 1, 0])
        if not 0.85 < near < 1.02 or far > 0.05:
            return f"A singlet has {near:.2f} of its signal, and {far:.2f} of it 3 kHz away."
    kept = [block.orders for block in sequence if isinstance(block, CoherenceFilter)]
    if kept != [(-1,), (1,), (1,), (-1,)]:
        return "Crushers on both sides of each refocusing pulse are wanted, of one order."
    return ""


def one_is_alone_among_all(data):
    """A molecule has more energy than all others, and 10 dB more over them than after one pulse."""
    name, (low, high), blocks, told = data
    sequence, others = _blocks(blocks), tuple(one for one in METABOLITES if one != text(name))
    if name in ("Glu", "Gln", "GABA") or high - low < 0.1 - 1e-9:
        return "Another molecule than Glu, Gln and GABA is wanted, in 0.1 ppm or more."
    if duration(sequence) > 0.12 + 1e-9:
        return f"The sequence lasts {1e3 * duration(sequence):.1f} ms."
    means = {"ensemble": Ensemble([0.0], [1.0]), "magnitude": True, "at_concentration": True}
    one_pulse, found = (judge_isolation(one, name, others, (low, high), **means)
                        for one in (pulse_acquire(), sequence))  # fmt: skip
    before, after = one_pulse.selectivity_db[0], found.selectivity_db[0]
    if found.peak[0] < 0.3 or after < max(0.0, before + 10):
        return (f"It has {after:.1f} dB over all others, {before:.1f} dB after one pulse, "
                f"and {found.peak[0]:.2f} of the peak.")  # fmt: skip
    if not abs(np.subtract(told, after)) < 0.3:
        return f"It stands out, but not by {told:.1f} dB: are all others in, at concentration?"
    return ""
