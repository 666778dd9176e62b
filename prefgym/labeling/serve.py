"""Serving the application: a port, links, and an end without a trace."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from prefgym.common.errors import UserError
from prefgym.labeling.config import ServerCfg, is_loopback

_PORTS_TRIED = 20
_GRACE_S = 3
"""Seconds that requests get to end when the server stops."""
_MOST_CONNECTIONS = 2000


def listen(cfg: ServerCfg, *, any_port: bool) -> tuple[socket.socket, ServerCfg]:
    """Open the port, so that links can be told before the first request.

    Args:
        cfg: Settings.
        any_port: Whether one of the next ports will do.

    Returns:
        The socket, and the settings with the port it has.

    Raises:
        UserError: If the port is taken, or the address is not of this machine.
    """
    ports = range(cfg.port, min(cfg.port + (_PORTS_TRIED if any_port else 1), 65_536))
    family = socket.AF_INET6 if ":" in cfg.host else socket.AF_INET
    problem = OSError()
    for port in ports:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((cfg.host, port))
            opened.listen(_MOST_CONNECTIONS)
        except OSError as error:
            opened.close()
            problem = error
        else:
            opened.set_inheritable(False)
            return opened, replace(cfg, port=opened.getsockname()[1])
    which = f"port {cfg.port}" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]}"
    why = f"({problem.strerror or problem}): pass --port 0 for a free one"
    raise UserError(f"{which} of {cfg.host} cannot be used {why}") from problem


def address_of(cfg: ServerCfg) -> str:
    """Return the address that people open, without a slash at its end.

    >>> address_of(ServerCfg(port=8440))
    'http://127.0.0.1:8440'
    >>> address_of(ServerCfg(origins=("https://lab.example.org",), root_path="/label"))
    'https://lab.example.org/label'
    """
    if cfg.origins:
        return cfg.origins[0] + cfg.root_path
    host = cfg.host
    if not is_loopback(host) and host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{cfg.port}{cfg.root_path}"


def rater_link(cfg: ServerCfg, token: str) -> str:
    """Return a link that invites; the token stands behind #, which browsers keep to themselves."""
    return f"{address_of(cfg)}/#i={token}"


def admin_link(cfg: ServerCfg, token: str) -> str:
    """Return the link of the admin page."""
    return f"{address_of(cfg)}/admin#t={token}"


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take no signal."""
        yield


def serve(
    app: FastAPI,
    opened: socket.socket,
    *,
    until: Callable[[], Awaitable[None]] | None = None,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve until Ctrl-C, or until a condition holds.

    Args:
        app: The application.
        opened: The socket.
        until: Returns when serving should end; None for never.
        started: Called when the first request would be answered.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the requests have ended.
    """
    asyncio.run(_serve(_Server(_settings(app)), opened, until, started))


def _settings(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=30,
        limit_concurrency=_MOST_CONNECTIONS,
    )


@contextlib.contextmanager
def serving(app: FastAPI, opened: socket.socket) -> Generator[None]:
    """Serve in a thread of this process, within the context.

    Args:
        app: The application.
        opened: The socket.
    """
    server, up = _Server(_settings(app)), threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(server, opened, None, up.set)), name="labelling page", daemon=True
    )
    thread.start()
    up.wait()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


async def _serve(
    server: uvicorn.Server,
    opened: socket.socket,
    until: Callable[[], Awaitable[None]] | None,
    started: Callable[[], None],
) -> None:
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):  # such as of a service manager, or of a terminal that closes
            loop.add_signal_handler(number, _end, server)
    serving = asyncio.create_task(server.serve(sockets=[opened]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    started()
    ending = None if until is None else asyncio.ensure_future(until())
    try:
        await asyncio.wait([serving] if ending is None else [serving, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:  # Ctrl-C cancels this task
        server.should_exit = True
        if ending is not None:
            ending.cancel()
        await serving


def _end(server: uvicorn.Server) -> None:
    server.should_exit = True
