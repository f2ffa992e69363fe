"""The same gradients in compiled JAX, by hand: double precision, one thread.

Only values are written down here; JAX differentiates.  A spin's state is a spinor of four real
numbers, a step its closed form.
"""

from math import factorial

import numpy as np
from peer_programs import DT


def imported():
    """JAX in double precision and its NumPy."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def step(c, x, y, z, state):
    """The SU(2) matrix c - i(x, y, z).sigma times a spinor."""
    a, A, b, B = state
    return (c * a + z * A - y * b + x * B, c * A - z * a - y * B - x * b,
            c * b - z * B + y * a + x * A, c * B + z * b + y * A - x * a)  # fmt: skip


def product(left, right):
    """Product of two SU(2) matrices, each given by its first column."""
    (a, A, b, B), (x, X, y, Y) = left, right
    return (a * x - A * X - b * y - B * Y, a * X + A * x - b * Y + B * y,
            b * x - B * X + a * y + A * Y, b * X + B * x + a * Y - A * y)  # fmt: skip


def scan(p, kind):
    """As one writes it down: a loop over the steps, all members at once."""
    jax, jnp = imported()
    offset, reach = jnp.asarray(p.dt * p.offset), jnp.asarray(p.dt * p.reach)

    def turn(square):
        w = jnp.sqrt(offset**2 + square * reach**2)
        return jnp.cos(w / 2), jnp.sin(w / 2) / w

    fixed = turn(1.0)  # of a phase pulse: once, before everything

    def forward(state, u):
        c, s = fixed if kind == "phase" else turn(u[0] ** 2 + u[1] ** 2)
        return step(c, s * reach * u[0], s * reach * u[1], s * offset, state), None

    def mean(x):
        u = jnp.array([jnp.cos(x), jnp.sin(x)]) if kind == "phase" else x
        one, zero = jnp.ones_like(offset), jnp.zeros_like(offset)
        (a, A, b, B), _ = jax.lax.scan(forward, (one, zero, zero, zero), u.T)
        return 2 * jnp.mean(a * b + A * B)

    return jax.jit(jax.value_and_grad(mean))


def blocks(p, kind, count=None):
    """The quickest form: blocks side by side, and a step without roots or, for phases, with none.
    """
    jax, jnp = imported()
    count = count or {"phase": 5, "xy": 20}[kind]
    z, reach = jnp.asarray(p.dt * p.offset) / 2, jnp.asarray(p.dt * p.reach) / 2

    def half(square, terms=9):
        """cos and sinc by their series, as in the library."""
        c = s = 0.0
        for k in reversed(range(terms)):
            c = c * square + (-1) ** k / factorial(2 * k)
            s = s * square + (-1) ** k / factorial(2 * k + 1)
        return c, s

    def turn(square):
        c, s = half(z**2 + square * reach**2)
        return c, s * reach, s * z

    fixed = turn(1.0)  # of a phase pulse: once, before everything

    def forward(state, u):
        c, across, axial = fixed if kind == "phase" else turn(u[0] ** 2 + u[1] ** 2)
        return step(c, across * u[0], across * u[1], axial, state), None

    def start(*shape):
        return (jnp.ones(shape), *3 * (jnp.zeros(shape),))

    def mean(x):
        u = jnp.array([jnp.cos(x), jnp.sin(x)]) if kind == "phase" else x
        u = u.reshape(2, count, -1).transpose(2, 0, 1)[..., None]
        each, _ = jax.lax.scan(forward, start(count, len(z)), u)
        whole = jax.lax.scan(lambda q, one: (product(one, q), None), start(len(z)), each)[0]
        a, A, b, B = whole
        return 2 * jnp.mean(a * b + A * B)

    return jax.jit(jax.value_and_grad(mean))


def glu_split(p):
    """Glutamate by the library's split step; JAX differentiates the loop over the steps."""
    jax, jnp = imported()
    energies, vectors = np.linalg.eigh(p.coupling)
    half = jnp.asarray((vectors * np.exp(-0.5j * DT * energies)) @ vectors.T)
    offset, start, goal = jnp.asarray(p.offset), jnp.asarray(p.start + 0j), jnp.asarray(p.goal)

    def forward(rho, u):
        w = jnp.sqrt(offset**2 + u[0] ** 2 + u[1] ** 2)
        c, s = jnp.cos(w * DT / 2), jnp.sin(w * DT / 2) / w
        down = s * (u[1] - 1j * u[0])
        ones = jnp.array([[c - 1j * s * offset, -down.conj()], [down, c + 1j * s * offset]])
        turn = ones[:, :, 0]
        for spin in range(1, len(p.offset)):
            turn = jnp.kron(turn, ones[:, :, spin])
        turn = half @ turn @ half
        return turn @ rho @ turn.conj().T, None

    def value(u):
        return jnp.vdot(goal, jax.lax.scan(forward, start, u.T)[0]).real

    return jax.jit(jax.value_and_grad(value))


def glu_expm(p):
    """Glutamate by matrix exponentials of the whole Hamiltonian, all steps at once."""
    jax, jnp = imported()
    drift, x, y = (jnp.asarray(H + 0j) for H in (p.drift, p.x, p.y))
    start, goal = jnp.asarray(p.start + 0j), jnp.asarray(p.goal)

    def value(u):
        H = drift + u[0][:, None, None] * x + u[1][:, None, None] * y
        steps = jax.vmap(jax.scipy.linalg.expm)(-1j * DT * H)
        rho, _ = jax.lax.scan(lambda r, U: (U @ r @ U.conj().T, None), start, steps)
        return jnp.vdot(goal, rho).real

    return jax.jit(jax.value_and_grad(value))
