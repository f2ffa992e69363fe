r"""What the instrument does to a pulse: a linear filter between the waveform and the spins.

Amplifier, cable and coil answer a waveform :math:`u = u_x + iu_y` by

.. math:: \tilde u(t) = \int_0^\infty h(\tau)\,u(t - \tau)\,d\tau, \qquad
          \int_0^\infty h\,d\tau = 1,

with an impulse response :math:`h` that is complex if the circuit is not tuned to the carrier, and a
gain of 1 on it, for so the RF amplitude is calibrated.  The spins feel more samples than were
programmed: finer ones, and some more after the end, while the coil rings.
"""

from dataclasses import dataclass

import numpy as np

from ..inputs import COURSES, arrays, choice, hold, require, whole

#: What remains of an exponential when it is cut off, and the most fine steps it may last.
CUT, MEMORY = 1e-6, 100_000


@dataclass(frozen=True, eq=False)
class Distortion:
    """A linear filter with memory; :func:`rc`, :func:`resonator` and :func:`measured` make one.

    Parameters
    ----------
    response : array_like, (memory,)
        Real or complex.  Entry k answers a box, 1 during the first fine step: the mean over step k.
        The same number answers a tent of two steps' width, k steps after its top.
    edge : array_like, (memory,)
        Answer to the falling half of that tent, with which a piecewise-linear pulse begins.
    dt : float
        Length of a fine step, s: that of the pulse, or a whole fraction of it.
    tail : int
        Fine steps that the spins still feel after the end of the pulse.
    """

    response: np.ndarray
    edge: np.ndarray
    dt: float
    tail: int

    def __post_init__(self):
        layout = "response: complex memory; edge: complex memory; dt: > 0 (seconds); tail: whole"
        hold(self, f"{layout} >= 0 <= {MEMORY}")

    def oversampling(self, dt):
        """Number of fine steps in a pulse's step of ``dt`` seconds."""
        ratio = arrays("dt: > 0 (seconds)", dt=dt) / self.dt
        require(abs(ratio - round(ratio)) <= 1e-6 * ratio,
                f"dt is {ratio:.6g} fine steps; make the distortion with the dt of the pulse.")
        return round(ratio)

    def distort(self, waveform, dt, control="constant"):
        """What the spins feel of a waveform, and the pullback.

        The result takes the waveform's course, on fine steps.  Of a piecewise-constant waveform it
        holds the exact means over the fine steps; of a piecewise-linear one, which begins with a
        jump from 0 and ends with a jump to 0, the exact values between them.  What is left is the
        course within a fine step: the states err by the square of its length.

        Returns
        -------
        felt : ndarray, (2, fine samples)
        pullback : callable
            Gradients by what is felt, (..., 2, fine samples), to gradients by the waveform.

        Examples
        --------
        >>> felt, _ = rc(1e-6, dt=1e-6, tail=2e-6).distort([[1, 1], [0, 0]], 1e-6)
        >>> felt[0].round(3)
        array([0.368, 0.767, 0.547, 0.201])
        """
        choice("control", control, COURSES)
        waveform = arrays("waveform: complex 2 samples", waveform=waveform)
        whole("The number of steps", waveform.shape[1] - (control == "linear"))
        self.oversampling(dt)
        return self.filtered(waveform, dt, control)

    def filtered(self, waveform, dt, control="constant"):
        """:meth:`distort`, unchecked: what an optimiser calls."""
        linear, memory = control == "linear", len(self.response)
        fine, coarsen = _refine(waveform, round(dt / self.dt), linear)
        end = fine.shape[1]
        # Every sample opens with a rising half tent and closes with a falling one, except that
        # a piecewise-linear pulse begins and ends with a jump.
        pieces = [(_matrix(self.response), 0, end)]
        if linear:
            pieces.append((_matrix(self.edge - self.response), 0, 1))
            pieces.append((_matrix(-self.edge), end - 1, end))
        felt = np.zeros((2, end + max(self.tail, memory - 1)), fine.dtype)
        for matrix, first, last in pieces:
            felt[:, first : last + memory - 1] += _convolved(matrix, fine[:, first:last])

        def pullback(gradient):
            if np.ndim(gradient) > 2:  # of many members
                return np.array([pullback(one) for one in gradient])
            gradient = np.pad(gradient, ((0, 0), (0, felt.shape[1] - end - self.tail)))
            back = np.zeros(fine.shape, gradient.dtype)
            for matrix, first, last in pieces:
                transposed = matrix.transpose(1, 0, 2)[:, :, ::-1]
                part = gradient[:, first : last + memory - 1]
                back[:, first:last] += _convolved(transposed, part, "valid")
            return coarsen(back)

        return felt[:, : end + self.tail], pullback


