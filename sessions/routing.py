"""Addresses of sockets."""

from django.urls import path

from sessions.consumers import room_socket

websocket_urlpatterns = [
    path("ws/sessions/<uuid:session_id>/", room_socket, name="room"),
]
