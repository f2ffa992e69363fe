"""Properties of spectra: any spins, any sequence, any state, Hermitian or not."""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm
from strategies import SCANNER, slope

from strategies_mrs import (  # isort: skip
    FILTERS, REST, SLICES, TURNS, member, play, pulses, sequences, spectral_problems,
)

import spinlab as sl
from spinlab import mrs
from spinlab.mrs.metabolites import spins_at
from spinlab.mrs.simulation import sequence_map

GROUPS = some.spins(3, strong=True, hz=200.0)


def run(spins, sequence, start=None, offset=0.0, scale=1.0):
    return mrs.simulate(spins.group, sequence, SCANNER, offset, scale, start=start)


@given(spins=GROUPS, sequence=sequences(), member=member, data=st.data())
@some.examples(2)
def test_sequences_against_matrices(spins, sequence, member, data):
    """Every block; slices by split steps, whose error is that of couplings in 0.1 ms."""
    start = data.draw(some.states(spins.count))
    expected = play(sequence, spins, start, *member)
    assert np.allclose(run(spins, sequence, start, *member), expected, rtol=0, atol=1e-2)
    if "SlicePulse" not in repr(sequence):
        assert np.allclose(run(spins, sequence, start, *member), expected, rtol=0, atol=1e-9)


@given(spins=GROUPS, sequence=sequences(), ensemble=some.ensembles(3), data=st.data())
@some.examples(2)
def test_adjoint_of_a_sequence(spins, sequence, ensemble, data):
    """<c, F rho> = <F^+ c, rho>, of all members, for any matrices."""
    rho, c = (data.draw(some.states(spins.count)) + np.zeros((ensemble.members, 1, 1)) for _ in range(2))
    column = (-1, 1, 1)
    acts = spins_at(spins.group, SCANNER), ensemble.offset_hz.reshape(column), ensemble.b1_scale.reshape(column)
    block = sequence_map(sequence, *acts)
    forth, back = np.vdot(c, block.forward(rho)), np.vdot(block.adjoint(c), rho)
    assert abs(forth - back) < 1e-10 * (1 + abs(forth))
    for k, pair in enumerate(zip(ensemble.offset_hz, ensemble.b1_scale, strict=True)):
        alone = run(spins, sequence, rho[k], *pair)
        assert np.allclose(block.forward(rho)[k], alone, rtol=0, atol=1e-10)


@given(spins=GROUPS, sequence=sequences((*TURNS, SLICES, REST)), member=member, data=st.data())
def test_a_density_matrix_stays_one(spins, sequence, member, data):
    X = data.draw(some.states(spins.count))
    rho = run(spins, sequence, X @ X.conj().T, *member)
    assert np.trace(rho) == pytest.approx(np.linalg.norm(X) ** 2)
    assert np.allclose(rho, rho.conj().T, rtol=0, atol=1e-10)
    assert np.linalg.eigvalsh(rho).min() > -1e-10


@given(spins=GROUPS, sequence=sequences(), member=member, cut=st.integers(0, 3), data=st.data())
def test_sequences_follow_each_other(spins, sequence, member, cut, data):
    """In two parts, and no block adds to the norm of a state or keeps what is not linear."""
    x, y = (data.draw(some.states(spins.count)) for _ in range(2))
    middle = run(spins, sequence[:cut], x, *member)
    end = run(spins, sequence[cut:], middle, *member)
    assert np.linalg.norm(end) <= np.linalg.norm(x) * (1 + 1e-12)
    expected = end + 1j * run(spins, sequence, y, *member)
    assert np.allclose(run(spins, sequence, x + 1j * y, *member), expected, rtol=0, atol=1e-10)


@given(spins=GROUPS, sequence=sequences(), phase=some.between(-400, 400), member=member)
def test_phase_of_a_sequence(spins, sequence, phase, member):
    """All RF turned by a phase turns the coherences; a receiver that turns along sees nothing."""
    turned = (mrs.phase_cycle(sequence, (phase,), (phase,)),)
    plain, found = run(spins, sequence, None, *member), run(spins, turned, None, *member)
    order = np.add.outer(np.diag(some.total("z", spins.count)), -np.diag(some.total("z", spins.count)))
    expected = np.exp(-1j * np.deg2rad(phase) * (order.real + 1)) * plain
    assert np.allclose(found, expected, rtol=0, atol=1e-9)
    tables = (mrs.transitions(spins.group, one, SCANNER) for one in (plain, found))
    assert np.allclose(*(mrs.fid(table, [0.0, 0.01]) for table in tables), rtol=0, atol=1e-9)


