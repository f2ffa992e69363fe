"""The shipped data of "The paper, reproduced" and "Which method when": judged, run and made again."""

import json
from functools import partial

import fem
import numpy as np
import optimisers
import paper
import pytest
import run
import which

import spinlab as sl

DATA = json.loads(paper.DATA.read_text(encoding="utf-8"))
FIGURES = {"excitation": "excitation", "universal rotation": "rotation"}
RUNS = {
    (problem, contestant): rows
    for problem, part in FIGURES.items()
    for contestant, rows in DATA[part]["runs"].items()
}
KEPT = [(problem, row) for (problem, _), rows in RUNS.items() for row in rows if "phases" in row]


def propagators(phases, problem):
    """Propagators of all members, (members, 2, 2), by nothing but 2 x 2 matrices."""
    ensemble, angle = problem.ensemble, phases * np.pi / 128
    nu, rf = ensemble.offset_hz, problem.rf_hz * ensemble.b1_scale
    total = np.broadcast_to(np.eye(2, dtype=complex), (len(nu), 2, 2))
    field, half = np.hypot(nu, rf), np.pi * problem.dt
    cosine, sine = np.cos(half * field), np.sin(half * field) / field
    for phi in angle:
        flip = rf * np.exp(-1j * phi)
        H = np.array([[nu, flip], [flip.conj(), -nu]]).transpose(2, 0, 1)
        total = (cosine[:, None, None] * np.eye(2) - 1j * sine[:, None, None] * H) @ total
    return total


def mean_fidelity(phases, problem):
    U = propagators(phases, problem)
    if problem.objective == "universal":
        wanted = (np.eye(2) - 1j * np.array([[0, 1], [1, 0]])) / np.sqrt(2)
        return np.mean(np.trace(wanted.conj().T @ U, axis1=1, axis2=2).real) / 2
    rho = U @ np.diag([0.5, -0.5]) @ U.conj().swapaxes(1, 2)
    return np.mean(2 * rho[:, 0, 1].real)


def test_all_runs_are_there():
    assert {len(rows) for rows in RUNS.values()} == {paper.STARTS}
    assert len(KEPT) == len(RUNS) * paper.KEPT and paper.DATA.stat().st_size < 100_000
    for (problem, _), rows in RUNS.items():
        for row in rows:
            its = len(row["infidelity"]) - 1
            assert its == DATA[FIGURES[problem]]["most"] or row["infidelity"][-1] <= 0.005
            assert row["ms"] > 0 and row["evaluations"] > its


@pytest.mark.parametrize("problem, row", KEPT)
def test_a_stored_pulse_is_as_good_as_it_says(problem, row):
    phases = paper.unpacked(row["phases"]).astype(float)
    assert abs(mean_fidelity(phases, paper.CASES[problem].problem) - row["grid"]) < 2e-6


@pytest.mark.parametrize("problem", FIGURES)
def test_the_dense_grid_says_the_same_again(problem):
    row = next(row for name, row in KEPT if name == problem)
    task = paper.CASES[problem].problem
    judged = sl.judge(paper.pulse_of(task, paper.unpacked(row["phases"])), task).mean
    assert abs(judged - row["dense"]) < 2e-6


@pytest.mark.parametrize("problem, contestant", RUNS)
def test_a_run_begins_again_as_stored(problem, contestant):
    if problem == "excitation":
        optimiser, method, options = paper.EXCITATION[contestant]
    else:
        (optimiser, options), method = paper.RUNNERS[paper.ROTATION[contestant]], "spinors"
    most = 1 if method == "grape-batched" else 4
    _, seconds, means = paper.run(problem, 0, optimiser, method, options, most)
    stored = RUNS[problem, contestant][0]["infidelity"][: most + 1]
    assert len(seconds) == len(means) == most + 1
    np.testing.assert_allclose(means, stored, rtol=6e-3)


def test_grape_goes_the_way_of_spinors():
    """Exact gradients are exact gradients: the two are one run, but for the time it takes."""
    for one, other in zip(
        RUNS["excitation", "MMA, GRAPE"], RUNS["excitation", "MMA, spinors"], strict=True
    ):
        np.testing.assert_allclose(
            one["infidelity"][:15], other["infidelity"][:15], rtol=0.02, atol=1e-6
        )


def test_every_field_of_the_map_is_a_row():
    assert [tuple(cell[:4]) for cell in DATA["which"]] == list(which.names())


@pytest.mark.parametrize("d", [3, 4])
@pytest.mark.parametrize("pulse", which.PULSES)
def test_elements_need_as_many_pieces_as_stored(d, pulse):
    steps, _ = which.SIZES[d]
    found = which.efforts(which.Task(d, 3, pulse, steps))
    for size, _, kind, accuracy, row in DATA["which"]:
        if (size, kind) == (d, pulse):
            assert found[row["element"]][accuracy][0] == row["substeps"]
            k, terms = found[row["rival"]][accuracy]
            assert k == row["rival's substeps"] and row["terms"] in (None, terms)


def test_a_series_is_exact():
    for pulse, d in (("rough steps", 4), ("straight lines", 15)):
        task = which.Task(d, 2, pulse, 12)
        for name in ("series, vectors", "series, matrices"):
            (f, g), (F, G) = task.outcome(name), task.outcome("grape-batched")
            assert abs(f - F).max() < 1e-10 and abs(g - G).max() < 1e-10 * abs(G).max()


def test_the_rows_that_the_page_cites_are_made(monkeypatch):
    """By their names: nothing is measured here."""
    ones = np.ones((3, optimisers.STARTS)) * [[2], [1], [3]]

    def race(name, wanted, starts=15, **contestants):
        return {c: ones * (1 + (c == "l_bfgs")) for c in contestants}

    monkeypatch.setattr(optimisers, "race", race)
    monkeypatch.setattr(fem, "interleave", lambda jobs, rounds: dict.fromkeys(jobs, np.ones(3)))
    made = {row["name"] for row in (*optimisers.convergence(), *fem.speed())}
    elsewhere = ("40 phases", "exact gradient of 255", "worst-member infidelity")
    for names in paper.CITED.values():
        for name in names:
            assert name in made or name.startswith(elsewhere)
    assert {area: list(rows) for area, rows in DATA["rows"].items()} == {
        area: list(names) for area, names in paper.CITED.items()
    }


def test_a_row_that_is_lost_is_told():
    rows = [("which", name) for name in which.names().values()]
    rows += [(area, name) for area, names in paper.CITED.items() for name in names]
    records = [{"area": area, "name": name} for area, name in rows]
    assert run.no_longer_made(records) == []
    assert run.no_longer_made(records[1:]) == [records[0]["name"]]
    assert run.no_longer_made([{"area": "mma", "name": "another area"}]) == []


def test_timed_counts_iterations():
    bowl = partial(sl.minimise, lambda x: (x @ x, 2 * x), np.ones(3), max_iterations=5)
    result, seconds = paper.timed(bowl)
    assert len(seconds) == result.nit + 1 and np.all(np.diff(seconds) >= 0)
