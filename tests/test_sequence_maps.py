"""Blocks as linear maps: adjoints, slices, pathways, and designs through every kind of sequence."""

import tracemalloc

import numpy as np
import pytest

import spinlab as sl
from spinlab.mrs.adjoint import fixed_stretches
from spinlab.mrs.metabolites import spins_at
from spinlab.mrs.simulation import sequence_map

SCANNER = sl.mrs.Scanner()
PAIR = sl.mrs.SpinGroup([2.45, 2.1], [[0, 7.0], [7.0, 0]])
TRIPLE = sl.mrs.SpinGroup([3.74, 2.1, 2.35], [[0, 7.3, 4.6], [7.3, 0, -14.8], [4.6, -14.8, 0]])
MEMBERS = sl.Ensemble([-5.0, 0.0, 4.0], [0.9, 1.0, 1.1])
SLICE = sl.mrs.slice_pulse(4e-3, 5, carrier_ppm=2.5, phase_deg=30.0, positions=5)
PULSE = sl.mrs.ShapedPulse(sl.mrs.gaussian_pulse(3e-3), 20.0, 2.2)
BLOCKS = {
    "ideal": sl.mrs.IdealPulse(70.0, 20.0), "steady": sl.mrs.IdealPulse(70.0, 20.0, False),
    "delay": sl.mrs.Delay(7e-3), "shaped": PULSE, "slice": SLICE,
    "excitation": sl.mrs.slice_pulse(2e-3, 4, "excite", positions=3),
    "filter": sl.mrs.CoherenceFilter((-1, 2)),
    "relaxation": sl.mrs.Relaxation(5e-3, 0.1, 0.03), "cycle": sl.mrs.phase_cycle((PULSE, sl.mrs.CoherenceFilter((-1, 0))), (0, 90, 200), (0, 10, 77)),
}  # fmt: skip


def mapped(blocks, group=TRIPLE, kind=complex):
    acts = (getattr(MEMBERS, name).reshape(-1, 1, 1) for name in ("offset_hz", "b1_scale"))
    return sequence_map(blocks, spins_at(group, SCANNER), *acts, kind)


def random_state(seed, d=8):
    real, imaginary = np.random.default_rng(seed).standard_normal((2, MEMBERS.members, d, d))
    return real + 1j * imaginary


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_has_its_adjoint(name):
    """Re tr(c^+ F(rho)) is Re tr(F*(c)^+ rho), for any c and rho, Hermitian or not."""
    one = mapped((BLOCKS[name],))
    c, rho = random_state(0), random_state(1)
    forward, back = np.vdot(c, one.forward(rho)), np.vdot(one.adjoint(c), rho)
    assert abs(forward - back) < 1e-12 * abs(forward)


def test_a_map_of_single_precision_stays_in_it():
    rho = random_state(0).astype(np.complex64)
    one = mapped(tuple(BLOCKS.values()), kind=np.complex64)
    assert one.forward(rho).dtype == one.adjoint(rho).dtype == np.complex64
    exact = mapped(tuple(BLOCKS.values())).forward(rho.astype(complex))
    assert np.linalg.norm(one.forward(rho) - exact) < 1e-5 * np.linalg.norm(exact)


def test_a_slice_is_the_mean_over_positions():
    """Against every position by the exact path, one at a time; only the split step is between."""
    total, start = 0, random_state(2)
    for offset in SLICE.offset_hz:
        block = sl.mrs.ShapedPulse(SLICE.pulse, SLICE.phase_deg, SLICE.carrier_ppm - offset / 123.2)
        # A spin at a position is one that is further off its carrier; the frame of the carrier
        # turns, and that is undone on both sides.
        half = np.exp(1j * np.pi * offset * block.duration * spins_at(TRIPLE, SCANNER).order)
        alone = sl.mrs.simulate(TRIPLE, block, SCANNER, MEMBERS.offset_hz, MEMBERS.b1_scale, half.conj() * start)
        total = total + half.conj() * alone * SLICE.extent / SLICE.positions
    found = mapped((SLICE,)).forward(start)
    assert np.linalg.norm(found - total) < 1e-4 * np.linalg.norm(total)