@given(spins=GROUPS, sequence=sequences((*TURNS, FILTERS)), t2=some.between(0.01, 0.2))
def test_relaxation_without_end_is_none(spins, sequence, t2):
    """Times of a thousand years change nothing; a delay alone decays as a line does."""
    free, slow = (run(spins, one) for one in (sequence, mrs.relaxing(sequence, SCANNER, 3e10, 3e10)))
    assert np.allclose(slow, free, rtol=0, atol=1e-8)
    delay, start = mrs.Delay(0.02), some.total("+", 1)
    alone = some.Spins(spins.offset_hz[:1])
    found = run(alone, mrs.relaxing(delay, SCANNER, 1.0, t2), start)
    assert np.allclose(found, np.exp(-0.02 / t2) * run(alone, delay, start), rtol=0, atol=1e-12)


@given(spins=GROUPS, times=some.real(3, low=0.0, high=0.05), width=some.between(0.5, 20.0), data=st.data())
def test_lines_are_the_signal(spins, times, width, data):
    """tr(rho(t) F+) of any state; its first point is the sum of the lines, S = T vec(rho)."""
    rho, times = data.draw(some.states(spins.count)), np.abs(times)
    group = replace(spins.group, weight=data.draw(some.between(0.5, 3.0)))
    table = mrs.transitions(group, rho, SCANNER)
    signal = mrs.fid(table, times, width)
    scale, Fp = group.weight * 4 / 2**spins.count, some.total("+", spins.count)
    for t, found in zip(times, signal, strict=True):
        U = expm(-1j * t * spins.hamiltonian())
        expected = scale * np.trace(U @ rho @ U.conj().T @ Fp) * np.exp(-np.pi * width * t)
        assert found == pytest.approx(expected, abs=1e-8)
    assert mrs.fid(table, [0.0])[0] == pytest.approx(table.amplitude.sum(), abs=1e-12)
    axis = 0.0, 5.0, 11
    T = mrs.detection_matrix(group, SCANNER, width, *axis)
    spectrum = mrs.spectrum(table, np.linspace(*axis), width)
    assert np.allclose(np.einsum("pij,ij->p", T, rho), spectrum, rtol=0, atol=1e-9)


@given(spins=GROUPS, width=some.between(20.0, 50.0), data=st.data())
@some.examples(0.4)
def test_energy_of_a_spectrum_is_that_of_its_signal(spins, width, data):
    """Parseval, on an axis that is wide and fine enough; and the fast Fourier transform agrees."""
    rho = data.draw(some.states(spins.count))
    table = mrs.transitions(spins.group, rho, SCANNER)
    assume(table.amplitude.size)
    dwell, points = 1e-4, 2**11
    signal = mrs.fid(table, dwell * np.arange(points), width)
    axis, spectra = mrs.fourier(signal, dwell, SCANNER)
    exact = mrs.spectrum(table, axis, width)
    size = np.abs(table.amplitude).sum() / (np.pi * width)
    assert np.abs(spectra - exact).max() < 0.02 * size + 1e-12
    # Over all frequencies, of which the axis has 10 kHz: the tails fall by their square.
    energy = mrs.energy(exact, axis, (axis[0], axis[-1])) / dwell
    expected = dwell * (np.sum(np.abs(signal) ** 2) - np.abs(signal[0]) ** 2 / 2)
    assert energy == pytest.approx(expected, abs=0.05 * size * np.abs(table.amplitude).sum() + 1e-12)


@given(spins=some.spins(3, strong=True, hz=200.0, least=2), sequence=sequences(), data=st.data())
def test_the_names_of_spins_do_not_matter(spins, sequence, data):
    """The same molecule with its spins in another order, its groups in another order."""
    order = list(data.draw(st.permutations(range(spins.count))))
    group = spins.group
    other = mrs.SpinGroup(group.shift_ppm[order], group.coupling_hz[np.ix_(order, order)])
    single = mrs.SpinGroup([2.0], weight=3)
    axis = np.linspace(0.5, 5.5, 41)
    spectra = [
        mrs.spectrum(mrs.transitions(one, mrs.simulate(one, sequence, SCANNER), SCANNER), axis, 20.0)
        for one in (mrs.Metabolite("A", (group, single)), mrs.Metabolite("B", (single, other)))
    ]
    assert np.allclose(*spectra, rtol=0, atol=1e-6)


