"""Build the wheel and the source distribution, and use each as a stranger would: ``make package``.

Each is installed into an empty environment, without extras, and runs the README's example there,
away from this folder.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Windows are not drawn here; and what the example prints must be a judgement.
EXAMPLE = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]


def run(*command, cwd):
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def try_out(archive, folder):
    """Install an archive into an empty environment and run the example."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", archive, cwd=folder)
    (folder / "example.py").write_text(EXAMPLE, "utf-8")
    command = [str(python), "-W", "error", "example.py"]
    environment = {"MPLBACKEND": "agg", "PATH": str(python.parent), "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    mean = re.search(r"fidelity  mean (0\.9\d+)", done.stdout)
    if done.returncode or not mean:
        sys.exit(f"The README's example fails from {archive.name}:\n{done.stdout}{done.stderr}")
    # All that is imported late is there as well: data, answers, what runs in a page.
    run(python, "-c", "import spinlab as sl; sl.mrs.metabolite('Glu'); sl.explore; sl.check_answer;"
        "from spinlab.teaching.live import kernel", cwd=folder)  # fmt: skip
    print(f"{archive.name}: installed, mean fidelity {mean[1]}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        dist = Path(scratch, "dist")
        run(sys.executable, "-m", "build", "--outdir", dist, ROOT, cwd=scratch)
        for k, archive in enumerate(sorted(dist.iterdir())):
            folder = Path(scratch, str(k))
            folder.mkdir()
            try_out(archive, folder)


if __name__ == "__main__":
    main()
