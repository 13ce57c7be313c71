"""Addresses of sockets."""

from django.urls import path

from sessions.consumers import room_socket

websocket_urlpatterns = [
    # Django's types know views only; Channels' router calls an ASGI application.
    path("ws/sessions/<uuid:session_id>/", room_socket, name="room"),  # type: ignore[arg-type]
]
