"""A PRESS as a Pulseq file: spins that know the file alone see what the blocks say."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pypulseq
import pytest

import spinlab as sl

SCANNER = sl.mrs.Scanner(carrier_ppm=2.8)
#: Three of the spins of glutamate.
AMX = sl.mrs.SpinGroup([3.75, 2.1, 2.35], [[0, 6.5, 5.0], [6.5, 0, -15.0], [5.0, -15.0, 0]])
THICKNESS = dict(zip("xyz", (0.03, 0.02, 0.025), strict=True))
#: The sample: so many slices wide, and so many places along every axis.
EXTENT, PLACES = 1.5, 201
AXIS = np.linspace(1.5, 4.2, 541)


def press(te1=16e-3, te2=30e-3, **means):
    return sl.mrs.press(te1, te2, **{**sl.mrs.at_scanner(), **means})


def designed(sequence, dt=0.5e-3):
    """With RF drawn by lot in place of a design."""
    rng = np.random.default_rng(5)
    return tuple(
        sl.mrs.ShapedPulse(sl.Pulse(rng.uniform(-0.7, 0.7, (2, round(one.duration / dt))), dt, 120.0), 35.0)
        if isinstance(one, sl.mrs.Delay) and one.free else one for one in sequence
    )  # fmt: skip


SEQUENCES = {"conventional": press(), "designed": designed(press())}


def write(folder, sequence, **means):
    path = folder / "press.seq"
    means = {"scanner": SCANNER, "thickness": tuple(THICKNESS.values()), **means}
    assert sl.mrs.write_pulseq_sequence(path, sequence, **means) == path
    return path


def read(path):
    """The blocks, and the carrier."""
    path.with_suffix(".read").write_text(path.read_text() + "\n\n")  # or pypulseq reads for ever
    sequence = pypulseq.Sequence()
    sequence.read(str(path.with_suffix(".read")))
    return [sequence.get_block(k) for k in sequence.block_events], sequence.get_definition("CarrierPpm")


# The replay: nothing of spinlab but the matrices of spins, and nothing but the file.


class Replay:
    """Spins that are played a file, at all places (metres) of a sample."""

    def __init__(self, path, group, places):
        (self.blocks, carrier_ppm), self.places = read(path), places
        single = sl.spins.spin_matrices(group.spins)
        self.Fx, self.Fy, self.Fz = single.sum(axis=1)
        offsets = (group.shift_ppm - carrier_ppm) * SCANNER.larmor_hz * 1e-6
        self.H = np.tensordot(offsets, single[2], 1)  # Hz
        for i, j in itertools.combinations(range(group.spins), 2):
            self.H = self.H + group.coupling_hz[i, j] * sum(one[i] @ one[j] for one in single)
        self.rho, self.axis, self.past = self.Fz[None] + 0j, None, set()

    def play(self):
        """The density matrix at the first sample, its mean over the sample."""
        for block in self.blocks:
            gradients = courses(block)
            times = [0.0, block.block_duration]
            if block.rf:
                times[1:1] = block.rf.delay, block.rf.delay + block.rf.shape_dur
            if block.adc:
                times[1] = block.adc.delay + block.adc.dwell / 2
            for k, (begin, end) in enumerate(itertools.pairwise(times)):
                areas = {axis: area(*g, begin, end) for axis, g in gradients.items()}
                areas = {axis: one for axis, one in areas.items() if abs(one) > 1e-9}
                if block.rf and k == 1:
                    self.pulse(block.rf, areas, end - begin)
                    levels = [np.interp([begin, end], *gradients[axis]) for axis in areas]
                    assert np.allclose(np.diff(levels), 0, atol=1e-3)
                else:
                    self.free(end - begin, areas)
            if block.adc:
                return self.rho.mean(axis=0)

    def go_to(self, axis):
        """Spread the sample along an axis; of the axis before no gradient may come again."""
        if axis != self.axis:
            assert axis not in self.past
            self.past.add(self.axis)
            self.rho = np.repeat(self.rho.mean(axis=0)[None], len(self.places[axis]), axis=0)
            self.axis = axis

    def free(self, time, areas):
        for axis, one in areas.items():
            self.go_to(axis)
            m = np.diag(self.Fz).real
            turns = one * self.places[axis][:, None, None] * np.subtract.outer(m, m)
            self.rho = self.rho * np.exp(-2j * np.pi * turns)
        self.conjugate(self.H[None], time)

    def pulse(self, rf, areas, time):
        H = self.H[None]
        for axis, one in areas.items():
            self.go_to(axis)
            H = H + (one / time * self.places[axis])[:, None, None] * self.Fz
        raster = rf.t[1] - rf.t[0]
        signal = rf.signal * np.exp(1j * (rf.phase_offset + 2 * np.pi * rf.freq_offset * rf.t))
        changes = np.flatnonzero(np.abs(np.diff(signal)) > 1e-6 * np.abs(signal).max()) + 1
        ends = [0, *changes, len(signal)]
        for begin, end in itertools.pairwise(ends):
            u = signal[begin]
            self.conjugate(H + u.real * self.Fx + u.imag * self.Fy, (end - begin) * raster)

    def conjugate(self, H, time):
        energies, V = np.linalg.eigh(H)
        U = (V * np.exp(-2j * np.pi * time * energies)[:, None]) @ V.conj().swapaxes(1, 2)
        self.rho = U @ self.rho @ U.conj().swapaxes(1, 2)


def courses(block):
    """Times and amplitudes of the corners of its gradients, by the axis."""
    return {axis: course(g) for axis in "xyz" if (g := getattr(block, f"g{axis}"))}


def course(gradient):
    if gradient.type == "grad":
        return gradient.delay + gradient.tt, gradient.waveform
    times = np.cumsum([gradient.delay, gradient.rise_time, gradient.flat_time, gradient.fall_time])
    return times, gradient.amplitude * np.array([0, 1, 1, 0])


def area(times, amplitudes, begin, end):
    ticks = np.unique([begin, *times[(times > begin) & (times < end)], end])
    heights = np.interp(ticks, times, amplitudes, left=0, right=0)
    return np.sum(np.diff(ticks) * (heights[1:] + heights[:-1])) / 2


def spectrum(group, rho):
    return sl.mrs.spectrum(sl.mrs.transitions(group, rho, SCANNER), AXIS, 6.0)


def simulated(sequence, without=(), **means):
    """By the library, with other means of its slices."""
    blocks = tuple(
        replace(one, **means) if isinstance(one, sl.mrs.SlicePulse) else one
        for one in sequence if not isinstance(one, without)
    )  # fmt: skip
    return spectrum(AMX, sl.mrs.simulate(AMX, blocks, SCANNER))


def assert_alike(one, other, tolerance):
    reference = spectrum(AMX, sl.mrs.simulate(AMX, sl.mrs.pulse_acquire(), SCANNER))
    assert np.abs(other).max() > 0.2 * np.abs(reference).max()  # so that it is the peak of something
    assert np.abs(one - other).max() < tolerance * np.abs(other).max()


@pytest.mark.parametrize("name", SEQUENCES)
def test_at_the_isocentre(name, tmp_path):
    """Where no gradient acts: all RF, times and phases, without crushers."""
    path = write(tmp_path, SEQUENCES[name])
    found = spectrum(AMX, Replay(path, AMX, dict.fromkeys("xyz", np.zeros(1))).play())
    expected = simulated(SEQUENCES[name], sl.mrs.CoherenceFilter, positions=1, extent=1.0)
    assert_alike(found, expected, 1e-4)


@pytest.mark.parametrize("name", SEQUENCES)
def test_in_a_voxel(name, tmp_path):
    """Mean over the sample with gradients as they are, against ideal slices and filters."""
    path = write(tmp_path, SEQUENCES[name])
    places = EXTENT * ((np.arange(PLACES) + 0.5) / PLACES - 0.5)
    rho = Replay(path, AMX, {axis: wide * places for axis, wide in THICKNESS.items()}).play()
    expected = simulated(SEQUENCES[name], positions=PLACES, extent=EXTENT)
    assert_alike(EXTENT**3 * spectrum(AMX, rho), expected, 3e-2)


def test_pulses_at_other_frequencies(tmp_path):
    """The phase of the file is that of the middle of the pulse."""
    sequence = [replace(one, carrier_ppm=2.3) if hasattr(one, "pulse") else one for one in SEQUENCES["designed"]]
    path = write(tmp_path, sequence)
    found = spectrum(AMX, Replay(path, AMX, dict.fromkeys("xyz", np.zeros(1))).play())
    expected = simulated(sequence, sl.mrs.CoherenceFilter, positions=1, extent=1.0)
    assert_alike(found, expected, 1e-3)  # a step of 50 us has one phase only


def turns_between_pulses(path):
    """Areas of a file from the middle of a pulse to that of the next, (axes, pulses), in turns."""
    turns, axes = [np.zeros(3)], "xyz"
    for block in read(path)[0]:
        middle = [block.rf.delay + block.rf.shape_dur / 2] if block.rf else []
        for k, limits in enumerate(itertools.pairwise([0.0, *middle, block.block_duration])):
            turns += [np.zeros(3)] * k
            areas = {axis: area(*one, *limits) for axis, one in courses(block).items()}
            turns[-1] = turns[-1] + [areas.get(axis, 0.0) * THICKNESS[axis] for axis in axes]
    return np.transpose(turns[1:])


def test_what_crushers_let_pass(tmp_path):
    """Of all pathways of five spins the wanted one alone."""
    x, y, z = turns_between_pulses(write(tmp_path, SEQUENCES["designed"], cycles=40))
    assert np.allclose(x, 0, atol=1e-3)  # the rephaser
    orders = np.arange(-5, 6)
    paths = np.array(list(itertools.product(orders, orders, orders, orders, [-1])))
    paths = paths[np.abs(paths[:, 0]) <= 1]  # what a pulse makes of z
    most = np.maximum(np.abs(paths @ y), np.abs(paths @ z))
    wanted = np.all(paths == [-1, 1, 1, -1, -1], axis=1)
    assert most[wanted] == pytest.approx(0, abs=1e-2)
    assert most[~wanted].min() == pytest.approx(0.1 * 40, rel=1e-3)
    low = ~wanted & np.all(np.abs(paths) <= 1, axis=1)
    assert most[low].min() == pytest.approx(0.3 * 40, rel=1e-3)


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("dwell", [0.5e-3, 0.25e-3])
def test_times_and_limits(name, dwell, tmp_path):
    """The echo is where the blocks have it, and gradients are no steeper or stronger than allowed."""
    blocks, _ = read(write(tmp_path, SEQUENCES[name], dwell=dwell, samples=1000))
    begins = np.cumsum([0.0, *(block.block_duration for block in blocks)])
    echo, selective = begins[-2] + blocks[-1].adc.delay + dwell / 2, []
    assert np.abs(begins / 1e-5 - np.round(begins / 1e-5)).max() < 1e-6
    for begin, block in zip(begins, blocks, strict=False):
        for times, heights in courses(block).values():
            assert np.abs(heights).max() <= 40e-3 * 42.576e6
            assert np.abs(np.diff(heights) / np.diff(times)).max() <= 150 * 42.576e6
        if rf := block.rf:
            assert rf.delay >= 100e-6 and block.block_duration >= rf.delay + rf.shape_dur + 30e-6
            if rf.use in ("excitation", "refocusing"):
                selective.append(begin + rf.delay + rf.shape_dur / 2)
    assert [*selective, echo] - selective[0] == pytest.approx([0, 8e-3, 31e-3, 46e-3], abs=1e-9)
    assert (blocks[-1].adc.num_samples, blocks[-1].adc.dwell) == (1000, pytest.approx(dwell))
    assert sum(bool(block.rf) for block in blocks) == (5 if name == "designed" else 3)


def test_a_pulse_without_rf_is_silent(tmp_path):
    silent = [replace(one, pulse=sl.Pulse(0 * one.pulse.waveform, one.pulse.dt, 1.0))
              if isinstance(one, sl.mrs.ShapedPulse) else one for one in SEQUENCES["designed"]]  # fmt: skip
    texts = [write(tmp_path, sequence).read_text() for sequence in (silent, SEQUENCES["conventional"])]
    assert texts[0] == texts[1]


def test_a_design_is_written_by_its_result(tmp_path):
    problem = sl.mrs.isolation_problem("Glu", "Gln", blocks=press(16e-3, 24e-3))
    result = sl.design(problem, max_iterations=1)
    blocks, _ = read(write(tmp_path, result.sequence))
    played = [blocks[k].rf for k in (2, 4)]
    for rf, pulse in zip(played, result.pulses, strict=True):
        signal = pulse.rf_hz * (pulse.waveform[0] + 1j * pulse.waveform[1])
        assert np.allclose(rf.signal, np.repeat(signal, 500), atol=1e-4 * np.abs(signal).max())


WEAK, SLOW = (pypulseq.Opts(max_grad=grad, grad_unit="mT/m", max_slew=slew, slew_unit="T/m/s")
              for grad, slew in ((15, 150), (40, 50)))  # fmt: skip
REFUSED = [
    (press(free=False), {}, "Only a PRESS with slices, crushers and closed delays around its RF"),
    (press(free=(None, (0.0, 2e-3), (2e-3, 2e-3))), {}, "Only a PRESS with slices, crushers and closed"),
    (press(pathway="both"), {}, "as press(te1, te2, **at_scanner()) makes it, not SlicePulse, Delay"),
    (press(pathway="exorcycle"), {}, "SlicePulse, Delay, Cycle, Delay, Delay"),
    (press(excite=None), {}, "not IdealPulse, Delay"),
    (press(excite=replace(press()[0], rephased=False)), {}, "Only a PRESS with slices, crushers and"),
    (sl.mrs.spin_echo(30e-3, **{**sl.mrs.at_scanner(), "free": (None, (2e-3, 2e-3))}), {}, "Only a PRESS"),
    (press(free=(None, (2e-3, 2e-3), (2e-3, 2.5055e-3))), {}, "is no multiple of the raster of 10 us"),
    (press(), {"cycles": 100}, "Give fewer cycles, thicker slices, longer closed delays"),
    (press(), {"system": WEAK}, "The gradient along y cannot be played (Gradient amplitude violation"),
    (press(), {"system": SLOW}, "The gradient along y cannot be played (Slew rate violation"),
    (press(te1=11.2e-3), {}, "The gradient along x cannot be played"),
    (press(), {"dwell": 5e-3}, "too short for half a dwell time of 5 ms"),
    (press(), {"dwell": 0.33333e-3}, "pypulseq finds times off its rasters: adc delay, adc dwell"),
]  # fmt: skip


@pytest.mark.parametrize("sequence, means, sentence", REFUSED, ids=[row[2] for row in REFUSED])
def test_what_cannot_be_written_is_refused(sequence, means, sentence, tmp_path):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        write(tmp_path, sequence, **means)
    assert str(caught.value).endswith(".") and not list(tmp_path.iterdir())


def test_without_pypulseq_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pypulseq", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'spinlab-book[pulseq]'")):
        write(tmp_path, press())


def test_rf_report():
    """A pulse of 2 uT for 10 ms and one of 1 uT for 20 ms, the latter silent half of the time."""
    per_ut = 42.577478
    first = sl.Pulse(np.full((2, 10), np.sqrt(0.5)), 1e-3, 2 * per_ut)
    second = sl.Pulse(0.5 * np.array([[1.0, 0.0] * 10, [0.0] * 20]), 1e-3, 2 * per_ut)
    sequence = sl.mrs.ShapedPulse(first), sl.mrs.Delay(0.01), sl.mrs.ShapedPulse(second)
    report = sl.mrs.rf_report(sequence, 0.5)
    assert report == pytest.approx((2, np.sqrt((4 * 0.01 + 1 * 0.01) / 0.5), 0.04))
    assert sl.mrs.rf_report(sl.mrs.Delay(0.1), 1.0) == (0, 0, 0)
