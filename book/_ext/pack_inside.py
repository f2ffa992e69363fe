"""Run by Pyodide (``pack_live.mjs``): compile what a page's Python needs, and write it to one file.

The file: length of the index (4 bytes, little-endian), index ``[[path, size], ...]`` as JSON,
contents.  ``worker.js`` reads it.
"""

import importlib.util
import json
import marshal
import re
import struct
from pathlib import Path

SITE = Path("/lib/python3.12/site-packages")
# A family that no figure of ours asks for: it must be gone when the fonts are listed.
for font in SITE.glob("matplotlib/mpl-data/fonts/ttf/DejaVuSerif*.ttf"):
    font.unlink()

# Writes its list of fonts where the pack takes it from; making it anew takes seconds.
import matplotlib.font_manager  # noqa: E402, F401

#: What no page runs: tests, headers, stubs, documentation, tools of builds, other screens.
DROPPED = re.compile(
    r"(^|/)(tests?|testing/tests|sample_data|web_backend|include|afm|pdfcorefonts|images|doc|docs"
    r"|benchmarks|conftest\.py|__pycache__)(/|$)"
    r"|\.(pyi|pxd|pyx|h|c|hpp|cpp|f90|a|lib|build|rst|md|bz2|gz|exe|dat)$"
    r"|^(numpy/distutils|scipy/(datasets|misc|io/(arff|matlab|_harwell\w*)))/|^share/"
    r"|^PIL/_(imagingft|webp|imagingtk|imagingcms|avif)|^isympy|dist-info/RECORD$"
    r"|^matplotlib/backends/(backend_(gtk|qt|tk|wx|macosx)|qt|_backend_tk)"
    r"|^scipy/stats/_sobol_direction_numbers"
)
#: numpy.testing imports it.
KEPT = re.compile(r"^numpy/_core/tests/_natype|^pypulseq")


def compiled(path, name):
    """Bytecode that Python does not compare with a source."""
    code = compile(path.read_bytes(), str(SITE / name), "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + struct.pack("<I", 1) + bytes(8)
    return header + marshal.dumps(code)


def files():
    """Path and content of all that is packed."""
    for path in sorted(SITE.rglob("*")):
        name = path.relative_to(SITE).as_posix()
        if not path.is_file() or (DROPPED.search(name) and not KEPT.search(name)):
            continue
        ours = name.startswith(("spinlab/", "book/"))
        if path.suffix != ".py":
            yield str(path), path.read_bytes()
        elif ours:  # with its source, for tracebacks
            cached = importlib.util.cache_from_source(str(path))
            yield str(path), path.read_bytes()
            yield cached, compiled(path, name)
        else:
            yield f"{path}c", compiled(path, name)
    for folder, pattern in (("/usr/lib", "*.so"), ("/lib/matplotlib", "*.json")):
        for path in Path(folder).glob(pattern):
            yield str(path), path.read_bytes()


packed = list(files())
index = json.dumps([[name, len(content)] for name, content in packed]).encode()
with open("pack", "wb") as out:
    out.write(struct.pack("<I", len(index)) + index)
    out.writelines(content for _, content in packed)
