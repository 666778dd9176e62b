"""`prefgym label`: from flags to a page that people open."""

import asyncio
import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prefgym.common.errors import UserError
from prefgym.common.folders import check_folder
from prefgym.common.limits import check
from prefgym.labeling.config import FIRST_PORT, Port, ServerCfg

if TYPE_CHECKING:
    from prefgym.store.store import Store

_GLANCE_S = 2.0
"""Seconds between two looks at a training, or at the process that fills the store."""
_NEEDED = ("fastapi", "uvicorn", "sqlalchemy", "alembic")


@dataclass(frozen=True, kw_only=True)
class LabelCfg:
    """Serve a page on which people judge segments: those of a run, of a store of questions, or of a demonstration.

    Raises:
        ValueError: If a setting lies outside its limits.
    """

    run: tyro.conf.Positional[Path | None] = None
    """Run folder, or folder of feedback, whose queries people judge."""
    store: str = ""
    """Store of questions and answers: a file, or postgresql://USER@HOST/NAME; default: labels.sqlite in RUN, or the
    store that its training uses."""
    demo: bool = False
    """Whether to show a demonstration, whose answers are thrown away unless there is a store."""
    study: Path | None = None
    """YAML file that says what is asked, of whom, and how often."""
    attach: Annotated[Path | None, tyro.conf.arg(name="while")] = None
    """Run folder of a training that goes on: serve its questions until it ends."""
    invite: tuple[str, ...] = ()
    """Names of people; each gets a link of their own. Default: one link, for one person."""
    crowd: bool = False
    """Whether to print a link for any number of people, as crowd platforms need it."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port | None = None
    """Port to listen on, 0 for any free one; default: 8440 or one of the next ones."""
    allow_remote: bool = False
    """Whether other machines may connect, which an address other than this machine's own needs."""
    root_path: str = ""
    """Path below which a reverse proxy serves the page, such as /label."""
    origin: tuple[str, ...] = ()
    """Addresses by which people reach the page through a proxy, such as https://lab.example.org."""
    trust_proxy: str = ""
    """Address of the reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    browser: bool = True
    """Whether to open the page in a browser, where there is a screen."""

    __post_init__ = check


def run_label(cfg: LabelCfg, describe: Callable[[str], str] = lambda env: "") -> None:
    """Serve until Ctrl-C, or until the training ends that `--while` names.

    Args:
        cfg: What is served, and where.
        describe: Returns the task of an environment in words, where it has no reward.

    Raises:
        UserError: If something is missing or does not fit; one sentence.
    """
    check_installed()
    from prefgym.labeling.app import make_app
    from prefgym.labeling.filling import Job, begin
    from prefgym.labeling.serve import listen, serve
    from prefgym.labeling.sessions import write_token
    from prefgym.labeling.studies import choose_study
    from prefgym.labeling.study_file import read_study
    from prefgym.store.store import Store

    named = _named(cfg)
    file = None if cfg.study is None else read_study(cfg.study)
    folder = named if file is None or file.questions.source is None else file.questions.source
    opened, server = listen(server_cfg(cfg), any_port=cfg.port is None)
    with ExitStack() as stack:
        stack.callback(opened.close)
        url = stack.enter_context(_store_url(cfg, named))
        store = Store.open(url)
        stack.callback(store.close)
        description = describe(_env_of(folder)) if folder is not None else ""
        goes_on = cfg.attach is not None
        chosen = choose_study(store, file=file, folder=folder, demo=cfg.demo, goes_on=goes_on, description=description)
        filling = None
        if chosen.is_filled:
            gold, most = ((), None) if file is None else (file.gold, file.questions.most)
            job = Job(url=url, study=chosen.id, source=folder, gold=gold, most=most, follow=goes_on)
            filling = begin(job)
            stack.callback(_end, filling)
        app = make_app(store, server)
        lines = links(cfg, server, store, chosen.id, app.state.desk.sessions.admin_token)
        token_file = token_file_of(store, server)
        write_token(token_file, app.state.desk.sessions.admin_token)
        stack.callback(token_file.unlink, missing_ok=True)
        watch = Watch(cfg.attach, filling)
        try:
            serve(app, opened, until=watch, started=lambda: tell(lines, store, token_file, cfg.browser))
        except KeyboardInterrupt:
            print(flush=True)
        if watch.problem:
            raise UserError(watch.problem)
        num_answers = store.progress(chosen.id).num_answers
        print(f"Stopped: {num_answers} answers are in {store.url_shown}.", flush=True)


def check_installed() -> None:
    """Refuse to go on without the packages of the extra.

    Raises:
        UserError: If one is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UserError(f"labelling needs {missing[0]}, which is not installed: pip install 'prefgym[label]'.")


