"""Making documents and analyses, later."""

from celery import shared_task

from outcomes import analysing, disclosure_making, report_making


@shared_task(soft_time_limit=120, time_limit=130, ignore_result=True)
def make_summary(disclosure_id: str) -> None:
    """Make a summary. Killed halfway, it begins anew when the clock asks again."""
    disclosure_making.make(disclosure_id)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def make_report(report_id: str) -> None:
    """Make a report. Killed halfway, it begins anew when the clock asks again."""
    report_making.make(report_id)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def make_analysis(analysis_id: str) -> None:
    """Make what somebody asked for. Killed halfway, it begins anew when the clock asks again."""
    analysing.make(analysis_id)


@shared_task(soft_time_limit=300, time_limit=330, ignore_result=True)
def look_at_analysis_again(analysis_id: str) -> None:
    """Make it anew where answers were deleted or are not to be counted any more."""
    if analysing.look_again(analysis_id):
        analysing.make(analysis_id)
