"""Sockets of a room for every test here; `tests/sessions/web.py` holds them."""

from tests.sessions.web import enter, other, session, web

__all__ = ["enter", "other", "session", "web"]