@pytest.mark.parametrize("purpose", ["refocus", "excite"])
def test_the_mean_over_positions_has_converged(purpose):
    """The positions of the default are enough to a thousandth; a box profile would give 1."""
    spin, crushed = sl.mrs.SpinGroup([3.0]), purpose == "refocus"
    ends = []
    for positions in (13, 101):
        pulse = (sl.mrs.slice_pulse(7e-3, 6, purpose, positions=positions),)
        if crushed:
            filters = sl.mrs.CoherenceFilter(1), sl.mrs.CoherenceFilter(-1)
            pulse = *sl.mrs.pulse_acquire(), filters[0], *pulse, filters[1]
        ends.append(2 * sl.mrs.simulate(spin, pulse, SCANNER)[1, 0])
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-3)
    assert 0.96 < ends[0].real < 1


def test_slices_of_many_members_take_little_memory():
    """Positions times members are cut into pieces, and the numbers are the same."""
    spin, offsets = sl.mrs.SpinGroup([3.0]), np.linspace(-50, 50, 600)
    tracemalloc.start()
    try:
        states = sl.mrs.simulate(spin, SLICE, SCANNER, offset_hz=offsets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6
    few = sl.mrs.simulate(spin, SLICE, SCANNER, offset_hz=offsets[::199])
    np.testing.assert_allclose(states[::199], few, atol=1e-14)


def test_an_excited_slice_is_rephased():
    group = sl.mrs.SpinGroup([3.0])
    profile = [
        sl.mrs.simulate(group, sl.mrs.SlicePulse(sl.mrs.slr_pulse(3e-3, 6, "excite"), 2000.0, 90.0,
                        3.0 - offset / 123.2, True, 1, 1.0), SCANNER) for offset in (-700.0, 0.0, 700.0)
    ]  # fmt: skip
    signal = np.array([2 * rho[1, 0] for rho in profile])
    np.testing.assert_allclose(np.abs(signal), 1, atol=0.02)
    assert signal[1].real > 0.99


def test_slr_pulses_have_the_profile_that_was_asked_for():
    spin, offsets = sl.mrs.SpinGroup([3.0]), np.linspace(-3000, 3000, 601)
    for length, product, purpose, inside in ((7e-3, 6, "refocus", -1), (3e-3, 6, "excite", 0)):
        pulse = sl.mrs.slr_pulse(length, product, purpose)
        Mz = 2 * sl.mrs.simulate(spin, sl.mrs.ShapedPulse(pulse), SCANNER, offsets)[:, 0, 0].real
        half = product / length / 2
        middle, outside = np.abs(offsets) < 0.6 * half, np.abs(offsets) > 1.5 * half
        assert np.abs(Mz[middle] - inside).max() < (0.03 if purpose == "refocus" else 0.1)
        assert Mz[outside].min() > 0.995
        edge = np.interp((1 + inside) / 2, Mz[300:390], offsets[300:390])
        assert abs(edge / half - 1) < 0.15
        assert np.isclose(pulse.steps * pulse.dt, length)


@pytest.mark.parametrize("purpose, outside", [("refocus", 0.01), ("excite", 0.05)])
@pytest.mark.parametrize("product", [6, 12])
def test_profiles_are_as_flat_as_is_said(product, purpose, outside):
    half = product / 7e-3 / 2
    inner, outer = 1 - 1.8 / product, 1 + 1.8 / product
    offsets = half * np.concatenate([np.linspace(0, inner, 60), np.linspace(outer, 3, 90)])
    blocks = (sl.mrs.ShapedPulse(sl.mrs.slr_pulse(7e-3, product, purpose)),)
    if purpose == "refocus":
        up, down = sl.mrs.CoherenceFilter(1), sl.mrs.CoherenceFilter(-1)
        blocks = *sl.mrs.pulse_acquire(), up, *blocks, down
    profile = 2 * np.abs(sl.mrs.simulate(sl.mrs.SpinGroup([3.0]), blocks, SCANNER, offsets)[:, 1, 0])
    assert 0.96 < profile[:60].min() <= profile.max() < 1 + 1e-9
    assert profile[60:].max() < outside


def test_an_exorcycle_keeps_changes_of_two_and_of_six():
    """Of an ideal 180 all odd orders, with what that means: more than +1 and -1."""
    cycle = sl.mrs.phase_cycle(sl.mrs.IdealPulse(180.0), (0, 90, 180, 270), (0, 180, 0, 180))
    odd = sl.mrs.CoherenceFilter((-3, -1, 1, 3)), sl.mrs.IdealPulse(180.0, follows_b1=False)
    steady = sl.mrs.phase_cycle(odd[1], (0, 90, 180, 270), (0, 180, 0, 180))
    start = random_state(3)
    np.testing.assert_allclose(mapped((steady,)).forward(start), mapped(odd).forward(start), atol=1e-12)
    assert np.abs(mapped((cycle,)).forward(start)[0] - mapped(odd).forward(start)[0]).max() > 1e-3


def orders_that_pass(blocks):
    """Orders of coherence that reach the readout through the blocks, by a state of each alone."""
    spins, seen = spins_at(TRIPLE, SCANNER), []
    for order in range(-3, 4):
        start = random_state(4) * (spins.order == order)
        final = mapped(blocks).forward(start)[1]
        if np.abs(final[spins.order == -1]).max() > 1e-9:
            seen.append(order)
    return seen


@pytest.mark.parametrize("pathway, orders", [
    ("crushers", [-1]), ("both", [-1]), ("none", [-1]), ("exorcycle", [-1]),
])  # fmt: skip
def test_pathways_of_press_without_rf(pathway, orders):
    """Ideal pulses only: whatever selects, two echoes lead from -1 to -1."""
    blocks = sl.mrs.press(0.02, 0.03, pathway=pathway, follows_b1=False)[1:]
    assert orders_that_pass(blocks) == orders


def test_pathways_of_press_with_rf_between():
    """RF changes orders: crushers let one through, the ideal filters two, an exorcycle all odd."""
    found = {}
    for pathway in ("crushers", "both", "exorcycle"):
        blocks = sl.mrs.press(0.02, 0.03, pathway=pathway, follows_b1=False, free=True)
        first, second, *rest = fixed_stretches(blocks)
        found[pathway] = orders_that_pass((*second, PULSE, *rest[0], PULSE))
    assert found == {"crushers": [-1], "both": [-1, 1], "exorcycle": [-3, -1, 1, 3]}


def test_one_keyword_for_b1():
    """The same for every sequence: steady pulses do not know the B1 scale, and the others do."""
    makers = [sl.mrs.press(0.02, 0.03), sl.mrs.semi_laser(0.03, 0.04), sl.mrs.j_refocused(0.02, 0.03), sl.mrs.steam(0.02, 0.01)]
    steady = [sl.mrs.press(0.02, 0.03, follows_b1=False), sl.mrs.semi_laser(0.03, 0.04, follows_b1=False),
              sl.mrs.j_refocused(0.02, 0.03, follows_b1=False), sl.mrs.steam(0.02, 0.01, follows_b1=False)]  # fmt: skip
    for follows, stays in zip(makers, steady, strict=True):
        ends = [sl.mrs.simulate(PAIR, one, SCANNER, b1_scale=[0.8, 1.0]) for one in (follows, stays)]
        assert np.abs(ends[0][0] - ends[0][1]).max() > 0.01
        np.testing.assert_allclose(ends[1][0], ends[1][1], atol=1e-12)
        np.testing.assert_allclose(ends[0][1], ends[1][1], atol=1e-12)


def test_echo_times_and_dead_times_add_up():
    means = sl.mrs.at_scanner()
    blocks = sl.mrs.press(16e-3, 84e-3, **means)
    half = means["excite"].duration / 2
    assert sl.mrs.duration(blocks) == pytest.approx(0.1 + half)  # from the middle of the excitation
    free = [block.duration for block in blocks if isinstance(block, sl.mrs.Delay) and block.free]
    np.testing.assert_allclose(free, [39e-3, 34e-3], atol=1e-12)
    mega = sl.mrs.mega_press(0.068, mode="on")
    starts = np.cumsum([0, *(block.duration for block in mega)])
    edits = [t for t, block in zip(starts, mega, strict=False) if isinstance(block, sl.mrs.ShapedPulse)]
    assert edits[1] - edits[0] == pytest.approx(0.034)  # half an echo time apart


SEQUENCES = {
    "crushers": sl.mrs.press(4e-3, 8e-3, free=True),
    "exorcycle": sl.mrs.press(4e-3, 8e-3, free=True, pathway="exorcycle"),
    "slices": sl.mrs.press(10e-3, 16e-3, refocus=sl.mrs.slice_pulse(4e-3, 4), excite=sl.mrs.slice_pulse(
        2e-3, 4, "excite"), free=(None, (1e-3, 0), (0, 2e-3))),
    "semi-LASER": sl.mrs.semi_laser(8e-3, 8e-3, free=True, follows_b1=False),
    "stimulated": (sl.mrs.Delay(3e-3, True), sl.mrs.IdealPulse(90.0, 90.0), sl.mrs.Delay(4e-3, True)),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_design_of_any_sequence(name):
    """Gradient against a difference, and spectra against the exact path."""
    problem = sl.mrs.isolation_problem(
        "Glu", "Gln", blocks=SEQUENCES[name], ensemble=MEMBERS, precision="double",
        fresh_weight={sl.mrs.WATER: 1.0, sl.mrs.FAT: 0.5})  # fmt: skip
    x = sl.mrs.starting_point(problem, 1, noise=0.2)
    direction = np.random.default_rng(0).standard_normal(x.size)
    ends = [problem.value(x + sign * 1e-5 * direction)[0] for sign in (1, -1)]
    assert abs(problem.value(x)[1] @ direction / ((ends[0] - ends[1]) / 2e-5) - 1) < 1e-6
    found = problem.spectra(problem.waveform(x)[0])[0]["Glu"]
    exact = sl.mrs.spectra.exact_spectrum(
        problem.metabolites[0], problem.sequence(x), SCANNER, problem.ppm, 6.0,
        MEMBERS.offset_hz, MEMBERS.b1_scale)  # fmt: skip
    assert np.abs(found - exact).max() < 3e-3 * np.abs(exact).max()


def test_concentrations_weigh_the_others():
    """A molecule that is there twice counts four times; those without a concentration are asked for."""
    one, two = (sl.mrs.Metabolite("X", sl.mrs.SpinGroup([2.4]), concentration=c) for c in (10.0, 20.0))
    ensemble = sl.Ensemble([0.0], [1.0])
    decibels = [
        sl.mrs.judge_isolation(sl.mrs.press(0.01, 0.02), "Glu", other, ensemble=ensemble,
                               at_concentration=amounts).selectivity_db[0]
        for other, amounts in ((one, False), (one, True), (two, True))
    ]  # fmt: skip
    assert decibels[0] == pytest.approx(decibels[1])
    assert decibels[1] - decibels[2] == pytest.approx(20 * np.log10(2))
    problem = sl.mrs.isolation_problem("Glu", (two, "NAA"), blocks=SEQUENCES["crushers"], at_concentration=True)
    assert problem.loss.amounts == (2.0, 1.0)
    with pytest.raises(ValueError, match="Give Y a concentration"):
        sl.mrs.isolation_problem("Glu", sl.mrs.Metabolite("Y", sl.mrs.SpinGroup([2.4])), at_concentration=True)
