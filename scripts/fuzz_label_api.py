"""Send generated requests to a labelling server, and look for answers that its OpenAPI document does not describe.

    python scripts/fuzz_label_api.py --examples 100

Schemathesis does so with all of its checks. A rater and an admin are logged in; what ends a login has a server of its
own, since all else would be refused afterwards.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import tyro
from label_server import fill

from prefgym.common.limits import Count, Seed, check
from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.serve import listen, serving
from prefgym.store.store import Store

ENDING = ("/api/v1/session", "/api/v1/withdraw")
"""Paths that end a login."""
ROLES = ("rater", "admin")


@dataclass(frozen=True, kw_only=True)
class FuzzCfg:
    """Send generated requests to a labelling server."""

    examples: Count = 100
    """Requests of an operation, in each phase."""
    seed: Seed = 1
    """Seed of what is generated."""

    __post_init__ = check


def fuzz(cfg: FuzzCfg) -> int:
    """Fuzz two servers, one after the other; return the exit code of the first that finds something."""
    for flag in ("--exclude-path", "--include-path"):
        with tempfile.TemporaryDirectory(prefix="prefgym-fuzz-") as folder:
            url = str(Path(folder) / "labels.sqlite")
            study = fill(url, num_questions=200, overlap=1000)
            with Store.open(url) as store:
                code = _fuzz_one(store, study, folder, cfg, [word for path in ENDING for word in (flag, path)])
        if code:
            return code
    return 0


def _fuzz_one(store: Store, study: str, folder: str, cfg: FuzzCfg, paths: list[str]) -> int:
    patient = ServerCfg(port=0, session_rate=1e9, session_burst=1e9, address_rate=1e9, address_burst=1e9)
    opened, server = listen(patient, any_port=False)
    app = make_app(store, server)
    base = f"http://127.0.0.1:{server.port}"
    with serving(app, opened), httpx.Client(base_url=base, headers={"Origin": base}) as client:
        tokens = {"invitation": store.invite(study), "admin_token": app.state.desk.sessions.admin_token}
        for name, token in tokens.items():
            client.post("/api/v1/session", json={name: token}).raise_for_status()
        where = Path(folder) / "schemathesis.toml"
        where.write_text("".join(f'[auth.openapi.{role}]\napi_key = "{_cookie(client, role)}"\n' for role in ROLES))
        command = [Path(sys.executable).with_name("st"), "--config-file", where, "run", f"{base}/api/v1/openapi.json"]
        command += ["-H", f"Origin: {base}", "--max-examples", str(cfg.examples), "--seed", str(cfg.seed), "--no-color"]
        return subprocess.run([*map(str, command), *paths], check=False, cwd=folder).returncode


def _cookie(client: httpx.Client, role: str) -> str:
    """Return the cookie of a role: they are named by role and port."""
    (value,) = (value for name, value in client.cookies.items() if ("admin" in name) == (role == "admin"))
    return value


if __name__ == "__main__":
    sys.exit(fuzz(tyro.cli(FuzzCfg, description=__doc__)))
