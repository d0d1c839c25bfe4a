"""Reading an ASGI scope: headers, session key and client, for code on the event loop, outside Django."""

import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

Scope = dict[str, Any]


def header(scope: Scope, name: bytes) -> str:
    """Return a header, or an empty text; `name` is lower case."""
    return b"; ".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def session_key(scope: Scope) -> str:
    """Return the session's key as the cookie has it, whether or not there is such a session, or an empty text."""
    try:
        morsel = SimpleCookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return morsel.value if morsel and len(morsel.value) <= 64 else ""


def who_asks(scope: Scope) -> list[str]:
    """Return what tells one client from another: the session and, as the proxy in front says, the address.

    Both, because a stranger may make up sessions, or come from several addresses with one. Without a proxy everybody
    has the address of this machine, which tells nothing.
    """
    found = [f"session {key}"] if (key := session_key(scope)) else []
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = header(scope, b"x-forwarded-for").replace(";", ",").split(",")
    if proxies and len(hops) >= proxies and (address := network_of(hops[-proxies].strip())):
        found.append(f"address {address}")
    return found


def network_of(address: str) -> str:
    """Return what limits count an address by, or "" for none: one customer has one IPv4 address, but 2⁶⁴ of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed  # as a proxy that listens on both may write it
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((int(parsed), 64), strict=False))
