"""The Celery app: the worker sends mail, beat ticks once a minute."""

import os
import time
from logging.config import dictConfig

from celery import Celery, signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportgroups.settings")

app = Celery("supportgroups")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["supportgroups.my_data"])


@signals.before_task_publish.connect
def _say_when(headers: dict[str, object], **_: object) -> None:
    """So that monitoring sees how long the first in the queue has waited."""
    headers["sent_at"] = time.time()


@signals.worker_ready.connect
def _tell_figures(**_: object) -> None:
    from supportgroups.lib import metrics

    metrics.serve()


@signals.setup_logging.connect
def _log_as_the_web_does(**_: object) -> None:
    """Worker and beat write through the same filter; Celery adds no handler of its own then."""
    dictConfig(settings.LOGGING)
