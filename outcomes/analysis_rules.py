"""The question of support, stress and mood: who may ask it, and of what. Asks, never writes."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Organisation
from outcomes.change_queries import Measure
from outcomes.models import Analysis

#: Fewer people with all three scores give no result.
FEWEST = 30
#: From here on the method is on firm ground; below it the page says that it is not.
ENOUGH = 100
#: A worker that has not written for so long was killed.
SILENT = timedelta(minutes=16)
#: After so long it is looked whether the scores are still the same.
LOOKED_AT_AGAIN = timedelta(days=1)

#: What is offered first, the best known first: support (or the lack of it), stress, how it goes.
_SUPPORT = ("mspss", "ucla-3", "ons-loneliness")
_STRESS = ("pss-10", "pss-4", "dass-21:stress", "gad-7", "gad-2", "phq-4:anxiety")
_OUTCOME = ("dass-21:depression", "phq-9", "phq-8", "panas", "swemwbs", "who-5", "phq-2", "core-10")


def suggested(measures: Sequence[Measure]) -> list[str]:
    """Keys of three measures to begin with, as far as there are three."""
    present = [each.key for each in measures]
    chosen: list[str] = []
    for preferred in (_SUPPORT, _STRESS, _OUTCOME):
        order = [*(key for key in preferred if key in present), *present]
        chosen += [key for key in order if key not in chosen][:1]
    return chosen


def analyses_of(organisation: Organisation) -> QuerySet[Analysis]:
    """What was asked in the organisation, the newest first."""
    return organisation.analyses.order_by("-asked_at")


def waiting_for_a_worker() -> QuerySet[Analysis]:
    """What nobody is making: never begun, or begun by a worker that is gone."""
    now = timezone.now()
    return Analysis.objects.filter(
        Q(state=Analysis.State.WAITING, touched_at__lt=now - timedelta(minutes=1))
        | Q(state=Analysis.State.WORKING, touched_at__lt=now - SILENT)
    )


def to_look_at_again() -> QuerySet[Analysis]:
    """What was made, and not compared with the scores since a day."""
    return Analysis.objects.filter(
        state__in=[Analysis.State.DONE, Analysis.State.FAILED],
        touched_at__lt=timezone.now() - LOOKED_AT_AGAIN,
    )
