"""Problem P1 in the hands of others: 55 members, 200 steps, value and exact gradient of mean Mx.

``pip install '.[bench]'`` brings the packages; those that are missing are left out.  What comes out
must be our numbers, else there is no row.  Compilation (dynamiqs: JAX) is not counted.
"""

import importlib.util
import time
import warnings
from importlib.metadata import version

import ensembles
import numpy as np
from measure import interleave, ratio, record

TASK, WAVEFORM = ensembles.problem(55, 200, dt=2.5e-6), ensembles.random_waveform(200)
OFFSET = 2 * np.pi * TASK.ensemble.offset_hz
REACH = 2 * np.pi * TASK.rf_hz * TASK.ensemble.b1_scale
DURATION = WAVEFORM.shape[1] * TASK.dt


def records(rounds=5):
    """One row a peer, against the library's own time."""
    here = {name: make() for name, make in PEERS.items() if importlib.util.find_spec(name)}
    jobs = {"ours": lambda: TASK.fidelity(WAVEFORM), "loop": loop, **here}
    for name, job in jobs.items():
        for mine, other in zip(jobs["ours"](), job(), strict=True):
            error = np.abs(mine - other).max()
            assert error < 1e-5, f"{name} is off by {error:.0e}"
    times = interleave(jobs, rounds, clock=time.process_time)
    for name in list(jobs)[1:]:
        label = "the Rodrigues loop" if name == "loop" else f"{name} {version(name)}"
        baseline = ensembles.LOOP if name == "loop" else BASELINES[name]
        yield record(f"P1 gradient, CPU time, faster than {label}",
                     ratio(times[name], times["ours"]), "x", baseline=baseline)  # fmt: skip


def loop():
    return ensembles.rodrigues_loop(TASK, WAVEFORM)


def qutip_qtrl():
    """GRAPE of QuTiP: an optimiser a member; its |<+|U|0>| becomes Mx by |<+|U|0>|^2 = (1 + Mx)/2.
    """
    import qutip
    from qutip_qtrl.pulseoptim import create_pulse_optimizer

    x, y, z = qutip.sigmax() / 2, qutip.sigmay() / 2, qutip.sigmaz() / 2
    up, plus = qutip.basis(2, 0), (qutip.basis(2, 0) + qutip.basis(2, 1)).unit()
    members = []
    for offset, reach in zip(OFFSET, REACH, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own old ways
            members.append(create_pulse_optimizer(
                offset * z, [reach * x, reach * y], up, plus, WAVEFORM.shape[1], DURATION,
                dyn_type="UNIT", phase_option="PSU",
            ).dynamics)
        members[-1].initialize_controls(WAVEFORM.T)

    def job():
        value, gradient = 0.0, np.zeros_like(WAVEFORM)
        for dynamics in members:
            dynamics.update_ctrl_amps(WAVEFORM.T + 0)  # a new array: nothing may be remembered
            dynamics.flag_system_changed()
            overlap = 1 - dynamics.fid_computer.get_fid_err()
            value += 2 * overlap**2 - 1
            gradient -= 4 * overlap * dynamics.fid_computer.get_fid_err_gradient().T
        return value / len(members), gradient / len(members)

    return job


def dynamiqs():
    """JAX differentiates the piecewise constant Schroedinger equation, all members at once."""
    import dynamiqs as dq
    import jax
    import jax.numpy as jnp

    dq.set_precision("double"), dq.set_progress_meter(False)
    times, up = jnp.linspace(0, DURATION, WAVEFORM.shape[1] + 1), dq.basis(2, 0)
    x, y, z = dq.sigmax() / 2, dq.sigmay() / 2, dq.sigmaz() / 2

    def member(offset, reach, u):
        H = offset * z + dq.pwc(times, reach * u[0], x) + dq.pwc(times, reach * u[1], y)
        ends, exact = jnp.array([0.0, DURATION]), dq.method.Expm()
        return dq.sesolve(H, up, ends, exp_ops=[2 * x], method=exact).expects[0, -1].real

    def mean(u):
        return jax.vmap(member, (0, 0, None))(jnp.asarray(OFFSET), jnp.asarray(REACH), u).mean()

    compiled = jax.jit(jax.value_and_grad(mean))
    return lambda: tuple(np.asarray(one) for one in compiled(jnp.asarray(WAVEFORM)))


#: package: function that returns the job
PEERS = {"qutip_qtrl": qutip_qtrl, "dynamiqs": dynamiqs}
BASELINES = {
    "qutip_qtrl": "qutip_qtrl.pulseoptim, GRAPE, dyn_type UNIT, one member after the other",
    "dynamiqs": "jax.value_and_grad of dynamiqs.sesolve (Expm), double precision, compiled",
}
