"""Pulses: what the amplifier plays, and how an optimiser's unknowns become it.

- **waveform** ``(u_x, u_y)``, (2, samples), each between -1 and 1, or two rows for each of several
  **channels**; a :class:`Pulse` adds the length ``dt`` of a **step** and the **RF amplitude**
  ``rf_hz``, the nutation frequency that 1 stands for.
- **control**: u within a step; ``"constant"``, one **sample** per step, or ``"linear"``, straight
  lines between samples at the ends of the steps.
- **parametrisation**: what the optimiser moves, a phase or two controls; :class:`Parametrisation`.
- **basis**: a few columns of samples, whose **coefficients** are moved instead; :data:`BASES`.
- **Helmholtz filter**: smooths unknowns over a **radius** in seconds; :func:`helmholtz`.
- **bound**: keeps u below 1; :func:`from_phase`, :func:`tanh_bound`, :func:`radial_bound`.
- **pullback**: takes gradients by what comes out of a link to gradients by what goes in.
- **limit**: what an amplifier allows besides, such as a power, or a **slew**, the change per step;
  :data:`LIMITS`, kept as constraints or by a **penalty**.
- **distortion**: what amplifier, cable and coil make of a waveform before the spins **feel** it;
  :func:`rc`, :func:`resonator` and :func:`measured` make a :class:`Distortion`.
"""

from .distortion import Distortion, measured, rc, resonator
from .filter_and_bound import Parametrisation, from_phase, helmholtz, radial_bound, tanh_bound
from .limits import LIMITS
from .pulse import Pulse
from .unknowns import BASES, coefficients, cosines, legendre, scale_time, splines
