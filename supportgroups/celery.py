"""The Celery app: the worker sends mail, beat ticks once a minute."""

import os
from logging.config import dictConfig

from celery import Celery, signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportgroups.settings")

app = Celery("supportgroups")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["supportgroups.my_data"])


@signals.setup_logging.connect
def _log_as_the_web_does(**_: object) -> None:
    """Worker and beat write through the same filter; Celery adds no handler of its own then."""
    dictConfig(settings.LOGGING)
