"""Which views other sites' pages may fetch: none but those that say so."""

from collections.abc import Callable

from django.http import HttpResponse

type View = Callable[..., HttpResponse]


def open_to_other_sites(view: View) -> View:
    """Mark a view whose answer is public anyway. `middleware.FromThisSite` lets it pass."""
    view.open_to_other_sites = True  # type: ignore[attr-defined]
    return view