def server_cfg(cfg: LabelCfg) -> ServerCfg:
    """Return the settings of the server.

    Raises:
        UserError: If they do not fit.
    """
    try:
        return ServerCfg(
            host=cfg.host,
            port=FIRST_PORT if cfg.port is None else cfg.port,
            allow_remote=cfg.allow_remote,
            root_path=cfg.root_path.rstrip("/"),
            origins=tuple(origin.rstrip("/") for origin in cfg.origin),
            trust_proxy=cfg.trust_proxy,
        )
    except ValueError as error:
        raise UserError(f"{error}.") from None


def _named(cfg: LabelCfg) -> Path | None:
    """Return the folder whose queries are asked; None for a demonstration, or for what a store has already.

    Raises:
        UserError: If flags exclude each other, or none says what to label.
    """
    named = [one for one in (cfg.run, cfg.attach) if one is not None]
    if len(named) + cfg.demo > 1:
        raise UserError("name one thing to label: prefgym label RUN, or --while RUN, or --demo.")
    if not named and not cfg.demo and not cfg.store:
        raise UserError("there is nothing to label: prefgym label RUN, or --store URL, or --demo.")
    if not named:
        return None
    if not named[0].is_dir():
        raise UserError(f"there is no folder {named[0]}.")
    check_folder(named[0])
    if cfg.attach is not None:
        from prefgym.runs.activity import activity_of

        if (state := activity_of(cfg.attach).state) != "running":
            raise UserError(f"{cfg.attach} is not running, it has {state}: prefgym label {cfg.attach} asks about it.")
    return named[0]


@contextmanager
def _store_url(cfg: LabelCfg, source: Path | None) -> Generator[str]:
    """Give the address of the store; that of a demonstration is removed afterwards."""
    if cfg.store:
        yield cfg.store
    elif source is not None:
        from prefgym.labeling.studies import store_of

        yield store_of(source)
    else:
        with tempfile.TemporaryDirectory(prefix="prefgym-label-") as folder:
            yield str(Path(folder) / "labels.sqlite")


def links(cfg: LabelCfg, server: ServerCfg, store: "Store", study: str, admin_token: str) -> dict[str, str]:
    """Make invitations, and return the links to print, each by whom it is for."""
    from prefgym.labeling.serve import admin_link, rater_link

    made = {name: rater_link(server, store.invite(study, name=name)) for name in cfg.invite}
    if cfg.crowd:
        made["crowd"] = rater_link(server, store.invite(study, name=None, max_raters=None))
    if not made:
        made["label"] = rater_link(server, store.invite(study, name=None))
    return made | {"admin": admin_link(server, admin_token)}


def tell(lines: Mapping[str, str], store: "Store", token_file: Path, browser: bool) -> None:
    """Print where to go, and open the first page if there is a screen."""
    for whom, link in lines.items():
        print(f"{whom:<8}{link}", flush=True)
    print(f"The token of the admin page is in {token_file} as well. Answers go to {store.url_shown}.", flush=True)
    print("Ctrl-C ends.", flush=True)
    has_screen = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and has_screen and sys.stdout.isatty():
        webbrowser.open(next(iter(lines.values())))


def token_file_of(store: "Store", server: ServerCfg) -> Path:
    """Return the file for the admin token: beside SQLite's, or else in the home folder."""
    file = store.url_shown.removeprefix("sqlite:///")
    if file != store.url_shown:
        return Path(f"{file}.admin-token")
    folder = Path.home() / ".prefgym"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"label-{server.port}.admin-token"


class Watch:
    """Waits until a training ends, or until nothing can be asked.

    Args:
        run: Run folder of the training; None to wait for none.
        filling: The process that fills the store, if there is one.
    """

    def __init__(self, run: Path | None, filling: BaseProcess | None) -> None:
        self._run, self._filling, self.problem = run, filling, ""

    async def __call__(self) -> None:
        """Return when it is time to end."""
        from prefgym.runs.activity import activity_of

        while True:
            await asyncio.sleep(_GLANCE_S)
            if self._filling is not None and self._filling.exitcode not in (None, 0):
                self.problem = "there is nothing to ask, as said above"
                return
            if self._run is not None:
                activity = await asyncio.to_thread(activity_of, self._run)
                if activity.state != "running":
                    print(f"{self._run} has {activity.state}.", flush=True)
                    return


def _env_of(folder: Path) -> str:
    """Return the environment of a run folder; nothing for another folder, which says it later."""
    from prefgym.runs.config_file import read_config

    return str(read_config(folder)["env"]) if (folder / "config.yaml").is_file() else ""


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join()
