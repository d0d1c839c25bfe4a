"""Channels: the ways to people, an object for each, which knows its settings, limits, texts, requests and errors.

Used by the rest of outbound and by diagnosis; a new channel is a module here and a name in models.Channel.
"""

from wecom.outbound.channels.app import App
from wecom.outbound.channels.app import app_is_configured as app_is_configured
from wecom.outbound.channels.email import Email
from wecom.outbound.channels.robot import Robot
from wecom.outbound.channels.transport import Composed as Composed
from wecom.outbound.channels.transport import Transport as Transport

_TRANSPORTS: dict[str, Transport] = {transport.name: transport for transport in (Robot(), App(), Email())}


def transport_of(channel: str) -> Transport:
    """Return the object behind a channel's name (models.Channel.Name)."""
    return _TRANSPORTS[channel]
