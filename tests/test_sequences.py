"""Coupled spins through sequences: against QuTiP, against chapter 1, signs, pathways, members."""

import re

import numpy as np
import pytest
import qutip

import spinlab as sl

SCANNER = sl.mrs.Scanner(carrier_ppm=2.7)
GLU = sl.mrs.metabolite("Glu").groups[0]
AX = sl.mrs.SpinGroup([4.1, 1.3], [[0, 7], [7, 0]])
ONE = sl.mrs.SpinGroup([3.0])


def random_pulse(rng, steps=100, dt=3e-4, rf_hz=120.0):
    return sl.Pulse(rng.uniform(-0.7, 0.7, (2, steps)), dt, rf_hz)


def signal(group, sequence, scanner=SCANNER, **members):
    """tr(rho F+), one proton being 1."""
    x, y, _ = sl.spins.spin_matrices(group.spins).sum(axis=1)
    rho = sl.mrs.simulate(group, sequence, scanner, **members)
    return np.trace(rho @ (x + 1j * y), axis1=-2, axis2=-1) * 4 / 2**group.spins


class Qutip:
    """The same sequences with QuTiP: operators, propagators and filters of its own."""

    def __init__(self, group, scanner, offset_hz, b1_scale):
        self.n, self.scale = group.spins, b1_scale
        spins = [[self.one(k, axis) for axis in "xyz"] for k in range(self.n)]
        self.F = [sum(spin[a] for spin in spins) for a in range(3)]
        nu = (group.shift_ppm - scanner.carrier_ppm) * scanner.larmor_hz * 1e-6 + offset_hz
        self.H = sum(nu[k] * spins[k][2] for k in range(self.n))
        for i in range(self.n):
            for j in range(i):
                J = group.coupling_hz[i, j]
                self.H += J * sum(spins[i][a] * spins[j][a] for a in range(3))

    def one(self, k, axis):
        factors = [qutip.qeye(2)] * self.n
        factors[k] = {"x": qutip.sigmax, "y": qutip.sigmay, "z": qutip.sigmaz}[axis]() / 2
        return qutip.tensor(factors)

    def turn(self, rho, hamiltonian_hz, time):
        U = (-2j * np.pi * time * hamiltonian_hz).expm()
        return U * rho * U.dag()

    def play(self, sequence):
        rho = self.F[2]
        for block in sequence:
            if isinstance(block, sl.mrs.IdealPulse):
                phase = np.deg2rad(block.phase_deg)
                axis = np.cos(phase) * self.F[0] + np.sin(phase) * self.F[1]
                rho = self.turn(rho, axis, self.scale * block.angle_deg / 360)
            elif isinstance(block, sl.mrs.Delay):
                rho = self.turn(rho, self.H, block.duration)
            elif isinstance(block, sl.mrs.CoherenceFilter):
                # A gradient: the mean over rotations about z, 2 n + 1 of which are enough.
                turns = np.arange(2 * self.n + 1) / (2 * self.n + 1)
                rho = sum(
                    np.exp(2j * np.pi * t * p) * self.turn(rho, self.F[2], t)
                    for t in turns for p in block.orders
                ) / len(turns)  # fmt: skip
            else:
                pulse = block.pulse
                for ux, uy in pulse.waveform.T * pulse.rf_hz * self.scale:
                    rho = self.turn(rho, self.H + ux * self.F[0] + uy * self.F[1], pulse.dt)
        return rho

    def fid(self, sequence, times):
        rho, raising = self.play(sequence), self.F[0] + 1j * self.F[1]
        states = (self.turn(rho, self.H, t) for t in times)
        return np.array([(state * raising).tr() for state in states]) * 4 / 2**self.n


