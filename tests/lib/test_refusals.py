"""A no that says what to do next."""

from django.core.exceptions import PermissionDenied

from supportgroups.lib.refusals import Refused


def test_refused_carries_reason_words_and_a_way_on() -> None:
    refused = Refused("not_signed", "Sign first.", next_step=("Sign it", "/sign/"))
    assert isinstance(refused, PermissionDenied)
    assert (refused.reason, refused.message) == ("not_signed", "Sign first.")
    assert refused.next_step is not None
    assert (refused.next_step.label, refused.next_step.url) == ("Sign it", "/sign/")


def test_refused_without_words_still_has_some() -> None:
    refused = Refused("closed")
    assert refused.message
    assert refused.next_step is None
