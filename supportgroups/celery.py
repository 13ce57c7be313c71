"""The Celery app: the worker sends mail, beat ticks once a minute."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportgroups.settings")

app = Celery("supportgroups")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
