r"""What a spectrum can tell about concentrations at best: Cramér-Rao bounds, and how to lower them.

With the derivatives of the model by all parameters as columns of :math:`A`, white noise of
deviation :math:`\sigma` allows no unbiased estimate better than

.. math:: \operatorname{var}\theta_j \ge \sigma^2\,[(A^{\mathsf T} A)^{-1}]_{jj},

:eq:`eq-cramer-rao`.  An estimate is unbiased if the model is right, and a fit takes its basis from
the nominal field.  Where the spectrum :math:`y_m` of a member is another one than the nominal
:math:`y_0`, all amplitudes are wrong by

.. math:: b_m = (A_0^{\mathsf T} A_0)^{-1} A_0^{\mathsf T} (y_m - y_0),

:eq:`eq-basis-bias`.  The baseline is projected out of everything.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..control.ensemble import Ensemble
from ..inputs import arrays, choice, instance, require
from .fit_models import FitModel, check_duration, covariance_of, difference_transposed
from .problem import SpectralProblem
from .spectra import exact_spectrum, judging_members


@dataclass(frozen=True, eq=False)
class BoundLoss:
    r"""Loss on spectra, :math:`\sum_j (\text{bound}_j / \text{goal}_j)^2`, and its judge.

    With a weight of the bias, :math:`\beta \sum_j (\text{bias}_j / \text{goal}_j)^2` is added.  The
    bias of every member depends on the nominal one, too, so that the loss is then one number: the
    mean over the ensemble.

    Parameters
    ----------
    model : FitModel
    goals : dict
        Relative bound by name, such as that of the best conventional sequence.
    bias : float
        :math:`\beta`.
    reference : str, optional
        Molecule that amplitudes are compared to, such as ``"Cr"``: bounds and biases are then those
        of the ratios.
    ensemble : Ensemble, optional
        That of the spectra, with a member of B0 offset 0 and B1 scale 1; needed for the bias.
    """

    model: FitModel
    goals: dict
    bias: float = 0.0
    reference: str | None = None
    ensemble: Ensemble | None = None

    def __post_init__(self):
        names = tuple(instance("model", self.model, FitModel).concentrations)
        goals = instance("goals", self.goals, dict)
        require(goals, "goals is empty; give one molecule or more.")
        for name, value in goals.items():
            goal = f"The goal of {choice('molecule', name, names)}"
            arrays(f"{goal}: > 0", **{goal: value})
        _relative(self.model, self.reference)  # so that a wrong reference is refused now
        if arrays("bias: >= 0", bias=self.bias):
            members = instance("ensemble", self.ensemble, Ensemble, "The bias needs it.")
            nominal = np.isclose(members.offset_hz, 0) & np.isclose(members.b1_scale, 1)
            require(nominal.any(), "The bias is that of a fit with the basis of the nominal field, "
                    "but no member of the ensemble has B0 offset 0 and B1 scale 1; add it.")
            object.__setattr__(self, "_nominal", int(np.argmax(nominal)))

    def __call__(self, spectra):
        """Values, (members,), or with bias their mean, and derivatives by the spectra."""
        model, R = self.model, _relative(self.model, self.reference)
        sharp = np.array([self.goals.get(name, np.inf) for name in model.concentrations]) ** -2.0
        columns = model.columns(spectra)
        covariance = covariance_of(columns)
        weight = model.noise**2 * (R.T * sharp) @ R
        values = np.sum(covariance * weight, axis=(1, 2))
        back, back_total = -2 * columns @ (covariance @ weight @ covariance), 0.0
        if self.bias:
            shares, k = self.ensemble.weights, self._nominal
            A, C = columns[k], covariance[k]
            change, wrong = _wrong(model, columns, A, C)
            bias = wrong @ R.T
            values = shares @ (values + self.bias * bias**2 @ sharp)
            pull = 2 * self.bias * shares[:, None] * (bias * sharp) @ R @ C
            back *= shares[:, None, None]
            back[k] += (change - wrong @ A.T).T @ pull - A @ (pull.T @ wrong)
            back_total = pull @ A.T
            back_total[k] -= back_total.sum(axis=0)
        back = model.project(back)
        # From derivatives by the columns to derivatives by the spectra.
        slope = -back[..., -2] + 0.5j * back[..., -1]
        back_total = back_total + difference_transposed(slope) / model.step_hz - 1j * back[..., -3]
        parts = enumerate(model.concentrations.items())
        return values, {name: back[..., j] + value * back_total for j, (name, value) in parts}

    def judge(self, sequence, problem, ensemble):
        """:func:`judge_bounds` on an ensemble."""
        return judge_bounds(sequence, self.model, ensemble, self.reference)


def _relative(model, reference):
    """Matrix from the parameters of a fit to amplitudes relative to their concentrations.

    With a reference, to ratios to its amplitude, relative to what they should be.
    """
    names, values = zip(*model.concentrations.items(), strict=True)
    matrix = np.eye(len(names), len(names) + 3) / np.array(values)[:, None]
    if reference is not None:
        matrix = matrix - matrix[names.index(choice("molecule", reference, names))]
    return matrix


def _wrong(model, columns, A, C):
    """Change of the spectra from nominal to each member, and what it does to the parameters."""
    concentrations = [*model.concentrations.values()]
    change = (columns - A)[..., : len(concentrations)] @ concentrations
    return change, change @ A @ C


@dataclass(frozen=True, eq=False)
class BoundReport:
    """How well a sequence measures concentrations; arrays have one entry a member.

    Parameters
    ----------
    ensemble : Ensemble
    bound : dict
        Name: Cramér-Rao bound relative to the concentration; 0.05 is 5 %.
    bias : dict
        Name: what a fit with the basis of the nominal field gets wrong, as large, with its sign.
    """

    ensemble: Ensemble
    bound: dict
    bias: dict

    @property
    def error(self):
        """Name: both together, the root of the sum of their squares."""
        return {name: np.hypot(bound, self.bias[name]) for name, bound in self.bound.items()}

    def __repr__(self):
        kinds, rows = (self.bound, self.bias, self.error), []
        for name in self.bound:
            rms = (100 * np.sqrt(np.mean(kind[name] ** 2)) for kind in kinds)
            rows.append("{} {:.2f} {:.2f} {:.2f}".format(name, *rms))
        return f"BoundReport(bound, bias, both in %, rms over members: {', '.join(rows)})"


def judge_bounds(sequence, model, ensemble=None, reference=None):
    """Bounds and biases of any sequence by the exact path.

    Parameters
    ----------
    sequence : tuple of blocks
    model : FitModel
        Of the sequence's echo time, such as ``fit_model(duration(sequence))``.  Where a part of the
        duration is no echo time, as in STEAM: ``dataclasses.replace(model, te=None)``.
    ensemble : Ensemble, optional
        Default: 25 members, B0 within 5 Hz and B1 within 10 %.
    reference : str, optional
        Molecule that amplitudes are compared to, such as ``"Cr"``: all of them fall together where
        B1 is wrong for pulses that follow it, and their ratios stay.

    Returns
    -------
    BoundReport
    """
    check_duration(model, sequence)
    ensemble, R = judging_members(ensemble), _relative(model, reference)
    members = np.append(ensemble.offset_hz, 0.0), np.append(ensemble.b1_scale, 1.0)
    seen_by = model.scanner, model.ppm, model.linewidth_hz, *members
    columns = model.columns({one.name: exact_spectrum(one, sequence, *seen_by)
                             for one in model.molecules})  # fmt: skip
    covariance = covariance_of(columns)
    _, wrong = _wrong(model, columns, columns[-1], covariance[-1])
    variances = np.diagonal(R @ covariance @ R.T, axis1=1, axis2=2)
    kinds = model.noise * np.sqrt(variances), wrong @ R.T
    bound, bias = (dict(zip(model.concentrations, kind[:-1].T, strict=True)) for kind in kinds)
    return BoundReport(ensemble, bound, bias)


def cramer_rao_problem(goals, model, blocks, bias=0.0, reference=None, **means):
    """The problem of making bounds small, whatever the spectra look like.

    Parameters
    ----------
    goals : dict
        Relative bound by name, such as that of the best PRESS: the loss adds up the squares of
        ``bound / goal``.
    model : FitModel
    blocks : tuple of blocks
        The sequence, with free intervals, such as ``press(10e-3, 30e-3, free=True)``.
    bias, reference
        Of :class:`BoundLoss`.
    **means
        Of :class:`spinlab.mrs.SpectralProblem`.

    Returns
    -------
    SpectralProblem
    """
    check_duration(model, blocks)
    problem = SpectralProblem(
        model.molecules, blocks=blocks, window_ppm=(model.ppm[0], model.ppm[-1]),
        points=len(model.ppm), linewidth_hz=model.linewidth_hz, scanner=model.scanner, **means,
    )  # fmt: skip
    return replace(problem, loss=BoundLoss(model, goals, bias, reference, problem.ensemble))
