"""Build a wheel from the sdist, install it in an environment of its own, and try it from an empty directory.

Run by `make wheel`. What works in a checkout only, such as a package that is not listed, fails here.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TRY_LIBRARY = """
import gymnasium as gym
import prefgym

env = gym.make("prefgym/HalfCheetah-v0")
env.reset(seed=0)
assert env.step(env.action_space.sample())[1] == 0.0, "an environment without a learned reward gives nothing"
env.close()

venv = gym.make_vec("prefgym/HalfCheetah-v0", num_envs=4, reward="task")
venv.reset(seed=0)
assert venv.step(venv.action_space.sample())[1].shape == (4,)
venv.close()
print(prefgym.__version__, "from", prefgym.__file__)
"""

TRY_TRAINING = """
prefgym train --env prefgym/InvertedPendulum-v0 --rater oracle --agent ppo
--budget 20 --steps 20_000 --seed 0 --out run
"""

TRY_LABELLING = """
import json, re, subprocess, sys, time, urllib.request

command = [sys.argv[1], "label", "--demo", "--no-browser", "--port", "0"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
    base, token = re.search(r"(http://\\S+)/#i=(\\S+)", server.stdout.readline()).groups()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def post(path, body):
        headers = {"Content-Type": "application/json", "Origin": base}
        request = urllib.request.Request(f"{base}/api/v1/{path}", json.dumps(body).encode(), headers)
        return json.load(opener.open(request))

    for page in ("", "admin", "service-worker.js", "static/main.js", "static/viewer/viewer.js"):
        assert opener.open(f"{base}/{page}").read(), page
    post("session", {"invitation": token})
    while not (given := post("assignments", {"num": 1})["assignments"]):
        time.sleep(0.2)
        assert server.poll() is None
    print("the labelling page asks:", given[0]["text"])
    server.terminate()
"""

PAGES = (
    "prefgym/labeling/page/index.html",
    "prefgym/labeling/page/admin.html",
    "prefgym/labeling/page/service-worker.js",
    "prefgym/video/viewer/viewer.js",
)


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command, shown first, that sees nothing of the checkout or of the environment this script runs in."""
    print("$", *command, flush=True)
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    subprocess.run(command, cwd=cwd, env=kept, check=True)


def check_contents(wheel: Path) -> None:
    """Stop unless the wheel holds one import root, its types, and all three folders."""
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert roots == {"prefgym"}, f"the wheel installs {sorted(roots)}"
    for name in ("prefgym/py.typed", "prefgym/agents/__init__.py", "prefgym/envs/__init__.py", *PAGES):
        assert name in names, f"the wheel lacks {name}"


def main() -> None:
    """Build, install, try."""
    with tempfile.TemporaryDirectory(prefix="prefgym-wheel-") as folder:
        tmp = Path(folder)
        empty = tmp / "empty"
        empty.mkdir()
        run(sys.executable, "-m", "build", "--outdir", tmp / "dist", ROOT, cwd=empty)
        (wheel,) = (tmp / "dist").glob("*.whl")
        check_contents(wheel)

        venv.create(tmp / "venv", with_pip=True)
        binaries = tmp / "venv" / "bin"
        run(binaries / "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[label]", cwd=empty)
        run(binaries / "python", "-I", "-c", TRY_LIBRARY, cwd=empty)
        run(binaries / "prefgym", "list", "envs", cwd=empty)
        program, *arguments = TRY_TRAINING.split()
        run(binaries / program, *arguments, cwd=empty)
        for name in ("manifest.json", "metrics.jsonl", "report.html"):
            assert (empty / "run" / name).is_file(), f"the run left no {name}"
        run(binaries / "python", "-I", "-c", TRY_LABELLING, binaries / "prefgym", cwd=empty)
    print("The wheel works.")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Failed with exit code {error.returncode}: {' '.join(map(str, error.cmd))[:200]}")
