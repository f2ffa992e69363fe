"""Answers that are judged by what they do, of chapters 1 to 3: a hint about their plain data, empty
where they are right."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...control.ensemble import Ensemble
from ...control.judgement import judge
from ...control.problem import Problem
from ...files.save_load import load_pulse
from ...propagation.spinors import propagate_phase, spinor_target, universal_fidelity
from ...pulses.pulse import Pulse
from ...spins.generators import observable
from ...spins.systems import SpinSystem, liouvillian
from .plain import numbers, pulses, text

# --- chapter 1 ---------------------------------------------------------------------------


def operator_is_blind_to_flip_flops(answer):
    """The operator is I1z + I2z, written any way."""
    pair = SpinSystem((-20, 30), ((1, 2, 7),))
    strong, weak = liouvillian(pair), liouvillian(replace(pair, weak=True))
    difference = np.array((strong.generator - weak.generator).tolist(), dtype=float)
    given = observable(text(answer), strong)
    if np.abs(difference @ given).max() > 1e-9:
        return "The two Liouvillians differ on this operator; look at its commutator again."
    if np.abs(given - observable("I1z + I2z", strong)).max() > 1e-9:
        return "The two agree on it, but it is none of the three operators."
    return ""


def _arc(longitude, *latitudes):
    """A path, (41, 3), along a meridian over these latitudes, in degrees, one after the other."""
    places = np.linspace(0, len(latitudes) - 1, 41)
    up = np.deg2rad(np.interp(places, range(len(latitudes)), latitudes))
    turn = np.deg2rad(longitude)
    return np.stack([np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn), np.sin(up)], axis=1)


#: paths of the magnetisation; the first is what one wants
PATHS = {
    "straight": _arc(0, 90, 0), "below": _arc(0, 90, -20, 0), "deep": _arc(0, 90, -60, 0),
    "sixty": _arc(60, 90, 0), "back": _arc(180, 90, 0),
}  # fmt: skip


def tabulate_loss(loss):
    """Values, and slopes by the complex step and by a difference, at two paths."""
    values, slopes = [loss(path) for path in PATHS.values()], []
    for path in (PATHS["deep"], PATHS["sixty"]):
        bend = np.cos(np.arange(path.size)).reshape(path.shape)
        difference = (loss(path + 1e-6 * bend) - loss(path - 1e-6 * bend)) / 2e-6
        slopes.append([np.imag(loss(path + 1e-20j * bend)) / 1e-20, difference])
    return [numbers(values), numbers(slopes)]


def loss_is_small_where_it_should(data):
    """The loss grows with the distance from x and below the equator, and is analytic."""
    values, slopes = (np.array(numbers(part)) for part in data)
    straight, below, deep, sixty, back = values
    step, difference = slopes.T
    if not straight < sixty < back:
        return "A path that ends farther from x should cost more."
    if not straight < below < deep:
        return "A path that leaves the upper hemisphere should cost more, the deeper the more."
    if np.any(np.abs(step - difference) > 1e-4 * np.abs(difference)):
        return "The complex step and a difference disagree; is the loss analytic, without abs?"
    return ""


def _end_phase(C, M, theta, cells):
    """Error of the last state of m' = i m from 1 by elements with these matrices."""
    size = len(C) - 1
    K, b = np.zeros((size * cells + 1,) * 2, complex), np.zeros(size * cells + 1)
    for n in range(cells):
        place = slice(n * size, n * size + size + 1)
        K[place, place] += C - 1j * theta / cells * M
    K[0], b[0] = np.eye(len(K))[0], 1
    return np.abs(np.linalg.solve(K, b)[-1] - np.exp(1j * theta))


def element_has_order_six(data):
    """C and M keep the laws of every element, and free precession comes out to order 6."""
    C, M = np.array(numbers(data))
    ends = np.zeros(C.shape)
    ends[[0, -1], [0, -1]] = -1, 1
    if len(C) > 12 or np.abs(C + C.T - ends).max() > 1e-6:
        return "C + C^T should be diag(-1, 0, ..., 0, 1): that is integration by parts."
    if abs(M.sum() - 1) > 1e-6 or np.abs(M - M.T).max() > 1e-6:
        return "M should be symmetric, and its entries add up to the length of the element."
    errors = [_end_phase(C, M, 8.0, cells) for cells in (8, 16)]
    order = np.log2(errors[0] / errors[1])
    if not (order > 5.5 and errors[1] < 1e-5):
        return f"Free precession has an error of order {order:.1f} only."
    return ""


def _grid(band_hz, spread, offsets=101, scales=11):
    axes = np.linspace(-band_hz, band_hz, offsets), np.linspace(1 - spread, 1 + spread, scales)
    return Ensemble.grid(*axes)


def _task(pulse, target, grid):
    """The problem from Iz to the target that a pulse is for, on a grid."""
    size = pulse.duration, pulse.steps, pulse.rf_hz
    return Problem("Iz", target, *size, grid, control=pulse.control)


def gaps_tell_the_trap(data):
    """Two pulses: one that cheats on 11 offsets, one that is honest on 21."""
    means = []
    for pulse, count in zip(pulses(data), (11, 21), strict=True):
        for offsets, scales in ((count, 5), (201, 21)):
            task = _task(pulse, "Ix", _grid(10e3, 0.2, offsets, scales))
            means.append(task.fidelity(pulse.waveform)[0])
    coarse, truth, fine, fine_truth = means
    if min(coarse, fine) < 0.97 or abs(pulse.duration - 500e-6) > 1e-9 or pulse.rf_hz > 10e3:
        return "On its own grid each pulse should reach 0.97, in 500 us with 10 kHz."
    if fine - fine_truth > 0.02:
        return "With 21 offsets the two means should agree; did the design have them?"
    if coarse - truth < 0.03:
        return "With 11 offsets the gap should be plain; is the filter on, and kind='xy'?"
    return ""