@pytest.mark.parametrize("name", ["Gln", "NAA"])
@pytest.mark.parametrize("sequence", ["pulse-acquire", "press", "steam", "shaped"])
def test_fid_against_qutip(name, sequence, rng):
    group, member = sl.mrs.metabolite(name).groups[-1], {"offset_hz": 6.0, "b1_scale": 0.93}
    sequence = {
        "pulse-acquire": sl.mrs.pulse_acquire(),
        "press": sl.mrs.press(0.013, 0.021),
        "steam": sl.mrs.steam(0.02, 0.015),
        "shaped": (*sl.mrs.pulse_acquire(), sl.mrs.ShapedPulse(random_pulse(rng)), sl.mrs.Delay(0.01)),
    }[sequence]
    times = 0.7e-3 * np.arange(40)
    # The readout of spinlab is without offset, so the carrier carries it.
    moved = sl.mrs.Scanner(SCANNER.larmor_hz, SCANNER.shift_ppm(-member["offset_hz"]))
    table = sl.mrs.transitions(group, sl.mrs.simulate(group, sequence, SCANNER, **member), moved)
    expected = Qutip(group, SCANNER, **member).fid(sequence, times)
    assert np.abs(expected).max() > 0.1
    assert np.abs(sl.mrs.fid(table, times) - expected).max() < 1e-9


def test_two_spins_against_the_liouvillian_of_chapter_1(rng):
    """A shaped pulse by GRAPE's propagators in the product-operator basis."""
    pulse = random_pulse(rng, steps=30)
    liouville = sl.liouvillian(AX.system(SCANNER))
    generator = sl.evaluate(liouville, offset_hz=8.0, b1_scale=1.1, rf_hz=pulse.rf_hz)
    start = sl.state("I1z + I2z", liouville)
    states = sl.propagate(generator, pulse.waveform, pulse.dt, start, "grape")
    rho = sl.mrs.simulate(AX, sl.mrs.ShapedPulse(pulse), SCANNER, offset_hz=8.0, b1_scale=1.1)
    basis = [np.array(matrix.tolist(), dtype=complex) for _, matrix in sl.spins.product_basis(2)]
    assert np.allclose([np.trace(B @ rho) for B in basis], states[-1], atol=1e-11)


def test_signs():
    """Along y: z to x.  A positive offset: x to y.  Downfield of the carrier is positive."""
    assert signal(ONE, sl.mrs.pulse_acquire()) == pytest.approx(1)
    assert signal(ONE, sl.mrs.IdealPulse(90, 0)) == pytest.approx(-1j)
    quarter = sl.mrs.Delay(0.25 / SCANNER.offset_hz(3.0))
    assert signal(ONE, (*sl.mrs.pulse_acquire(), quarter)) == pytest.approx(1j)
    quarter = sl.mrs.Delay(0.25 / 10)
    on_resonance = sl.mrs.Scanner(carrier_ppm=3.0)
    assert signal(ONE, (*sl.mrs.pulse_acquire(), quarter), on_resonance, offset_hz=10.0) == (
        pytest.approx(1j)
    )


@pytest.mark.parametrize("phase, expected", [(0, -1j), (90, 1), (180, 1j), (-90, -1)])
def test_a_rectangle_is_a_pulse_of_its_angle(phase, expected):
    rectangle = sl.Pulse(np.array([[1.0] * 5, [0.0] * 5]), 1e-5, 5e3)
    scanner = sl.mrs.Scanner(carrier_ppm=3.0)
    assert signal(ONE, sl.mrs.ShapedPulse(rectangle, phase), scanner) == pytest.approx(expected)


READY = {
    "pulse-acquire": sl.mrs.pulse_acquire(), "spin echo": sl.mrs.spin_echo(0.03),
    "press": sl.mrs.press(0.015, 0.02), "steam": sl.mrs.steam(0.02, 0.01),
    "mega": sl.mrs.mega_press(0.07), "mega on": sl.mrs.mega_press(0.07, mode="on"),
}  # fmt: skip
DURATIONS = {"pulse-acquire": 0.0, "spin echo": 0.03, "press": 0.035, "steam": 0.03}


