"""Settings of the labelling server."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from prefgym.common.limits import Positive, Within, check

FIRST_PORT = 8440
"""The port that is tried first where none is named."""

Port = Annotated[int, Within(0, 65_535)]
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_ROOT = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, kw_only=True)
class ServerCfg:
    """Where the server listens, by which names people reach it, and how much one of them may ask of it.

    Raises:
        ValueError: If a setting lies outside its limits, or an address is none.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = FIRST_PORT
    """Port to listen on; 0 for any free one."""
    allow_remote: bool = False
    """Whether other machines may connect: needed for every address but those of this machine itself."""
    root_path: str = ""
    """Path below which a reverse proxy serves the page, such as `/label`."""
    origins: tuple[str, ...] = ()
    """Addresses by which people reach the server, where they are not its own: `https://lab.example.org`."""
    trust_proxy: str = ""
    """Address or network of the reverse proxy whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    embed_in: tuple[str, ...] = ()
    """Origins whose pages may show the page in a frame, as a notebook does; `http://localhost:*` is any port."""
    max_body_bytes: Annotated[int, Within(1024, 2**26)] = 2**18
    """Most bytes of a request."""
    session_rate: Positive = 40.0
    """Requests a second that one session may go on with."""
    session_burst: Positive = 200.0
    """Requests that one session may make at once."""
    address_rate: Positive = 20.0
    """Requests a second without a session that one address may go on with; a refused token counts ten times."""
    address_burst: Positive = 400.0
    """Requests without a session that one address may make at once."""

    def __post_init__(self) -> None:
        check(self)
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(f"{self.host} can be reached from other machines: allow that with --allow-remote")
        if not _ROOT.fullmatch(self.root_path):
            raise ValueError(
                f"the root path {self.root_path!r} is none: it looks like /label, without a slash at its end"
            )
        for origin in (*self.origins, *(origin.removesuffix(":*") for origin in self.embed_in)):
            if not is_origin(origin):
                raise ValueError(f"{origin!r} is no origin: it looks like https://lab.example.org, without a path")
        if self.trust_proxy:
            self.proxy_network()

    def proxy_network(self) -> IPv4Network | IPv6Network:
        """Return the network of the trusted proxy.

        Raises:
            ValueError: If it is none.
        """
        try:
            return ip_network(self.trust_proxy)
        except ValueError:
            raise ValueError(f"the proxy {self.trust_proxy!r} is no address: it looks like 127.0.0.1") from None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to an address.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_origin(text: str) -> bool:
    """Return whether a text is a web origin: scheme, host, and a port if it is another one than usual.

    >>> [is_origin(text) for text in ("https://lab.example.org", "http://[::1]:80", "lab.example.org", "http://x/y")]
    [True, True, False, False]
    """
    scheme, mark, rest = text.partition("://")
    name, colon, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "")
    known = scheme in {"http", "https"} and bool(mark) and _NAME.fullmatch(name) is not None
    return known and (not colon or 0 < int(port) < 65_536) and urlsplit(text).netloc == rest
