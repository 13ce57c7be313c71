"""What everybody reads is searched for what they must not, at a bearable price."""

from time import process_time

import pytest

from outreach import privacy


@pytest.mark.parametrize(
    "seed",
    [
        "a-",
        "a.a.",
        "1-1-",
        "800-",
        "a",
        "host ",
        "A. ",
        "1-1.",
        "a@",
        "ask ",
        "calle a ",
        "weg ",
        "a at ",
        "text a ",
        "Ab & ",
        "home of ",
    ],
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
        ("CONTACT ZELDA SMITH FOR INFO", privacy.NAME),
        ("text zelda for the link", privacy.NAME),
        ("At the home of Zelda Smith", privacy.NAME),
        ("Meets at Tom & Zelda's", privacy.NAME),
        ("Sponsored by Zelda", privacy.NAME),
        ("Meet w/ Zelda at the door", privacy.NAME),
        ("Preguntar por Luis", privacy.NAME),
        ("contactar con Juan", privacy.NAME),
        ("Ansprechpartnerin: Petra", privacy.NAME),
        ("Séance animée par Zelda", privacy.NAME),
        ("jane dot doe at mail dot com", privacy.EMAIL),
        ("IG: circle_of_tea", privacy.HANDLE),
        ("venmo: jane-9", privacy.HANDLE),
        ("pw serenity", privacy.ACCESS),
        ("P/W: abc", privacy.ACCESS),
        ("The code is SOBER", privacy.ACCESS),
    ],
)
def test_what_is_found(text, found):
    assert found in privacy.found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "PLEASE CALL BEFORE COMING",
        "Contact us for the link.",
        "Email group for details",
        "Call 911 in an emergency",
        "Text message for access",
        "Speaker on the last Friday.",
        "Meets in Room 204.",
        "Home of the first circle",
    ],
)
def test_what_names_nobody_stays(text):
    assert privacy.found_in(text) == set()


def test_a_title_loses_the_whole_address():
    assert privacy.name_without("Tea tea-and.talk@example.org circle")[0] == "Tea circle"
