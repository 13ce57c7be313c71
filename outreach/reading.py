"""Opens a file in either format."""

from outreach import meeting_guide, table
from outreach.entries import Reading, Watch
from outreach.models import Feed


def read(content: bytes, *, format: str, time_zone: str, watch: Watch | None = None) -> Reading:
    """Every row of the file. Raises `outreach.entries.Unreadable` when there is none to read.

    `watch` is called now and then, so that others can see that somebody is still at it.
    """
    module = table if format == Feed.Format.CSV else meeting_guide
    return module.read(content, time_zone=time_zone, watch=watch)