@pytest.mark.parametrize("name", READY)
def test_ready_sequences_refocus_and_last(name):
    """One spin far from the editing pulses echoes with phase 0 wherever it is."""
    assert sl.mrs.duration(READY[name]) == pytest.approx(DURATIONS.get(name, 0.07))
    spin = sl.mrs.SpinGroup([4.4])
    expected = {"steam": 0.5, "mega": 0.0}.get(name, 1.0)
    values = signal(spin, READY[name], offset_hz=np.array([-7.0, 0.0, 9.0]))
    assert np.allclose(values, expected, atol=2e-3)


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("follows_b1", [True, False])
def test_members_are_simulated_one_by_one(name, follows_b1):
    offset, scale = np.array([-5.0, 0.0, 4.0]), np.array([0.9, 1.0, 1.1])
    sequence = (*READY[name], sl.mrs.IdealPulse(20.0, 10.0, follows_b1))
    together = sl.mrs.simulate(AX, sequence, SCANNER, offset, scale)
    for k in range(3):
        alone = sl.mrs.simulate(AX, sequence, SCANNER, offset[k], scale[k])
        assert np.allclose(together[k], alone, atol=1e-13)
    only_scale = sl.mrs.simulate(AX, sequence, SCANNER, b1_scale=scale)
    assert np.allclose(only_scale[1], together[1]) and only_scale.shape == together.shape


def test_offset_acts_in_every_block(rng):
    """It is the same as moving the carrier, shaped pulses included."""
    sequence = (*sl.mrs.spin_echo(0.02), sl.mrs.ShapedPulse(random_pulse(rng, 20)), sl.mrs.Delay(0.003))
    moved = sl.mrs.Scanner(SCANNER.larmor_hz, SCANNER.shift_ppm(-9.0))
    one = sl.mrs.simulate(GLU, sequence, SCANNER, offset_hz=9.0)
    assert np.allclose(one, sl.mrs.simulate(GLU, sequence, moved), atol=1e-11)


def test_b1_scale_acts_on_all_rf(rng):
    pulse = random_pulse(rng, 10)
    stronger = sl.Pulse(pulse.waveform, pulse.dt, 1.2 * pulse.rf_hz)
    scaled = sl.mrs.simulate(AX, (sl.mrs.IdealPulse(50, 5), sl.mrs.ShapedPulse(pulse)), SCANNER, b1_scale=1.2)
    same = sl.mrs.simulate(AX, (sl.mrs.IdealPulse(60, 5), sl.mrs.ShapedPulse(stronger)), SCANNER)
    assert np.allclose(scaled, same, atol=1e-13)
    perfect = sl.mrs.IdealPulse(50, 5, follows_b1=False)
    same = sl.mrs.simulate(AX, perfect, SCANNER)
    assert np.allclose(sl.mrs.simulate(AX, perfect, SCANNER, b1_scale=1.2), same, atol=1e-13)


def test_a_pulse_at_another_frequency_is_one_with_a_phase_ramp(rng):
    pulse = random_pulse(rng, 8, dt=1e-3)
    fine, fold = 4000, 500
    t = (np.arange(fine) + 0.5) * pulse.duration / fine - pulse.duration / 2
    field = np.repeat(pulse.waveform[0] + 1j * pulse.waveform[1], fold)
    field = field * np.exp(2j * np.pi * SCANNER.offset_hz(3.4) * t + 1j * np.deg2rad(20))
    ramp = sl.Pulse(np.array([field.real, field.imag]), pulse.dt / fold, pulse.rf_hz)
    start = sl.mrs.simulate(AX, sl.mrs.pulse_acquire(), SCANNER)
    shifted = sl.mrs.ShapedPulse(pulse, 20.0, carrier_ppm=3.4)
    one = sl.mrs.simulate(AX, shifted, SCANNER, start=start)
    assert np.allclose(one, sl.mrs.simulate(AX, sl.mrs.ShapedPulse(ramp), SCANNER, start=start), atol=1e-6)


