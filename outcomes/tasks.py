"""Making documents, later."""

from celery import shared_task

from outcomes import disclosure_making, report_making


@shared_task(soft_time_limit=120, time_limit=130, ignore_result=True)
def make_summary(disclosure_id: str) -> None:
    """Make a summary. Killed halfway, it begins anew when the clock asks again."""
    disclosure_making.make(disclosure_id)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def make_report(report_id: str) -> None:
    """Make a report. Killed halfway, it begins anew when the clock asks again."""
    report_making.make(report_id)