@given(spins=some.spins(3, hz=200.0), ensemble=some.ensembles(3), pulse=pulses(2e-4, 5, 1e3), data=st.data())
def test_split_step_and_its_adjoint(spins, ensemble, pulse, data):
    """Against its own formula by expm, for weak and strong couplings, and any start and detection."""
    n, H_J = spins.count, replace(spins, offset_hz=(0.0,) * spins.count).hamiltonian()
    rho0, c = (data.draw(some.states(n)) for _ in range(2))
    direction = data.draw(some.real(*pulse.waveform.shape))
    offset = 2 * np.pi * np.add.outer(ensemble.offset_hz, spins.offset_hz)
    acts = H_J.real, offset, ensemble.b1_scale

    def by_hand(u):
        half, found = expm(-0.5j * pulse.dt * H_J), 0.0
        for w, scale in zip(offset, ensemble.b1_scale, strict=True):
            rho = rho0
            for x, y in (scale * 2 * np.pi * pulse.rf_hz * u).T:
                zeeman = sum(w[k] * some.spin("z", k, n) for k in range(n))
                turn = expm(-1j * pulse.dt * (zeeman + x * some.total("x", n) + y * some.total("y", n)))
                U = half @ turn @ half
                rho = U @ rho @ U.conj().T
            found += np.vdot(c, rho)
        return found.real

    found = mrs.split_step(*acts, 2 * np.pi * pulse.rf_hz * pulse.waveform, pulse.dt, rho0)
    assert np.sum(c.conj() * found.rho).real == pytest.approx(by_hand(pulse.waveform), abs=1e-9)
    gradient, costate = found.pullback(np.broadcast_to(c, found.rho.shape))
    expected = slope(by_hand, pulse.waveform, direction)
    assert np.sum(2 * np.pi * pulse.rf_hz * gradient * direction) == pytest.approx(expected, abs=1e-7)
    assert np.vdot(costate, rho0 + 0 * found.rho) == pytest.approx(np.vdot(c + 0 * found.rho, found.rho))


@given(spins=GROUPS, pulse=pulses(2e-3, 3, 100.0), member=member, data=st.data())
@some.examples(0.6)
def test_split_steps_converge_to_the_exact_path(spins, pulse, member, data):
    """Steps of a quarter leave less than an eighth of the error."""
    start = data.draw(some.states(spins.count))
    exact = run(spins, mrs.ShapedPulse(pulse), start, *member)
    H_J = mrs.coupling_hamiltonian(spins.group)
    offset = 2 * np.pi * (np.array([spins.offset_hz]) + member[0])
    errors = []
    for refine in (32, 128):
        waveform = 2 * np.pi * pulse.rf_hz * np.repeat(pulse.waveform, refine, axis=1)
        acts = H_J, offset, np.array([member[1]]), waveform, pulse.dt / refine, start
        errors.append(np.abs(mrs.split_step(*acts).rho[0] - exact).max())
    assert errors[1] < max(errors[0] / 8, 1e-9)


# Problems of spectra.


def linear(problem, rng, by_autograd=False):
    """Weights D of the loss Re sum(D^* S) of every member: no conjugate of them will do."""
    shape = problem.ensemble.members, problem.points
    weights = {one.name: rng.normal(size=(2, *shape)) for one in problem.metabolites}
    weights = {name: re + 1j * im for name, (re, im) in weights.items()}

    def parts(spectra):
        return sum(anp.sum(weights[n].real * re + weights[n].imag * im, axis=1)
                   for n, (re, im) in spectra.items())  # fmt: skip

    def loss(spectra):
        value = sum(np.sum((weights[n].conj() * S).real, axis=1) for n, S in spectra.items())
        return value, weights

    return mrs.from_autograd(parts) if by_autograd else loss


