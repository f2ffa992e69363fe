"""Three gradients in the hands of others: what a user of each program writes.

Every function below returns a job: controls in, value and exact gradient out.  Without the program
it raises ``ModuleNotFoundError``.  The lines that are counted are these functions', docstring and
blank lines left out.

======  ==========================================================================================
xy      problem P1: mean Mx of 55 members after 200 steps, by two controls
phase   the same at constant amplitude, by the phases
Glu     Fx of glutamate's five coupled spins after 100 steps of 0.1 ms, from Fz, by two controls
======  ==========================================================================================

JAX is written twice: ``scan`` is what one writes down first, ``blocks`` the quickest of a dozen
forms that were tried: the library's own trick, several blocks of the pulse side by side.
"""

import ensembles
import numpy as np
from ensembles import RF_HZ

import spinlab as sl
from spinlab.mrs.split_step import half_step, propagate

#: name: (members, steps, length of a step in s)
SIZES = {"55 x 200": (55, 200, 2.5e-6), "255 x 500": (255, 500, 1e-6)}
GLU, SCANNER, DT = sl.mrs.metabolite("Glu").groups[0], sl.mrs.Scanner(), 0.1e-3


class OneSpin:
    """P1 at one size: offsets and reach in rad/s."""

    def __init__(self, size="55 x 200"):
        members, self.steps, self.dt = SIZES[size]
        self.task = ensembles.problem(members, self.steps, dt=self.dt)
        self.offset = 2 * np.pi * self.task.ensemble.offset_hz
        self.reach = 2 * np.pi * self.task.rf_hz * self.task.ensemble.b1_scale

    def points(self, kind):
        """Two points: every call has another one than the last, so that nothing is remembered."""
        rng = np.random.default_rng(0)
        if kind == "phase":
            return rng.uniform(-np.pi, np.pi, (2, self.steps))
        return rng.uniform(-0.7, 0.7, (2, 2, self.steps))


class Glutamate:
    """Five coupled spins: Hamiltonians in rad/s, start and observable of length 1."""

    def __init__(self, steps=100):
        Ix, Iy, Iz = sl.spins.spin_matrices(GLU.spins)
        self.steps, self.coupling = steps, sl.mrs.coupling_hamiltonian(GLU)
        self.offset = 2 * np.pi * SCANNER.offset_hz(GLU.shift_ppm)
        self.drift = self.coupling + np.tensordot(self.offset, Iz, 1)
        self.x, self.y = Ix.sum(axis=0), Iy.sum(axis=0)
        self.start, self.goal = (F / np.linalg.norm(F) for F in (Iz.sum(axis=0), self.x))

    def points(self, _kind):
        """Two waveforms in rad/s, of 100 Hz or so."""
        return 2 * np.pi * 100 * np.random.default_rng(0).standard_normal((2, 2, self.steps))


# --- ours ---------------------------------------------------------------------------------


def ours_xy(p):
    task = sl.Problem("Iz", "Ix", p.steps * p.dt, p.steps, RF_HZ, p.task.ensemble)
    share, goal = task.ensemble.weights, sl.transfer(sl.observable("Ix"))
    run = sl.propagation.prepare_objective(
        task.generator(), p.dt, sl.state("Iz"), goal, weights=share
    )

    def job(waveform):
        found = run(waveform)
        return share @ found.values, found.gradients

    return job


def ours_phase(p):
    task = sl.Problem("Iz", "Ix", p.steps * p.dt, p.steps, RF_HZ, p.task.ensemble)
    value = task.goal("phase", radius=0, method="spinors").value

    def job(phase):
        loss, slope = value(phase)
        return 1 - loss, -slope

    return job


def ours_glu(p):
    half, one = half_step(p.coupling, DT, "double"), np.ones(1)

    def job(waveform):
        pulse = propagate(half, DT * p.offset[None], one, waveform, DT, p.start + 0j)
        return np.vdot(p.goal, pulse.rho[0]).real, pulse.pullback(p.goal[None])[0]

    return job


# --- QuTiP --------------------------------------------------------------------------------


def qtrl_xy(p):
    """An optimiser a member; its |<+|U|0>| becomes Mx by |<+|U|0>|^2 = (1 + Mx)/2."""
    import qutip
    from qutip_qtrl.pulseoptim import create_pulse_optimizer

    x, y, z = qutip.sigmax() / 2, qutip.sigmay() / 2, qutip.sigmaz() / 2
    up, plus = qutip.basis(2, 0), (qutip.basis(2, 0) + qutip.basis(2, 1)).unit()
    members = []
    for offset, reach in zip(p.offset, p.reach, strict=True):
        members.append(create_pulse_optimizer(
            offset * z, [reach * x, reach * y], up, plus, p.steps, p.steps * p.dt,
            dyn_type="UNIT", phase_option="PSU").dynamics)  # fmt: skip
        members[-1].initialize_controls(np.zeros((p.steps, 2)) + 0.1)

    def job(waveform):
        value, gradient = 0.0, np.zeros_like(waveform)
        for dynamics in members:
            dynamics.update_ctrl_amps(waveform.T + 0)
            overlap = 1 - dynamics.fid_computer.get_fid_err()
            value += 2 * overlap**2 - 1
            gradient -= 4 * overlap * dynamics.fid_computer.get_fid_err_gradient().T
        return value / len(members), gradient / len(members)

    return job


