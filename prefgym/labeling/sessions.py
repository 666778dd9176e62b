"""Who somebody is: cookies of raters and of admins. Nothing else of a request says who sent it."""

import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from prefgym.common.files import writing
from prefgym.labeling.caller import KEY, Caller
from prefgym.labeling.config import ServerCfg
from prefgym.store.records import Rater
from prefgym.store.store import Store

Role = Literal["rater", "admin"]

_COOKIE_S = 60 * 24 * 3600
"""Seconds after which a browser forgets a cookie."""
_MOST_ADMINS = 100
"""Logins of admins that are kept; the oldest one ends first."""


class Sessions:
    """Cookies and what they stand for.

    Raters' logins are in the store and outlive the server; those of admins end with it, as their token does.

    Args:
        store: The store.
        cfg: Settings of the server.
    """

    def __init__(self, store: Store, cfg: ServerCfg) -> None:
        self._store, self._cfg = store, cfg
        self.admin_token = secrets.token_urlsafe(32)
        self._admins: OrderedDict[str, None] = OrderedDict()

    def rater_of(self, request: Request) -> Rater | None:
        """Return the rater who sent a request; None without a cookie of theirs."""
        token = request.cookies.get(self._name(request, "rater"), "")
        return self._store.login(token) if 8 <= len(token) <= 200 and token.isascii() else None

    def is_admin(self, request: Request) -> bool:
        """Return whether an admin sent a request."""
        token = request.cookies.get(self._name(request, "admin"), "")
        return _hashed(token) in self._admins

    def is_admin_token(self, token: str) -> bool:
        """Compare a token with the one of this server, in a time that tells nothing about it."""
        return hmac.compare_digest(token.encode(), self.admin_token.encode())

    def open_rater(self, request: Request, response: Response, rater: Rater) -> None:
        """Log a rater in."""
        self._set(request, response, "rater", self._store.open_login(rater.id))

    def open_admin(self, request: Request, response: Response) -> None:
        """Log an admin in."""
        token = secrets.token_urlsafe(32)
        self._admins[_hashed(token)] = None
        while len(self._admins) > _MOST_ADMINS:
            self._admins.popitem(last=False)
        self._set(request, response, "admin", token)

    def close(self, request: Request, response: Response, role: Role) -> None:
        """Log a rater or an admin out."""
        name = self._name(request, role)
        token = request.cookies.get(name, "")
        if role == "admin":
            self._admins.pop(_hashed(token), None)
        elif token:
            self._store.close_login(token)
        response.delete_cookie(name, path=self._path, httponly=True, samesite="strict")

    @property
    def _path(self) -> str:
        return self._cfg.root_path or "/"

    def _name(self, request: Request, role: Role) -> str:
        caller: Caller = request.scope[KEY]
        return cookie_name(role, caller.port)

    def _set(self, request: Request, response: Response, role: Role, token: str) -> None:
        caller: Caller = request.scope[KEY]
        response.set_cookie(
            self._name(request, role),
            token,
            max_age=_COOKIE_S,
            path=self._path,
            secure=caller.scheme == "https",
            httponly=True,
            samesite="strict",
        )


def cookie_name(role: Role, port: int) -> str:
    """Name a cookie by the port that the browser sees, since browsers give a cookie to every port of a host."""
    return f"prefgym-{port}" if role == "rater" else f"prefgym-admin-{port}"


def write_token(file: Path, token: str) -> None:
    """Write a token into a file that only its owner may read; one that is there already is replaced.

    Raises:
        UserError: If it cannot be written.
    """
    with writing(file):
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as opened:
            opened.write(f"{token}\n")


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
