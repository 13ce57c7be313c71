"""What everybody reads is searched for what they must not, at a bearable price."""

from time import process_time

import pytest

from outreach import privacy


@pytest.mark.parametrize(
    "seed",
    ["a-", "a.a.", "1-1-", "800-", "a", "host ", "A. ", "1-1.", "a@", "ask ", "calle a ", "weg "],
)
def test_the_price_grows_with_the_length_only(seed):
    text = (seed * 6000)[:6000]
    before = process_time()

    privacy.sift(text)
    privacy.name_without(text)

    # It is a twentieth of a second; the square of the length was 5 to 14 seconds.
    assert process_time() - before < 1.5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to tea-and.talk+we@mail.example-site.org please", privacy.EMAIL),
        ("Write to tea (at) example (dot) org", privacy.EMAIL),
        ("On www.example.test or so", privacy.LINK),
        ("See..my-site.co.uk/tea", privacy.LINK),
        ("(sub.my_site.org)", privacy.LINK),
        ("Ring 1-800-FLOWERS today", privacy.PHONE),
        ("At Alte-Haupt-Straße 12", privacy.ADDRESS),
        ("Bei Kirchweg 3a", privacy.ADDRESS),
        ("Contact our group secretary Zelda", privacy.NAME),
    ],
)
def test_what_is_found(text, found):
    assert found in privacy.found_in(text)


def test_a_title_loses_the_whole_address():
    assert privacy.name_without("Tea tea-and.talk@example.org circle")[0] == "Tea circle"
