"""The shipped data of "Beside other programs": complete, consistent, and judged again."""

import json

import numpy as np
import peer_designs
import peer_programs
import peers
import pytest

DATA = json.loads(peers.DATA.read_text(encoding="utf-8"))
GRADIENTS = {(row["task"], row["program"]): row for row in DATA["gradients"]}
DESIGNS = {(row["program"], row["seed"]): row for row in DATA["designs"]}
CONTESTANTS = {task: {name: made for (name, _), made in table.items()} for task, (_, _, table) in peers.TASKS.items()}


def test_every_contestant_has_its_row():
    assert set(GRADIENTS) == {(task, name) for task, table in CONTESTANTS.items() for name in table}
    for name in peer_designs.DESIGNS:
        seeds = range(1 if name.startswith(peer_designs.SLOW) else peer_designs.STARTS)
        assert [seed for program, seed in DESIGNS if program == name] == [*seeds]
    assert DATA["absent"] == peers.ABSENT and DATA["goal"] == peer_designs.GOAL
    assert peers.DATA.stat().st_size < 30_000


@pytest.mark.parametrize("task, name", GRADIENTS)
def test_a_row_agrees_with_itself_and_with_the_code(task, name):
    row, ours = GRADIENTS[task, name], GRADIENTS[task, peers.OURS]
    assert max(row["error"]) < 2e-6
    assert row["lines"] == sum(map(peers.lines, CONTESTANTS[task][name][1]))
    # Rows of qutip-qoc are from an environment of their own, beside our time there.
    apart = 3 if name == "qutip-qoc" else 1.6
    assert 1 / apart < row["ratio"] / (row["ms"]["cpu"] / ours["ms"]["cpu"]) < apart


def test_targets():
    """Those against JAX's quickest form are missed; the docstring of the benchmark tells it."""
    for key, least in peers.ASKED.items():
        assert GRADIENTS[key]["ratio"] >= least
    assert GRADIENTS["P1, phases, 55 x 200", "JAX, blocks"]["ratio"] < 1


def dense_mean(waveform):
    """Mean Mx on 201 x 21 members, by nothing but 2 x 2 matrices."""
    p = peer_programs.OneSpin()
    nu, scale = (axis.ravel() for axis in np.meshgrid(np.linspace(-1e4, 1e4, 201), np.linspace(0.8, 1.2, 21)))
    a, b = np.ones(nu.size, complex), np.zeros(nu.size, complex)
    for ux, uy in waveform.T:
        rf = p.task.rf_hz * scale
        field = np.sqrt(nu**2 + (ux**2 + uy**2) * rf**2)
        c, s = np.cos(np.pi * p.dt * field), np.sin(np.pi * p.dt * field) / field
        a, b = (c - 1j * s * nu) * a - 1j * s * rf * (ux - 1j * uy) * b, (c + 1j * s * nu) * b - 1j * s * rf * (ux + 1j * uy) * a
    return 2 * np.mean((a.conj() * b).real)


@pytest.mark.parametrize("name", peer_designs.DESIGNS)
def test_a_stored_pulse_is_as_good_as_it_says(name):
    row = DESIGNS[name, 0]
    waveform = np.array(row["waveform"])
    assert abs(dense_mean(waveform) - row["dense"]) < 1e-4
    assert abs(peer_programs.OneSpin().task.fidelity(waveform)[0] - row["members"]) < 1e-4
    assert row["there"] == (row["members"] >= peer_designs.GOAL - 5e-4)


def test_claims_are_in_the_measures_that_the_page_names():
    row = DESIGNS["qutip-qoc, two controls, its L-BFGS", 0]
    p, waveform = peer_programs.OneSpin(), np.array(row["waveform"])
    assert abs(peer_programs.overlap(p, waveform)[0] - row["claimed"]) < 1e-4
    row = DESIGNS["krotov, two controls, its own", 0]
    assert abs((1 + row["members"]) / 2 - row["claimed"]) < 1e-4


def test_the_overlap_has_its_gradient():
    p = peer_programs.OneSpin()
    point, change = p.points("xy")
    value, gradient = peer_programs.overlap(p, point)
    slope = (peer_programs.overlap(p, point + 1e-6 * change)[0] - value) / 1e-6
    assert abs(np.sum(gradient * change) / slope - 1) < 1e-4


def test_our_designs_come_again():
    for seed in range(peer_designs.STARTS):
        name = "spinlab, phases, Gauss-Newton"
        found, _ = peer_designs.run(name, seed)
        assert found["there"] and abs(found["dense"] - DESIGNS[name, seed]["dense"]) < 1e-3


def test_lines_are_counted():
    assert peers.lines(peer_programs.ours_xy) == 10 and peers.lines(peer_programs.ours_glu) == 6


def test_the_split_step_is_fine_enough():
    """Against exponentials: the difference that the page tells."""
    q = peer_programs.Glutamate()
    waveform = q.points("xy")[0]
    U = np.eye(len(q.drift))
    for ux, uy in waveform.T:
        energies, vectors = np.linalg.eigh(q.drift + ux * q.x + uy * q.y)
        U = (vectors * np.exp(-1j * peer_programs.DT * energies)) @ vectors.conj().T @ U
    exact = np.vdot(q.goal, U @ q.start @ U.conj().T).real
    assert abs(exact - peer_programs.ours_glu(q)(waveform)[0]) < 1e-7


def test_the_bench_works_without_any_of_them(monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(peers, "turns", lambda jobs, rounds: dict.fromkeys(jobs, np.ones((2, 2))))
    (row,) = peers.records()
    assert row["name"].endswith("NumPy, Rodrigues loop, CPU time over ours")