def qtrl_glu(p):
    """Propagators and their derivatives are QuTiP's; the observable of a mixed state is not."""
    import qutip
    from qutip_qtrl.pulseoptim import create_pulse_optimizer

    one = qutip.qeye(len(p.drift))
    dynamics = create_pulse_optimizer(
        qutip.Qobj(p.drift), [qutip.Qobj(p.x), qutip.Qobj(p.y)], one, one, p.steps, p.steps * DT,
        dyn_type="UNIT").dynamics  # fmt: skip
    dynamics.initialize_controls(np.zeros((p.steps, 2)) + 0.1)

    def job(waveform):
        dynamics.update_ctrl_amps(waveform.T + 0)
        dynamics.compute_evolution()
        U, before = dynamics._fwd_evo[-1], dynamics._fwd_evo
        seen = p.start @ U.conj().T @ p.goal
        gradient = np.empty_like(waveform)
        for k in range(p.steps):
            inner = before[k] @ seen @ U @ before[k + 1].conj().T
            for j in (0, 1):
                gradient[j, k] = 2 * np.sum(inner.T * dynamics._get_prop_grad(k, j)).real
        return np.trace(seen @ U).real, gradient

    return job


def qoc_problem(p, target=1e-9, method=None, start=None, seconds=180):
    """Arguments of ``optimize_pulses``: an objective a member, amplitudes within a box."""
    import qutip
    from qutip_qoc import Objective

    x, y, z = qutip.sigmax() / 2, qutip.sigmay() / 2, qutip.sigmaz() / 2
    up, plus = qutip.basis(2, 0), (qutip.basis(2, 0) + qutip.basis(2, 1)).unit()
    objectives = []
    for offset, reach in zip(p.offset, p.reach, strict=True):
        channels = [[reach * one, lambda t, c: c] for one in (x, y)]
        objectives.append(Objective(up, [offset * z, *channels], plus))
    start = np.zeros((2, p.steps)) + 0.1 if start is None else start
    edge = [(-(0.5**0.5), 0.5**0.5)]
    controls = {name: {"guess": row, "bounds": edge} for name, row in zip("xy", start, strict=True)}
    return {
        "objectives": objectives, "control_parameters": controls,
        "tlist": p.dt * np.arange(1, p.steps + 1),
        "algorithm_kwargs": {"alg": "GRAPE", "fid_err_targ": target, "max_wall_time": seconds,
                             "fid_params": {"phase_option": "PSU"}},
        "minimizer_kwargs": {"method": method} if method else {},
    }  # fmt: skip


def qoc_xy(p):
    """A "method" of SciPy's minimize that minimises nothing is handed value and gradient.

    They are of the mean overlap |<+|U|0>|, which is no function of the mean Mx: it is compared with
    that, by :func:`overlap`.
    """
    from qutip_qoc import optimize_pulses
    from scipy.optimize import OptimizeResult

    kept = {}

    def keep(fun, x0, args=(), jac=None, **_):
        kept.update(fun=fun, jac=jac)
        return OptimizeResult(x=x0, fun=fun(x0), nit=0, success=True, message="")

    optimize_pulses(**qoc_problem(p, method=keep))

    def job(waveform):
        flat = waveform.T.ravel()
        return 1 - kept["fun"](flat), -kept["jac"](flat).reshape(-1, 2).T

    return job


def overlap(p, waveform):
    """Mean |<+|U|0>| and its gradient by the library, member by member."""
    members = sl.evaluate_objective(p.task.generator(), waveform, p.dt, p.task.initial_state(),
                                    p.task.objective_function(), "rotations")  # fmt: skip
    root = np.sqrt((1 + members.values) / 2)
    return root.mean(), np.tensordot(0.25 / root, members.gradients, 1) / len(root)


# --- dynamiqs -----------------------------------------------------------------------------


def dynamiqs_xy(p):
    """JAX differentiates the piecewise constant Schroedinger equation, all members at once."""
    import dynamiqs as dq
    import jax
    import jax.numpy as jnp

    dq.set_precision("double"), dq.set_progress_meter(False)
    times, up = jnp.linspace(0, p.steps * p.dt, p.steps + 1), dq.basis(2, 0)
    x, y, z = dq.sigmax() / 2, dq.sigmay() / 2, dq.sigmaz() / 2

    def member(offset, reach, u):
        H = offset * z + dq.pwc(times, reach * u[0], x) + dq.pwc(times, reach * u[1], y)
        ends, exact = times[jnp.array([0, -1])], dq.method.Expm()
        return dq.sesolve(H, up, ends, exp_ops=[2 * x], method=exact).expects[0, -1].real

    def mean(u):
        return jax.vmap(member, (0, 0, None))(jnp.asarray(p.offset), jnp.asarray(p.reach), u).mean()

    return jax.jit(jax.value_and_grad(mean))


def dynamiqs_glu(p):
    import dynamiqs as dq
    import jax
    import jax.numpy as jnp

    dq.set_precision("double"), dq.set_progress_meter(False)
    times = jnp.linspace(0, p.steps * DT, p.steps + 1)
    start, goal = jnp.asarray(p.start), jnp.asarray(p.goal)
    drift, x, y = dq.asqarray(p.drift), dq.asqarray(p.x), dq.asqarray(p.y)

    def value(u):
        H = drift + dq.pwc(times, u[0], x) + dq.pwc(times, u[1], y)
        found = dq.sepropagator(H, times[jnp.array([0, -1])], method=dq.method.Expm())
        U = found.final_propagator.to_jax()
        return jnp.real(jnp.trace(goal @ U @ start @ U.conj().T))

    return jax.jit(jax.value_and_grad(value))
