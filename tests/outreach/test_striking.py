"""What everybody reads is searched for what they must not, at a bearable price."""

from time import process_time

import pytest

from outreach import striking


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

    striking.sift(text)
    striking.name_without(text)

    # It is a twentieth of a second; the square of the length was 5 to 14 seconds.
    assert process_time() - before < 1.5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to tea-and.talk+we@mail.example-site.org please", striking.EMAIL),
        ("Write to tea (at) example (dot) org", striking.EMAIL),
        ("On www.example.test or so", striking.LINK),
        ("See..my-site.co.uk/tea", striking.LINK),
        ("(sub.my_site.org)", striking.LINK),
        ("Ring 1-800-FLOWERS today", striking.PHONE),
        ("At Alte-Haupt-Straße 12", striking.ADDRESS),
        ("Bei Kirchweg 3a", striking.ADDRESS),
        ("Contact our group secretary Zelda", striking.NAME),
        ("CONTACT ZELDA SMITH FOR INFO", striking.NAME),
        ("text zelda for the link", striking.NAME),
        ("At the home of Zelda Smith", striking.NAME),
        ("Meets at Tom & Zelda's", striking.NAME),
        ("Sponsored by Zelda", striking.NAME),
        ("Meet w/ Zelda at the door", striking.NAME),
        ("Preguntar por Luis", striking.NAME),
        ("contactar con Juan", striking.NAME),
        ("Ansprechpartnerin: Petra", striking.NAME),
        ("Séance animée par Zelda", striking.NAME),
        ("jane dot doe at mail dot com", striking.EMAIL),
        ("IG: circle_of_tea", striking.HANDLE),
        ("venmo: jane-9", striking.HANDLE),
        ("pw serenity", striking.ACCESS),
        ("P/W: abc", striking.ACCESS),
        ("The code is SOBER", striking.ACCESS),
    ],
)
def test_what_is_found(text, found):
    assert found in striking.found_in(text)


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
    assert striking.found_in(text) == set()


def test_a_title_loses_the_whole_address():
    assert striking.name_without("Tea tea-and.talk@example.org circle")[0] == "Tea circle"