def test_unitary_blocks_conserve_the_norm(rng):
    sequence = (sl.mrs.IdealPulse(70, 11), sl.mrs.Delay(0.01), sl.mrs.ShapedPulse(random_pulse(rng), 5.0, 2.0))
    rho = sl.mrs.simulate(GLU, sequence, SCANNER)
    assert np.allclose(rho, rho.conj().T, atol=1e-12)
    before = np.linalg.eigvalsh(sl.spins.spin_matrices(5)[2].sum(axis=0))
    assert np.allclose(np.linalg.eigvalsh(rho), before, atol=1e-11)


def test_filters_are_projectors(rng):
    rho = sl.mrs.simulate(GLU, sl.mrs.ShapedPulse(random_pulse(rng)), SCANNER)
    parts = [sl.mrs.simulate(GLU, sl.mrs.CoherenceFilter(p), SCANNER, start=rho) for p in range(-5, 6)]
    assert np.allclose(sum(parts), rho)
    for p, part in zip(range(-5, 6), parts, strict=True):
        assert np.linalg.norm(part) > 0.01
        # Turned about z by an angle, order p takes the phase -p times the angle.
        turned = sl.mrs.simulate(sl.mrs.SpinGroup([3.7] * 5), sl.mrs.Delay(0.3e-3), SCANNER, start=part)
        angle = 2 * np.pi * SCANNER.offset_hz(3.7) * 0.3e-3
        assert np.allclose(turned, part * np.exp(-1j * p * angle), atol=1e-12)


def test_exorcycle_selects_the_echo():
    """Four phases of an imperfect 180 do what crushers do, with the receiver following."""
    bad = sl.mrs.IdealPulse(140.0, 0.0)
    before, after = (*sl.mrs.pulse_acquire(), sl.mrs.Delay(0.01)), (sl.mrs.Delay(0.01),)
    cycle = sl.mrs.phase_cycle(bad, (0, 90, 180, 270), (0, 180, 0, 180))
    crushed = (sl.mrs.CoherenceFilter(1), bad, sl.mrs.CoherenceFilter(-1))
    one, two = (signal(GLU, (*before, *middle, *after)) for middle in ((cycle,), crushed))
    assert one == pytest.approx(two, abs=1e-12)
    assert abs(one - signal(GLU, (*before, bad, *after))) > 0.01


def test_a_cycle_of_everything_turns_nested_cycles_too():
    inner = sl.mrs.phase_cycle(sl.mrs.IdealPulse(90.0), (0, 180), (0, 180))
    outer = sl.mrs.phase_cycle((inner, sl.mrs.IdealPulse(30.0, 5.0)), (0, 90, 180, 270), (0, 90, 180, 270))
    plain = signal(AX, (sl.mrs.IdealPulse(90.0), sl.mrs.IdealPulse(30.0, 5.0)))
    flipped = signal(AX, (sl.mrs.IdealPulse(90.0, 180.0), sl.mrs.IdealPulse(30.0, 5.0)))
    assert signal(AX, outer) == pytest.approx((plain - flipped) / 2)


def test_editing_refocuses_the_coupling():
    """Lactate at TE = 1/J: the doublet is inverted, and upright if its partner is edited."""
    lactate = sl.mrs.metabolite("Lac").groups[0]
    ax = sl.mrs.SpinGroup([4.0974, 1.3142], [[0, 6.933], [6.933, 0]])
    te = 1 / 6.933
    for group, copies in ((ax, 1), (lactate, 3)):
        parts = {
            mode: signal(group, sl.mrs.mega_press(te, 4.0974, 7.5, te1=0.02, mode=mode)).real
            for mode in ("on", "off", "difference")
        }
        # The edited proton itself is dephased by the crushers.
        assert parts["on"] == pytest.approx(copies, rel=0.04)
        assert parts["off"] == pytest.approx(-1 - copies, rel=0.06)
        assert parts["difference"] == pytest.approx((parts["on"] - parts["off"]) / 2)


