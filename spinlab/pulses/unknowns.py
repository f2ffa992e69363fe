r"""Other unknowns than samples: a few coefficients, or the lengths of the steps.

A row of samples may be a sum of given columns,

.. math:: x = B\,c, \qquad g_c = B^{\mathsf T} g_x ,

:eq:`eq-basis`, with a matrix ``B``, (samples, count), for the argument ``basis`` of
:func:`spinlab.design`.  Any matrix will do; here are three whose columns vary ever faster, at the
middles of the steps of a time :math:`t` from 0 to 1.  And a change of all lengths of steps is one
of the controls, :func:`scale_time`.
"""

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.interpolate import BSpline

from ..inputs import arrays, whole


def cosines(samples, count):
    r"""Columns :math:`\cos(\pi k t)`: a Fourier series.

    Examples
    --------
    >>> cosines(4, 2).round(2)
    array([[ 1.  ,  0.92],
           [ 1.  ,  0.38],
           [ 1.  , -0.38],
           [ 1.  , -0.92]])
    """
    return np.cos(np.pi * np.outer(_middles(samples, count), np.arange(count)))


def legendre(samples, count):
    r"""Columns :math:`P_k(2t - 1)`: Legendre's polynomials.  Of a phase, three make a chirp.

    Examples
    --------
    >>> legendre(4, 2)[:, 1]
    array([-0.75, -0.25,  0.25,  0.75])
    """
    return legvander(2 * _middles(samples, count) - 1, count - 1)


def splines(samples, count):
    """Columns that are cubic B-splines on evenly spaced knots; ``count`` is at least 4.

    They add up to 1, and each is zero but for four of the ``count - 3`` intervals.

    Examples
    --------
    >>> np.allclose(splines(50, 8).sum(axis=1), 1)
    True
    """
    knots = np.pad(np.linspace(0, 1, whole("count", count, 4) - 2), 3, "edge")
    return BSpline.design_matrix(_middles(samples, count), knots, 3).toarray()


def _middles(samples, count):
    whole("count", count, most=whole("samples", samples))
    return (np.arange(samples) + 0.5) / samples


#: name: function of the numbers of samples and of columns
BASES = {"cosines": cosines, "legendre": legendre, "splines": splines}


def coefficients(basis, rows):
    """Coefficients whose rows of samples come closest, in the sense of least squares.

    A phase must not jump by full turns: give the one that was designed, or unwrap it.

    Parameters
    ----------
    basis : ndarray, (samples, count)
    rows : ndarray, (..., samples)

    Returns
    -------
    ndarray, (..., count)

    Examples
    --------
    >>> chirp = 20 * (np.linspace(0, 1, 100) - 0.5) ** 2
    >>> len(coefficients(splines(100, 9), chirp))
    9
    """
    basis, rows = arrays("basis: samples count; rows: ... samples", basis=basis, rows=rows)
    found = np.linalg.lstsq(basis, rows.reshape(-1, len(basis)).T, rcond=None)[0]
    return found.T.reshape(*rows.shape[:-1], -1)


def scale_time(waveform, scale):
    r"""Controls :math:`(s_n, s_n u_n)` of steps that are :math:`s_n` times as long as ``dt``.

    They are for a constant control and for :meth:`spinlab.Generator.time_scaled`, which has the
    drift among its controls, :eq:`eq-time-scaling`.  So any method that knows the gradient by the
    controls knows that by the lengths of the steps.

    Parameters
    ----------
    waveform : ndarray, (controls, samples)
    scale : ndarray, (samples,)
        Positive.

    Returns
    -------
    scaled : ndarray, (1 + controls, samples)
    pullback : callable
        Takes gradients by ``scaled`` to those by the waveform, (..., controls, samples), and by the
        scale, (..., samples).

    Examples
    --------
    >>> scaled, pullback = scale_time(np.array([[0.5, -0.5]]), np.array([1.0, 2.0]))
    >>> scaled
    array([[ 1. ,  2. ],
           [ 0.5, -1. ]])
    >>> pullback(np.ones((2, 2)))
    (array([[1., 2.]]), array([1.5, 0.5]))
    """
    layout = "waveform: complex controls samples; scale: complex samples > 0"
    waveform, scale = arrays(layout, waveform=waveform, scale=scale)

    def pullback(gradient):
        drift, controls = gradient[..., 0, :], gradient[..., 1:, :]
        return scale * controls, drift + np.sum(waveform * controls, axis=-2)

    return np.concatenate([scale[None], scale * waveform]), pullback