def _matrix(kernel):
    """Multiplication by complex numbers as a real matrix on (x, y): (2, 2, memory)."""
    return np.array([[kernel.real, -kernel.imag], [kernel.imag, kernel.real]])


def _convolved(matrix, rows, mode="full"):
    """Rows x and y by a matrix of kernels, (2, 2, memory)."""
    return np.array([np.convolve(rows[0], from_x, mode) + np.convolve(rows[1], from_y, mode)
                     for from_x, from_y in matrix])


def _refine(rows, times, linear):
    """The same course on finer steps, and the transpose of refining."""
    if not linear:
        return np.repeat(rows, times, axis=1), lambda fine: fine.reshape(2, -1, times).sum(axis=2)
    s = np.arange(times) / times
    between = rows[:, :-1, None] * (1 - s) + rows[:, 1:, None] * s

    def coarsen(fine):
        between = fine[:, :-1].reshape(2, -1, times)
        nodes = np.pad(between @ (1 - s), ((0, 0), (0, 1))) + np.pad(between @ s, ((0, 0), (1, 0)))
        nodes[:, -1] += fine[:, -1]
        return nodes

    return np.concatenate([between.reshape(2, -1), rows[:, -1:]], axis=1), coarsen


def rc(time_constant, dt, tail=None):
    r"""A low-pass of first order, :math:`h = e^{-t/\tau}/\tau`, in closed form.

    Parameters
    ----------
    time_constant : float
        :math:`\tau` in seconds.
    dt : float
        Length of a fine step, s: that of the pulse or a whole fraction of it.
    tail : float, optional
        How long the spins still feel the pulse after its end, s; default: until it has died away.

    Returns
    -------
    Distortion
    """
    time_constant = arrays("time_constant: > 0 (seconds)", time_constant=time_constant)
    return _first_order(1 / time_constant, dt, tail)


def resonator(bandwidth_hz, dt, detuning_hz=0.0, tail=None):
    r"""A tuned circuit: :math:`h = pe^{-pt}` with :math:`p = \pi b - 2\pi i\delta`; as :func:`rc`.

    A narrow resonance, seen from the carrier, is a low-pass of first order around
    :math:`\delta`: it rings with the frequency :math:`\delta` and dies as :math:`e^{-\pi bt}`.

    Parameters
    ----------
    bandwidth_hz : float
        :math:`b`, full width at half power, Hz: the carrier over the quality factor.
    detuning_hz : float
        :math:`\delta`, resonance minus carrier, Hz.
    """
    layout = "bandwidth_hz: > 0; detuning_hz:"
    width, offset = arrays(layout, bandwidth_hz=bandwidth_hz, detuning_hz=detuning_hz)
    return _first_order(np.pi * width - 2j * np.pi * offset, dt, tail)


def measured(response, dt, tail=None):
    """A measured impulse response, read as echoes: sample k arrives k fine steps later.

    As :func:`rc`, but that the default tail is the length of the response.

    Parameters
    ----------
    response : array_like, (memory,)
        Real or complex, in any unit: it is divided by its sum.
    dt : float
        Spacing of the samples, s.
    """
    response, dt = arrays("response: complex memory; dt: > 0 (seconds)", response=response, dt=dt)
    total = response.sum()
    require(abs(total) > 1e-6 * np.abs(response).sum(),
            "The response sums to 0: nothing passes on the carrier, whose gain is 1.")
    # A jump happens between two samples: half of it is counted at the sample itself.
    return _made(response / total, response / total / 2, dt, tail)


def _first_order(rate, dt, tail):
    z = rate * arrays("dt: > 0 (seconds)", dt=dt)
    memory = int(np.ceil(min(np.log(1 / CUT) / np.real(z), MEMORY + 1))) + 1
    whole("The memory of the circuit in steps of dt", memory, 1, MEMORY)
    later = np.exp(-z * np.arange(memory - 1))
    step = -np.expm1(-z)  # how far one fine step of 1 gets
    response = np.concatenate([[1 - step / z], later * step**2 / z])
    return _made(response, np.concatenate([[0], later * (step / z - 1 + step)]), dt, tail)


def _made(response, edge, dt, tail):
    tail = arrays(f"tail?: >= 0 <= {MEMORY * dt} (seconds)", tail=tail)
    steps = len(response) - 1 if tail is None else int(np.ceil(tail / dt - 1e-9))
    return Distortion(response, edge, dt, steps)
