"""Keeps personal data out of the logs, whatever a library puts into a record."""

import logging
import re

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


class NoPersonalData(logging.Filter):
    """Drop request objects and stack locals; blank e-mail addresses in the text."""

    def filter(self, record: logging.LogRecord) -> bool:
        for attribute in ("request", "user", "socket"):
            record.__dict__.pop(attribute, None)
        message = record.getMessage()
        cleaned = _EMAIL.sub("[address]", message)
        if cleaned != message:
            record.msg, record.args = cleaned, None
        return True
