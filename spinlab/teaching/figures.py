"""What the sliders need of matplotlib: curves at a known place, and figures as SVG and PNG.

A figure that was written is closed: matplotlib forgets it (it can still be drawn).
"""

import html
import io
import re

import matplotlib.pyplot as plt

from .svg_frames import themed


def plot_curves(x, rows, labels, ylim, xlabel="", ylabel=""):
    """Curves in axes of a fixed place, so that a page can redraw them.

    Parameters
    ----------
    x : ndarray, (points,)
    rows : ndarray, (curves, points)
    labels : sequence of str
    ylim : tuple of float
    xlabel, ylabel : str

    Returns
    -------
    matplotlib.figure.Figure
        Curve ``k`` bears the identifier ``curve<k>``.
    list of float
        ``[sx, ox, sy, oy]``: the point (x, y) of the data is drawn at (sx x + ox, sy y + oy) in
        the SVG file.
    """
    width, height = 6.4, 3.4
    left, bottom, across, up = place = (0.13, 0.17, 0.84, 0.72)
    fig = plt.figure(figsize=(width, height), layout="none")
    axes = fig.add_axes(place)
    for k, (row, label) in enumerate(zip(rows, labels, strict=True)):
        (line,) = axes.plot(x, row, ["-", "--", "-.", ":"][k % 4], label=label)
        line.set_gid(f"curve{k}")
    axes.set(xlim=(x[0], x[-1]), ylim=ylim, xlabel=xlabel, ylabel=ylabel)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(rows), borderaxespad=0.2)
    sx = 72 * width * across / (x[-1] - x[0])
    sy = -72 * height * up / (ylim[1] - ylim[0])
    ox, oy = 72 * width * left - sx * x[0], 72 * height * (1 - bottom) - sy * ylim[0]
    return fig, [float(value) for value in (sx, ox, sy, oy)]


def figure_svg(figure):
    """A figure as SVG text, the same for the same content."""
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "spinlab"}):
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    plt.close(figure)
    return text.getvalue()


def figure_png(figure):
    """A figure as PNG bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=144)
    plt.close(figure)
    return data.getvalue()


def page_svg(svg, alt, prefix):
    """A file of Matplotlib's as an SVG element of a page, which takes its ink from the page.

    ``prefix`` keeps the identifiers of different figures on a page apart.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Its rules would hold for the whole page; book.css has them for figures alone.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    label = html.escape(alt, quote=True)
    return themed(svg).replace("<svg", f'<svg class="figure" role="img" aria-label="{label}"', 1)