@given(problem=spectral_problems(), rng=some.seeds, x=some.real(12), direction=some.real(12), auto=st.booleans())
def test_gradient_of_any_loss(problem, rng, x, direction, auto):
    """Through filters, slices, cycles, relaxation, penalties; of complex weights of the spectra."""
    x, direction = x[: 2 * problem.steps], direction[: 2 * problem.steps]
    goal = replace(problem, loss=linear(problem, rng, auto)).goal("smooth-worst")
    value, gradient = goal.value(x)
    expected = slope(lambda x: goal.value(x)[0], x, direction, 1e-6)
    assert gradient @ direction == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(problem=spectral_problems(), x=some.real(12), data=st.data())
@some.examples(0.6)
def test_spectra_are_those_of_the_exact_path(problem, x, data):
    """But for the split step; members and molecules may come in any order."""
    x, members = x[: 2 * problem.steps], problem.ensemble
    fine = replace(problem, dt=problem.dt / 64, radius=0.0)
    waveform = problem.waveform(x)[0]
    found, _ = fine.spectra(np.repeat(waveform, 64, axis=1))
    order = list(data.draw(st.permutations(range(members.members))))
    other = sl.Ensemble(members.offset_hz[order], members.b1_scale[order])
    turned = replace(fine, ensemble=other, metabolites=fine.metabolites[::-1])
    again, _ = turned.spectra(np.repeat(waveform, 64, axis=1))
    for molecule in problem.metabolites:
        states = mrs.simulate(molecule, problem.sequence(x), SCANNER, members.offset_hz, members.b1_scale)
        exact = mrs.spectrum(mrs.transitions(molecule, states, SCANNER), problem.ppm, 20.0)
        name, size = molecule.name, molecule.protons / (np.pi * 20.0)
        assert np.abs(found[name] - exact).max() < 1e-2 * size
        assert np.allclose(again[name], found[name][order], rtol=0, atol=1e-9)


@given(problem=spectral_problems(), rng=some.seeds, x=some.real(12))
@some.examples(0.6)
def test_a_loss_is_the_weighted_sum_of_its_members(problem, rng, x):
    x, members, loss = x[: 2 * problem.steps], problem.ensemble, linear(problem, rng)
    problem = replace(problem, fresh_weight={})  # which is the mean over the members
    total, gradient = replace(problem, loss=loss).goal().value(x)
    parts = []
    for k, weight in enumerate(members.weights):
        one = sl.Ensemble([members.offset_hz[k]], [members.b1_scale[k]])

        def alone(spectra, k=k):
            values, slopes = loss({n: np.repeat(S, members.members, 0) for n, S in spectra.items()})
            return values[k : k + 1], {name: D[k : k + 1] for name, D in slopes.items()}

        value, slopes = replace(problem, ensemble=one, loss=alone).goal().value(x)
        parts.append(weight * np.append(slopes, value))
    assert np.allclose(np.append(gradient, total), sum(parts), rtol=0, atol=1e-7)


MODEL = mrs.FitModel(np.linspace(1.9, 2.6, 41), ("Glu", "Gln", "NAA"), noise=2.0, knots=4, scanner=SCANNER)


@given(rng=some.seeds, reference=st.sampled_from((None, "Gln")), bias=st.sampled_from((0.0, 0.7)))
def test_bounds_and_their_derivatives(rng, reference, bias):
    """Of any spectra; more noise, more bound; the order of the molecules does not matter."""
    members, names = sl.Ensemble.grid([0.0, 3.0], [1.0, 1.1]), tuple(MODEL.concentrations)
    numbers = rng.normal(size=(2, 3, 4, 41)) + 1j * rng.normal(size=(2, 3, 4, 41))
    spectra, other = (dict(zip(names, one, strict=True)) for one in numbers)
    loss = mrs.cramer_rao.BoundLoss(MODEL, {"Glu": 0.1, "NAA": 0.3}, bias, reference, members)

    def total(step, loss=loss):
        return np.sum(loss({name: spectra[name] + step * other[name] for name in spectra})[0])

    _, derivatives = loss(spectra)
    found = sum(np.sum(D.conj() * other[name]).real for name, D in derivatives.items())
    assert found == pytest.approx((total(1e-6) - total(-1e-6)) / 2e-6, rel=1e-5, abs=1e-5)
    turned = replace(loss, model=replace(MODEL, molecules=MODEL.molecules[::-1]))
    assert total(0.0, turned) == pytest.approx(total(0.0))
    loud = replace(MODEL, noise=6.0).bounds(spectra)
    assert all(np.allclose(bound, 3 * MODEL.bounds(spectra)[name]) for name, bound in loud.items())
