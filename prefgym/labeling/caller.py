"""Who calls: the address, scheme and host of a request, as far as they can be believed."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from socket import gethostname

from starlette.datastructures import Headers
from starlette.types import Scope

from prefgym.labeling.config import ServerCfg, is_loopback
from prefgym.labeling.refusals import Refusal

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?")
_USUAL = {"http": 80, "https": 443}
KEY = "prefgym.caller"
"""Where a scope has its caller."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The other end of a request."""

    address: str
    """Address of the person's machine."""
    scheme: str
    """`http` or `https`, as the browser sees it."""
    host: str
    """Host and port, as the browser sees them."""
    port: int
    """The port alone."""

    @property
    def origin(self) -> str:
        """Return the origin of the server, as the browser sees it."""
        return f"{self.scheme}://{self.host}"


def caller_of(scope: Scope, cfg: ServerCfg) -> Caller:
    """Find out who calls.

    Raises:
        Refusal: If the host is none of this server's: a page that made its own name point here (DNS rebinding).
    """
    headers = Headers(scope=scope)
    peer = scope["client"][0] if scope.get("client") else ""
    address, scheme = peer, scope["scheme"]
    if cfg.trust_proxy and _lies_in(peer, cfg):
        address = headers.get("x-forwarded-for", peer).rpartition(",")[2].strip() or peer
        told = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        scheme = told if told in _USUAL else scheme
    hosts = headers.getlist("host")
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if found is None or not _is_ours(name := found["name"].lower().rstrip("."), hosts[0], cfg):
        raise Refusal(403, "host", "This server does not answer to that name; its own names are in its settings.")
    for origin in cfg.origins:  # the scheme that people see, where the proxy does not tell
        if origin.partition("://")[2] in {hosts[0].lower(), name}:
            scheme = origin.partition("://")[0]
    port = int(found["port"] or _USUAL[scheme])
    return Caller(address=address[:100], scheme=scheme, host=hosts[0].lower(), port=port)


def _is_ours(name: str, host: str, cfg: ServerCfg) -> bool:
    """Return whether a name is one of the server's; numbers are, since nobody can make them point elsewhere."""
    bare = name.strip("[]")
    if is_loopback(bare) or name == cfg.host:
        return True
    if any(origin.partition("://")[2] in {host.lower(), name} for origin in cfg.origins):
        return True
    return cfg.allow_remote and (name == gethostname().lower() or _is_number(bare))


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _lies_in(peer: str, cfg: ServerCfg) -> bool:
    return _is_number(peer) and ip_address(peer) in cfg.proxy_network()
