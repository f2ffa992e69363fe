"""Files: pulses that leave the book, and come back, by :func:`save_pulse` and :func:`load_pulse`.

- **format**, by the ending: our own JSON (``.json``), every bit of the pulse; CSV (``.csv``), a
  table in microseconds and hertz; **Bruker**'s JCAMP-DX (``.shape``), in per cent of the peak and
  degrees; **Siemens**' ``.pta``, in units of the peak and rad; **Pulseq** (``.seq``), a sequence
  that plays the pulse, through pypulseq.
- **shape**: amplitudes and phases without a unit; how strong and how long is said elsewhere.
- **mark**: our comment in a file of another format, with what it has no word for: step, RF
  amplitude, peak and control.
- **checksum**: in the mark; what was cut, scaled or changed on its way is refused.
- **foreign**: a file without a mark; what it does not say, the caller does.
- **raster**: the steps in which a scanner plays; those of a pulse have to be whole multiples.
"""

from .save_load import load_pulse, save_pulse
