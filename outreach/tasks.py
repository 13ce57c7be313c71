"""Reading and taking over feeds, later."""

from celery import shared_task

from outreach import importing


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def read_import(run_id: str) -> None:
    """Read the file of a run. Killed halfway, it begins anew when the clock asks again."""
    importing.read(run_id)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def take_over(run_id: str) -> None:
    """Do what the dry run showed. Killed halfway, nothing has changed and the clock asks again."""
    importing.take_over(run_id)
