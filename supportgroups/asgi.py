"""HTTP and sockets in one ASGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportgroups.settings")

from django.core.asgi import get_asgi_application

http_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from sessions.routing import websocket_urlpatterns  # noqa: E402
from supportgroups.lib import metrics  # noqa: E402
from supportgroups.lib.sockets import OwnOriginOnly  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": OwnOriginOnly(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

metrics.serve()
