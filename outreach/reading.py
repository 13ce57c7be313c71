"""Opens a file in either format."""

from outreach import meeting_guide, table
from outreach.entries import Reading
from outreach.models import Feed


def read(content: bytes, *, format: str, time_zone: str) -> Reading:
    """Every row of the file. Raises `outreach.entries.Unreadable` when there is none to read."""
    if format == Feed.Format.CSV:
        return table.read(content, time_zone=time_zone)
    return meeting_guide.read(content, time_zone=time_zone)