@pytest.mark.parametrize("te1", [0.008, 0.01, 0.012, 0.013])
def test_editing_pulses_may_fill_their_intervals(te1):
    """Where there is just enough time, rounding errors do not refuse it."""
    blocks = sl.mrs.mega_press(2 * (te1 + 0.014), te1=te1, mode="on")
    assert min(block.duration for block in blocks if isinstance(block, sl.mrs.Delay)) == 0


def test_gaussian_pulse_turns_by_its_angle():
    pulse = sl.mrs.gaussian_pulse(0.02, angle_deg=90.0)
    assert pulse.duration == pytest.approx(0.02)
    assert pulse.amplitude.max() == pytest.approx(1)
    played = sl.mrs.ShapedPulse(pulse, 90.0, carrier_ppm=3.0)
    # The pulse has its phase in the middle; from there on the spin precesses.
    precession = np.exp(2j * np.pi * SCANNER.offset_hz(3.0) * pulse.duration / 2)
    assert signal(ONE, played) == pytest.approx(precession)
    assert abs(signal(sl.mrs.SpinGroup([4.0]), played)) < 0.06  # 123 Hz away


def test_metabolites_are_simulated_group_by_group():
    gsh = sl.mrs.metabolite("GSH")
    states = sl.mrs.simulate(gsh, sl.mrs.pulse_acquire(), SCANNER)
    later = sl.mrs.simulate(gsh, sl.mrs.Delay(0.01), SCANNER, start=states)
    for group, state in zip(gsh.groups, later, strict=True):
        sequence = (*sl.mrs.pulse_acquire(), sl.mrs.Delay(0.01))
        assert np.allclose(state, sl.mrs.simulate(group, sequence, SCANNER))


@pytest.mark.parametrize("spins", [1, 2, 3])
def test_product_coefficients_are_those_of_the_basis(spins, rng):
    """Against traces with the symbolic operators, for matrices that need not be Hermitian."""
    rho = rng.normal(size=(2, 2**spins, 2**spins)) + 1j * rng.normal(size=(2, 2**spins, 2**spins))
    found = sl.mrs.product_coefficients(rho)
    rebuilt = np.zeros_like(rho)
    for name, matrix in sl.spins.product_basis(spins, identity=True):
        index = [0] * spins
        for spin, axis in re.findall(r"I(\d?)([xyz])", name):
            index[int(spin or 1) - 1] = "Exyz".index(axis)
        value = found[(slice(None), *index)]
        rebuilt += value[:, None, None] * np.array(matrix.tolist(), dtype=complex)
    np.testing.assert_allclose(rebuilt, rho, atol=1e-13)


def test_many_members_are_simulated_in_chunks(rng):
    """Memory is that of the result and a little more, and the numbers are the same."""
    import tracemalloc

    offsets = np.linspace(-50, 50, 6000)
    tracemalloc.start()
    try:
        states = sl.mrs.simulate(GLU, sl.mrs.press(0.01, 0.02), SCANNER, offset_hz=offsets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.4 * states.nbytes
    few = sl.mrs.simulate(GLU, sl.mrs.press(0.01, 0.02), SCANNER, offset_hz=offsets[::1999])
    np.testing.assert_allclose(states[::1999], few, atol=1e-14)


def test_states_know_their_field():
    naa, other = sl.mrs.metabolite("NAA"), sl.mrs.Scanner.of_field(7)
    states = sl.mrs.simulate(naa, sl.mrs.pulse_acquire(), SCANNER)
    with pytest.raises(ValueError, match="States made at 123.2 MHz do not fit a scanner of 298.0"):
        sl.mrs.transitions(naa, states, other)
    with pytest.raises(ValueError, match="made at 123.2 MHz"):
        sl.mrs.simulate(naa, sl.mrs.Delay(0.01), other, start=states)
    moved = sl.mrs.Scanner(SCANNER.larmor_hz, 4.65)  # another carrier is welcome
    assert len(sl.mrs.transitions(naa, states, moved).offset_hz) > 10
