"""What the amplifier allows: limits of a waveform, as constraints or as a penalty.

A limit is a row in :data:`LIMITS`: a function of the waveform and of the bound that returns numbers
which must not be positive, with their Jacobian.  Moving asymptotes take them as constraints; the
other optimisers see the penalty, :eq:`eq-penalty`.
"""

import numpy as np

from ..inputs import arrays, choice, instance, warn


def mean_power(waveform, bound):
    r"""Mean RF power, :math:`\frac1N\sum_n u_{x,n}^2 + u_{y,n}^2 \le P`, one number.

    Of a waveform, (2, samples); :math:`P` is in units of the power at amplitude 1.  As all limits,
    values, (l,), and their Jacobian, (l, 2, samples).
    """
    samples = waveform.shape[1]
    return np.sum(waveform**2)[None] / samples - bound, 2 * waveform[None] / samples


def peak_power(waveform, bound):
    r"""RF power of every sample, :math:`u_{x,n}^2 + u_{y,n}^2 \le P`; as :func:`mean_power`."""
    values = np.sum(waveform**2, axis=0) - bound
    jacobian = 2 * waveform * np.eye(waveform.shape[1])[:, None]
    return values, jacobian


def amplitude(waveform, bound):
    r"""Amplitude of every control, :math:`u_{k,n}^2 \le a_k^2`; ``bound`` may be one for each."""
    rows = waveform.ravel()
    jacobian = np.diag(2 * rows).reshape(rows.size, *waveform.shape)
    return (waveform**2 - np.reshape(bound, (-1, 1)) ** 2).ravel(), jacobian


def slew_per_step(waveform, bound):
    r"""Change from sample to sample, :math:`|u_{n+1} - u_n|^2 / s^2 \le 1`, samples - 1 numbers.

    As :func:`mean_power`; :math:`s` is the largest change per step, a slew rate in Hz/s times
    ``dt / rf_hz``.  The ends are free: see :func:`slew_with_ends`.
    """
    change = np.diff(waveform) / bound
    slope = _neighbours(-2 * change / bound, 2 * change / bound)
    return np.sum(change**2, axis=0) - 1, slope


def slew_with_ends(waveform, bound):
    """As :func:`slew_per_step`, with the rise from 0 and the fall to 0: samples + 1 numbers."""
    values, jacobian = slew_per_step(np.pad(waveform, ((0, 0), (1, 1))), bound)
    return values, jacobian[:, :, 1:-1]


def phase_per_step(waveform, bound):
    r"""Turn of the phase from sample to sample, at most :math:`\varphi`, as :func:`slew_per_step`.

    .. math:: \frac{|u_n||u_{n+1}|\cos\varphi - u_n\cdot u_{n+1}}{1 - \cos\varphi} \le 0,

    which is smooth at half a turn, too.  The amplitudes weigh it: where they are small, the phase
    may break the limit at a small price, and where one is 0, there is no phase.  :math:`\varphi` is
    in rad, at most pi: a frequency (Hz) times 2 pi times the length of a step.
    """
    radius = np.sqrt(np.sum(waveform**2, axis=0))
    direction = waveform / np.where(radius == 0, 1, radius)
    here, after, cosine = waveform[:, :-1], waveform[:, 1:], np.cos(bound)
    values = radius[:-1] * radius[1:] * cosine - np.sum(here * after, axis=0)
    slope = _neighbours(direction[:, :-1] * radius[1:] * cosine - after,
                        direction[:, 1:] * radius[:-1] * cosine - here)
    return values / (1 - cosine), slope / (1 - cosine)


def _neighbours(here, after):
    """Jacobian of rows that know samples n and n + 1 only, from two (2, samples - 1)."""
    rows = here.shape[1]
    jacobian = np.zeros((rows, 2, rows + 1), here.dtype)
    n = np.arange(rows)
    jacobian[n, :, n], jacobian[n, :, n + 1] = here.T, after.T
    return jacobian


#: name: function(waveform, bound) -> (values, jacobian)
LIMITS = {limit.__name__: limit for limit in (mean_power, peak_power, amplitude, slew_per_step,
                                              slew_with_ends, phase_per_step)}  # fmt: skip
#: What a bound has to be: so small a number as 1e-6 asks for nothing but silence.
BOUNDS = dict.fromkeys(LIMITS, ">= 1e-6")
BOUNDS |= {"amplitude": "2? >= 1e-6", "phase_per_step": f">= 1e-6 <= {np.pi}"}


def checked_limits(limits):
    """The limits, bounds by names of :data:`LIMITS`, as a dict of numbers; none for None."""
    limits = {} if limits is None else limits
    instance("limits", limits, dict, "Give bounds by name, such as {'mean_power': 0.5}.")
    checked = {choice("limit", name, LIMITS): arrays(f"{name}: {BOUNDS[name]}", **{name: bound})
               for name, bound in limits.items()}  # fmt: skip
    for name in checked:
        if name.startswith("slew") and checked[name] > 2:  # across the whole disc
            warn(f"{name} is {checked[name]:g} of rf_hz per step, but samples within rf_hz are at "
                 "most 2 apart. A slew rate in Hz/s is multiplied by dt / rf_hz.", UserWarning)
    return checked


def limit_rows(limits, chain):
    """The limits as a goal has them, ``rows(x) -> (values, jacobian)``; None where there are none.

    All limits in a row: the values, (l,), are not positive where they are kept.  ``chain(x)``
    returns the waveform and the pullback to the unknowns.
    """

    def rows(x):
        waveform, pullback = chain(x)
        parts = [LIMITS[name](waveform, bound) for name, bound in limits.items()]
        values, jacobians = map(np.concatenate, zip(*parts, strict=True))
        return values, pullback(jacobians)

    return rows if limits else None
