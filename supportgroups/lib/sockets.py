"""Who may open a socket at all: pages of this very site."""

import logging
from typing import Any

from channels.exceptions import DenyConnection
from channels.security.websocket import WebsocketDenier
from django.conf import settings

logger = logging.getLogger(__name__)


class OwnOriginOnly:
    """Refuse a handshake whose `Origin` is not one of `SOCKET_ORIGINS`, letter by letter.

    Channels' validators compare host names loosely and raise on a malformed port. An unknown
    path is refused here too, instead of ending in an error.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.refuse = WebsocketDenier()

    async def __call__(self, scope: dict, receive: Any, send: Any) -> Any:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        allowed = {origin.encode() for origin in settings.SOCKET_ORIGINS}
        if len(origins) != 1 or origins[0] not in allowed:
            return await self.refuse(scope, receive, send)
        try:
            # Middleware asks with each frame whether the browser session was changed. A frame of an
            # open socket can carry no cookie, so it may take the way past it.
            return await self.application(scope | {"line": send}, receive, send)
        except (ValueError, DenyConnection) as error:
            if "No route found" not in str(error):
                raise
            return await self.refuse(scope, receive, send)
