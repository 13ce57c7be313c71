"""Codes of Meeting Guide's types, and what each of them says in our terms. Pure."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`says`: how (what a session is like), topic, feature, language, or state; `value` in ours."""

    says: str
    words: str
    value: str = ""


def _languages() -> dict[str, Kind]:
    known = {
        "AM": ("Amharic", "am"), "DA": ("Danish", "da"), "DE": ("German", "de"),
        "EL": ("Greek", "el"), "EN": ("English", "en"), "FA": ("Persian", "fa"),
        "FR": ("French", "fr"), "HE": ("Hebrew", "he"), "HI": ("Hindi", "hi"),
        "HR": ("Croatian", "hr"), "HU": ("Hungarian", "hu"), "ITA": ("Italian", "it"),
        "JA": ("Japanese", "ja"), "KOR": ("Korean", "ko"), "LT": ("Lithuanian", "lt"),
        "ML": ("Malayalam", "ml"), "NO": ("Norwegian", "no"), "POL": ("Polish", "pl"),
        "POR": ("Portuguese", "pt"), "PUN": ("Punjabi", "pa"), "RUS": ("Russian", "ru"),
        "S": ("Spanish", "es"), "SK": ("Slovak", "sk"), "SV": ("Swedish", "sv"),
        "TH": ("Thai", "th"), "TL": ("Tagalog", "tl"), "UK": ("Ukrainian", "uk"),
        "NL": ("Dutch", "nl"), "AR": ("Arabic", "ar"), "TUR": ("Turkish", "tr"),
    }  # fmt: skip
    return {code: Kind("language", words, value) for code, (words, value) in known.items()}


TYPES: dict[str, Kind] = {
    "D": Kind("how", "Discussion"),
    "SP": Kind("how", "Speaker"),
    "ST": Kind("how", "Step study"),
    "TR": Kind("how", "Tradition study"),
    "B": Kind("how", "Big Book"),
    "LIT": Kind("how", "Literature"),
    "12x12": Kind("how", "12 Steps and 12 Traditions"),
    "11": Kind("how", "11th Step meditation"),
    "MED": Kind("how", "Meditation"),
    "ABSI": Kind("how", "As Bill Sees It"),
    "DR": Kind("how", "Daily Reflections"),
    "GR": Kind("how", "Grapevine"),
    "LS": Kind("how", "Living Sober"),
    "BE": Kind("how", "Newcomers"),
    "H": Kind("how", "Birthday"),
    "BRK": Kind("how", "Breakfast"),
    "CAN": Kind("how", "Candlelight"),
    "OUT": Kind("how", "Outdoors"),
    "XT": Kind("how", "Cross talk permitted"),
    "FF": Kind("how", "Fragrance free"),
    "A": Kind("how", "Secular"),
    "AL": Kind("how", "At the same time as Alateen"),
    "AL-AN": Kind("how", "At the same time as Al-Anon"),
    "POA": Kind("how", "Proof of attendance"),
    "W": Kind("topic", "Women", "identity"),
    "M": Kind("topic", "Men", "identity"),
    "LGBTQ": Kind("topic", "LGBTQ+", "identity"),
    "G": Kind("topic", "Gay men", "identity"),
    "L": Kind("topic", "Lesbians", "identity"),
    "BI": Kind("topic", "Bisexual people", "identity"),
    "T": Kind("topic", "Transgender people", "identity"),
    "NB": Kind("topic", "Non-binary people", "identity"),
    "Y": Kind("topic", "Young people", "identity"),
    "SEN": Kind("topic", "Older people", "identity"),
    "POC": Kind("topic", "People of colour", "identity"),
    "N": Kind("topic", "Native American people", "identity"),
    "NDG": Kind("topic", "Indigenous people", "identity"),
    "P": Kind("topic", "Professionals", "identity"),
    "DD": Kind("topic", "Dual diagnosis", "condition"),
    "X": Kind("feature", "Wheelchair access", "step_free"),
    "XB": Kind("feature", "Wheelchair-accessible bathroom", "accessible_toilet"),
    "ASL": Kind("feature", "American Sign Language", "sign_language"),
    "BSL": Kind("feature", "British Sign Language", "sign_language"),
    "QSL": Kind("feature", "Quebec Sign Language", "sign_language"),
    "RSL": Kind("feature", "Russian Sign Language", "sign_language"),
    "D-HOH": Kind("feature", "Deaf or hard of hearing", "sign_language"),
    "BA": Kind("feature", "Babysitting available", "childcare"),
    "CF": Kind("feature", "Child-friendly", "childcare"),
    "O": Kind("state", "Open"),
    "C": Kind("state", "Closed"),
    "TC": Kind("state", "Location temporarily closed"),
    "ONL": Kind("state", "Online"),
    **_languages(),
}

_BY_CODE = {code.upper(): code for code in TYPES}
_BY_WORDS = {re.sub(r"\W+", " ", kind.words.lower()).strip(): code for code, kind in TYPES.items()}
_BY_WORDS |= {
    "online meeting": "ONL", "virtual": "ONL", "zoom": "ONL",
    "step meeting": "ST", "step": "ST", "steps": "ST", "big book study": "B",
    "newcomer": "BE", "beginner": "BE", "beginners": "BE", "speaker meeting": "SP",
    "outdoor": "OUT", "outdoor meeting": "OUT", "sign language": "ASL", "seniors": "SEN",
    "lgbtq": "LGBTQ", "lgbtqiaa": "LGBTQ", "gay": "G", "lesbian": "L", "bisexual": "BI",
    "transgender": "T", "non binary": "NB", "people of color": "POC", "native american": "N",
    "indigenous": "NDG", "wheelchair accessible": "X", "handicapped accessible": "X",
    "12 steps 12 traditions": "12x12", "twelve steps twelve traditions": "12x12",
    "closed meeting": "C", "open meeting": "O", "child care available": "BA",
    "temporarily closed": "TC", "location temporarily closed": "TC", "woman": "W", "man": "M",
}  # fmt: skip


def code_of(given: str) -> str:
    """The code that a feed means: codes in any case, or their names. Empty when not known."""
    if code := _BY_CODE.get(given.strip().upper()):
        return code
    return _BY_WORDS.get(re.sub(r"\W+", " ", given.lower()).strip(), "")