def judge_pulse(data, target, duration, band_hz, spread, mean, worst):
    """A hint about a pulse from Iz, judged by rotations on a dense grid; empty if it is good."""
    (pulse,) = pulses(data)
    if pulse.duration > duration * (1 + 1e-9) or pulse.rf_hz > 10e3 * (1 + 1e-9):
        return f"{pulse.duration * 1e6:g} us and {pulse.rf_hz / 1e3:g} kHz of RF are too much."
    found = judge(pulse, _task(pulse, target, _grid(band_hz, spread)), 101, 11)
    if found.mean < mean or found.minimum < worst:
        return f"On the dense grid it has a mean of {found.mean:.4f}, at worst {found.minimum:.4f}."
    return ""


def judge_phases(data, target, steps, band_hz, spread, mean, worst):
    """A hint about phases of 1 us at 10 kHz, judged on a dense grid; empty if they are good."""
    phases = np.array(numbers(data))
    if phases.shape not in ((steps,), (1, steps)):
        return f"Wanted are {steps} phases in rad, but shape {phases.shape} arrived."
    grid = _grid(band_hz, spread)
    path = propagate_phase(phases.ravel(), grid.offset_hz, grid.b1_scale, 10e3, 1e-6)
    values = universal_fidelity(path.final, spinor_target(target)).values
    if values.mean() < mean:
        return f"The mean over the grid is {values.mean():.5f}; race more starts, or go on longer."
    if values.min() < worst:
        return f"The worst member has {values.min():.5f}; the mean is fine, now polish."
    return ""


# --- chapter 3 ---------------------------------------------------------------------------


def gaussian():
    """A quarter turn about y in 2 ms: 200 steps of a Gaussian that falls to 1 % at its ends."""
    t = (np.arange(200) + 0.5) / 100 - 1
    shape = 0.01 ** (t**2)
    shape = shape / shape.max()
    return Pulse(np.array([0 * shape, shape]), 1e-5, 0.25 / (shape.sum() * 1e-5))


def file_holds_the_gaussian(data):
    """The file, loaded, holds the pulse of :func:`gaussian`."""
    ending, content = (text(part) for part in data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pulse").with_suffix(ending)
        path.write_text(content, encoding="utf-8")
        pulse, wanted = load_pulse(path, dt=1e-5 if ending == ".shape" else None), gaussian()
    if pulse.waveform.shape != wanted.waveform.shape or abs(pulse.dt / wanted.dt - 1) > 1e-6:
        return f"It holds {pulse.steps} steps of {pulse.dt * 1e6:g} us."
    off = np.abs(pulse.waveform * pulse.rf_hz - wanted.waveform * wanted.rf_hz).max() / wanted.rf_hz
    return f"The RF is off by {off:.1%} of the peak wanted." if off > 2e-3 else ""


def pulse_keeps_the_limits(data):
    """An excitation that keeps to a mean power and a slew."""
    (pulse,) = pulses(data)
    u = pulse.waveform * pulse.rf_hz / 10e3
    power = np.mean(np.sum(u**2, axis=0))
    slew = np.hypot(*np.diff(u)).max() / pulse.dt
    if power > 0.3 + 1e-6 or slew > 0.15 / 2e-6 * (1 + 1e-6):
        return f"Its mean power is {power:.4f}, and it changes by up to {slew * 2e-6:.4f} in 2 us."
    return judge_pulse(data, "Ix", 400e-6, 5e3, 0.1, 0.99, 0.95)


def pulse_serves_two_bands(data):
    """An inversion on one side of the carrier, and nothing on the other."""
    (pulse,) = pulses(data)
    peak = pulse.amplitude.max() * pulse.rf_hz
    if pulse.duration > 2e-3 * (1 + 1e-9) or peak > 5e3 * (1 + 1e-9):
        return f"{pulse.duration * 1e6:g} us and {peak / 1e3:g} kHz of RF are too much."
    for target, low, verb in (("-Iz", -2.5e3, "inverts"), ("Iz", 500.0, "leaves")):
        grid = Ensemble.grid(np.linspace(low, low + 2e3, 101), np.linspace(0.97, 1.03, 5))
        found = judge(pulse, _task(pulse, target, grid), 101, 5)
        if found.minimum < 0.985:
            return f"It {verb} the band from {low:g} Hz to {found.minimum:.4f} at worst."
    return ""


def pulse_stays_out_of_the_plane(data):
    """An inversion that spends little time in the transverse plane."""
    hint = judge_pulse(data, "-Iz", 200e-6, 5e3, 0.1, 0.985, -1.0)
    (pulse,) = pulses(data)
    if hint or pulse.control != "constant":
        return hint or "Take a piecewise-constant control here."
    finer = replace(pulse, waveform=np.repeat(pulse.waveform, 8, axis=1), dt=pulse.dt / 8)
    mz = judge(finer, _task(finer, "-Iz", _grid(5e3, 0.1, 51, 5)), 51, 5).along("Iz")
    share = np.mean(1 - mz**2) * pulse.duration / 200e-6
    return f"In the plane it has a mean of {share:.3f} of the 200 us." if share > 0.45 else ""
