"""Keeps people's names, numbers and the ways into a meeting out of what everybody reads. Pure.

Works sentence by sentence: one that names somebody is left out altogether, one that a member needs
to get in (a password, a link, the door) is kept for members. It rather leaves out too much.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from outreach.plain_text import plain

NAME = "a personal name"
PHONE = "a telephone number"
EMAIL = "an e-mail address"
HANDLE = "a payment address"
LINK = "a link"
ACCESS = "a meeting ID or password"
ADDRESS = "the exact address"

# A pattern that begins with a run of characters begins where the run does: whatever a feed holds,
# the time to search it grows with its length, not with the square of it.
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]++\s?(?:@|\(at\)|\[at\])\s?[\w-]+\s?(?:\.|\(dot\)|\[dot\])\s?\w+"
    r"|(?<!\w)\w{1,40}+ at \w{1,40}+ dot (?:com|org|net|info|edu|co)\b",
    re.I,
)
_LINK = re.compile(
    r"https?:/?/?\S+|www\.\S+"
    r"|(?<![\w-])(?<![\w-]\.)[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|us|info|edu|gov|io|gg|me|app|online|link|ly|uk|ca|de"
    r"|au|nz|ie|eu|fr|es|it|nl|ch|at|se|no|dk|fi|jp|co)\b(?:/\S*)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(
    r"(?<![\w.])@[A-Za-z][\w-]+|(?<!\w)\$[A-Za-z][\w-]+"
    r"|\b(?i:IG|instagram|venmo|cash\s?app|pay\s?pal|zelle|skype(?:\s+name)?|telegram|snapchat)"
    r"\s?[:=]\s?\w"
)
_DATE = re.compile(
    r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})\b|\b(?:19|20)\d\d\s?[-–]\s?"
    r"(?:19|20)\d\d\b|\b\d{1,2}:\d{2}(?:\s?[-–]\s?\d{1,2}:\d{2})?"
)
_REGISTRY = re.compile(
    r"\(?\b(?:GSO|Group|Service|District|Grp)\s*(?:No\.?|ID)?\s*#\s*\d+\)?", re.I
)
_PHONE = re.compile(r"(?<![\w#])\+?\(?\d(?:[\s().\-–/,#*]{0,3}\d){6,}")
_LETTER_PHONE = re.compile(r"\b1?[-. ]?8\d\d[-. ][A-Z0-9]{3,30}(?:-[A-Z0-9]{1,30})?\b")

_ACCESS = re.compile(
    r"\b(?:pass\s?-?\s?(?:word|code|wd|phrase)s?|passwort|kennwort|pwd|psw|contraseña|clave"
    r"|mot de passe|wachtwoord|access\s+code|host\s+key|meeting\s*(?:id|number|code|no\.?)"
    r"|(?:webinar|conference|participant|zoom|room|skype|teams)\s*(?:id|code|number|#)|dial[- ]?in"
    r"|(?:door|gate|entry|key|lock|building)\s*code|buzz(?:er)?\s*(?:code|#|\d)"
    r"|one[- ]tap|enter\s+code)\b"
    r"|\b(?:PW|pw|PC|pc|PWD|ID|Id|PIN|Pin|pin|Code|code|código|PASS|Pass)\s*(?:is\b|[:#=\-–.])?\s*"
    r"[\"'“‘]?\w*\d"
    r"|\b(?:PW|pw|PWD|Pw|ID|Id|PIN|PASS|Pass|Code)\s*(?:[:=\-–]|is\b)\s*\S"
    r"|\b(?:[Zz]oom|ZOOM|[Ww]ebex|[Ss]kype|[Jj]itsi)\b[^\n]{0,30}\d{3}"
    r"|\b[Pp]\.?/?[Ww]\b|\b[Cc]ode\s+is\b"
    r"|\bID\s*#|\b\d{3}[- ]?\d{3,4}[- ]?\d{3,4}\s*#",
)
_ACCESS_ANY_CASE = re.compile(_ACCESS.pattern.partition("|\\b(?:PW|pw|PC")[0], re.IGNORECASE)

_STREET = re.compile(
    r"\b\d{1,6}[a-zA-Z]?(?:\s?[-–/]\s?\d{1,5})?\s+(?:[NSEW]{1,2}\.?\s+)?(?:[\w'’.\-]+\s+){0,4}?"
    r"(?:street|str|st|avenue|ave?|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|circle|cir"
    r"|place|pl|square|sq|highway|hwy|route|rte|parkway|pkwy|terrace|ter|way|pike|trail|trl|crescent"
    r"|cres|close|gardens|row|mews|plaza|expressway|freeway|turnpike|loop|alley)\b\.?",
    re.IGNORECASE,
)
_STREET_ABROAD = re.compile(
    r"\b(?:calle|avenida|av\.|paseo|rue|avenue|place|via|piazza|rua|ul\.|plaza)\s+[\w'’. \-]{2,40}?"
    r"[ ,]+\d{1,4}\b|(?:straße|strasse|str\.|gasse|weg|platz|allee|straat|laan|vägen|gatan"
    r"|gata|vegen|veien|gade|vej)\s+\d{1,4}\s?[a-z]?\b",
    re.IGNORECASE,
)

#: What may stand before one capital letter with a full stop without being somebody's name.
_NO_NAMES = (
    "Room|Rm|Building|Bldg|Suite|Ste|Hall|Unit|Door|Level|Floor|Wing|Entrance|Apt|Apartment|Block"
    "|Lot|Group|Section|Step|Area|Gate|Vitamin|Plan|Type|Hepatitis|Appendix|Studio|Classroom|Class"
    "|Grade|Stage|Zone|Bay|Row|Stairwell|Stairway|Elevator|Lift|Track|Option|Part|Book|Page|The|And"
    "|Is|In|At|On|Have|Had|Am|Was|If|But|When|As|So|That|This|Annex|Chapter|Cottage|Portable|Trailer"
)
_INITIAL = re.compile(
    rf"\b(?!(?:{_NO_NAMES})\b)[A-ZÀ-Þ][a-zà-ÿ'’\-]+\s+[A-ZÀ-Þ]\.(?![A-Za-z]\b|[A-Za-z]\.)"
    rf"|\b(?!(?:{_NO_NAMES})\b)[A-ZÀ-Þ][a-zà-ÿ]+\s+[A-Z]\s*(?:\(|[-–,:@]?\s*\d|[-–:]\s|$)"
    r"|\b(?i:speaker)s?\s*[:\-–]\s*(?!(?:Meeting|Tape|Big|Step|Discussion|The|Open)\b)"
    r"[A-Z][a-z]+"
)
_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Rev|Fr|Pastor|Deacon|Rabbi|Señora?|Sr|Sra)\.?\s+[A-Z]\w+"
)
_NOT_PEOPLE = (
    "The|This|That|Our|Your|Their|His|Her|Us|We|You|It|In|At|On|If|For|From|By|And|Or|As|To|Of|With"
    "|All|Any|Each|No|Not|Please|Thank|Thanks|Church|Office|Central|Intergroup|District|Area|Group"
    "|Website|Web|Page|Zoom|Skype|Google|Facebook|WhatsApp|Discord|Teams|Webex|Meeting|Meetings|Online"
    "|Hybrid|Hotline|Helpline|Hospital|Center|Centre|Building|Room|Hall|House|Front|Back|Side|Main"
    "|Security|Reception|Secretary|Chair|Host|Sunday|Monday|Tuesday|Wednesday|Thursday|Friday"
    "|Saturday|January|February|March|April|May|June|July|August|September|October|November"
    "|December|AA|NA|GA|OA|CA|EDA|ACA|SLAA|Al-Anon|Alateen|GSO|GSR|DCM|ID|PW|PM|AM|Step|Steps|Big"
    "|Book|Bill|Traditions|Tradition|Speaker|Newcomers|Newcomer|Beginners|Beginner|Members|Member"
    "|Volunteers|Staff|Parking|First|Second|Third|Last|More|Info|Information|Details|Below|Above|Link"
    "|Phone|Email|E-mail|Text|Call|North|South|East|West|Is|Are|Will|May|Can|Daily|Open|Closed|Men"
    "|Women|Spanish|English|St|Saint|Yoga|Time|Note|Notes|New|YMCA|Park|Recovery|Serenity|TBD|TBA"
)
_PERSON = rf"(?!(?:{_NOT_PEOPLE})\b)[A-ZÀ-Þ][a-zà-ÿ'’\-]+"
_ASKED = re.compile(
    r"\b(?i:contacts?|call(?:ing)?|text(?:ing)?|phone|ring|ask(?:ing)?\s+for|ask|see|e-?mail|reach"
    r"|(?:led|lead|run|hosted|chaired|facilitated|moderated|taught|organi[sz]ed|sponsored)\s+by"
    r"|(?:meet|speak|talk|check\s+in)\s+w/"
    r"|message|speak\s+(?:to|with)|talk\s+(?:to|with)|get\s+in\s+touch\s+with|in\s+touch\s+with"
    r"|rsvp(?:\s+to)?|questions?\??|phone\s+number|cell(?:\s+phone)?|mobile|tel(?:ephone)?"
    r"|secretary|chair(?:person|man|woman)?|host(?:ess)?|leader|sponsor|treasurer|moderator"
    r"|facilitators?|gsr|dcm|greeter|instructor|teacher|therapist|counsell?or|contacto|contactar(?:\s+(?:a|con))?"
    r"|preguntar\s+por|ansprechpartner(?:in)?|leitung|anim[ée]e?\s+par"
    r"|llamar?(?:\s+a)?|kontakt|appeler|contacter)"
    r"(?:\s+(?i:is|are|person|our|the|with|at|to|a|info|name|group|meeting|secretary|chair|host|leader"
    r"|coordinator|a\s+member)){0,9}"
    rf"\s*[:;,\-–(]?\s*{_PERSON}",
)
_HOME = re.compile(
    r"\b[A-ZÀ-Þ][a-zà-ÿ]+(?:\s+[A-Z]\.?)?(?:['’]s|s['’])\s+(?i:house|home|place|apartment|apt|flat"
    r"|residence|cell|phone|number|condo|garage|barn|room)\b"
)
_HOME_OF = re.compile(rf"\b(?i:home|house|residence|apartment)\s+of\s+{_PERSON}")
_PAIR = re.compile(rf"\b{_PERSON}\s+(?:&|and)\s+{_PERSON}(?:['’]s|s['’])(?!\w)")
#: In capitals, or all in small letters: "CONTACT ANNA", "text peter for the link".
_NOBODY = (
    "us|them|him|her|me|you|it|and|or|the|a|an|our|your|their|this|that|any|anyone|someone|somebody"
    "|before|ahead|first|early|in|if|when|for|at|to|is|are|will|info|information|number|numbers|person"
    "|people|list|details|email|mail|phone|message|messages|text|texts|group|office|host|hosts"
    "|secretary|chair|church|intergroup|central|hotline|helpline|zoom|aa|na|al|afg|gso|line|only|not"
    "|no|please|members?|waiting|meeting|website|web|now|here|by|on|with|from|of|times?|back|address"
)
_LOUD = re.compile(
    rf"\b(?:CONTACT|CALL|TEXT|E-?MAIL|ASK FOR)\s+(?!(?i:{_NOBODY})\b)[A-ZÀ-Þ]{{3,}}\b"
    rf"|\b(?i:contact|text|e-?mail)\s+(?!(?i:{_NOBODY})\b)"
    r"(?:[A-ZÀ-Þ]{3,}\b|[a-zà-ÿ]{3,20}\s+(?:for|at|to\s+(?:get|join|ask|rsvp|receive))\b)"
)
_ALSO_PERSON = re.compile(
    rf"\b{_PERSON}(?:\s+[A-Z]\w*\.?)?\s*(?:[-–:(,]|at|@|on)\s*\(?\+?\d[\d\s().\-]{{6,}}"
)

_PEOPLE = (_INITIAL, _TITLE, _ASKED, _HOME, _HOME_OF, _PAIR, _LOUD, _ALSO_PERSON)

_ENDS = re.compile(
    r"(?<=[.!?;])\s+(?=[\"“(]?[A-ZÀ-Þ0-9])|\n+|\s{3,}|\s+(?:--+|\||•|·|\*{2,})\s+|\s/\s"
)
_NO_END = re.compile(
    r"\b(?:St|Mt|Ft|Dr|Mr|Mrs|Ms|Rev|Fr|Ave|Blvd|Rd|Bldg|Rm|No|Ste|Apt|Jr|Sr|vs|approx|Sgt|Lt|Ph|Tel"
    r"|Ext|Pl|Ct|Ln|Hwy|[A-Z])\.$"
)


@dataclass
class Sifted:
    """`public` for everybody, `members` to get in, `found` what kept the rest back."""

    public: str = ""
    members: str = ""
    found: set[str] = field(default_factory=set)


def found_in(text: str, *, names: Collection[str] = (), address: str = "") -> set[str]:
    """What a text holds that not everybody may read."""
    found = set()
    if _EMAIL.search(text):
        found.add(EMAIL)
    elif _LINK.search(text):
        found.add(LINK)
    if not found & {EMAIL, LINK} and _HANDLE.search(text):
        found.add(HANDLE)
    if _ACCESS.search(text) or _ACCESS_ANY_CASE.search(text):
        found.add(ACCESS)
    bare = _REGISTRY.sub(" ", _DATE.sub(" ", _LINK.sub(" ", text)))
    if _PHONE.search(bare) or _LETTER_PHONE.search(bare):
        found.add(PHONE)
    if any(pattern.search(text) for pattern in _PEOPLE):
        found.add(NAME)
    lowered = text.casefold()
    if any(re.search(rf"\b{re.escape(name)}\b", lowered) for name in names):
        found.add(NAME)
    if (
        _STREET.search(text)
        or _STREET_ABROAD.search(text)
        or (len(address) > 5 and address.casefold() in lowered)
    ):
        found.add(ADDRESS)
    return found


def sentences(text: str) -> list[str]:
    """Parts that can be left out one by one."""
    parts: list[str] = []
    for piece in filter(None, (found.strip() for found in _ENDS.split(text))):
        if parts and _NO_END.search(parts[-1][-12:]):
            parts[-1] = f"{parts[-1]} {piece}"
        else:
            parts.append(piece)
    return parts


def sift(
    text: str, *, names: Collection[str] = (), address: str = "", for_members: bool = False
) -> Sifted:
    """Part a text into what everybody, only members, or nobody reads.

    With `for_members` nothing is public: the whole text is about getting in.
    """
    public: list[str] = []
    members: list[str] = []
    found: set[str] = set()
    for paragraph in text.split("\n"):
        kept = []
        for sentence in sentences(paragraph):
            here = found_in(sentence, names=names, address=address)
            if for_members:
                # Numbers and links are what this text is for.
                here &= {NAME, EMAIL, HANDLE}
            found |= here
            if here & {NAME, EMAIL, HANDLE} or here == {PHONE}:
                continue
            if here or for_members:
                members.append(sentence)
            else:
                kept.append(sentence)
        if kept:
            public.append(" ".join(kept))
    return Sifted("\n".join(public), "\n".join(members), found)


_PARTS = (
    _EMAIL,
    _LINK,
    _ASKED,
    _INITIAL,
    _HOME,
    _HOME_OF,
    _PAIR,
    _LOUD,
    _TITLE,
    _HANDLE,
    _PHONE,
    _LETTER_PHONE,
)
_CODE = re.compile(
    r"[(\[]?\b(?:zoom|meeting|webinar)?\s*(?:ID|Id|id|PW|pw|pwd|pass\s?code|password|Password|Passcode"
    r"|PIN|code|Code)\s*[:#=\-–]?\s*(?:is\s+)?[\w*#]*\d[\w*# \-]*[)\]]?"
    r"|\b(?i:pass\s?word|pass\s?code|pw)\s*[:=]\s*\S+"
)


def name_without(text: str, *, names: Collection[str] = ()) -> tuple[str, set[str]]:
    """A title without what must not be public; a title is one sentence, so only parts go."""
    found = found_in(text, names=names) - {ADDRESS}
    if not found:
        return text, found
    text = _CODE.sub(" ", text)
    for pattern in _PARTS:
        text = pattern.sub(" ", text)
    for name in names:
        text = re.sub(rf"\b{re.escape(name)}\b", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"[(\[]\s*[)\]]", " ", text)
    text = plain(text).strip(" -–,:;/|@#")
    return text, found


def is_street(text: str) -> bool:
    """Whether a name of a place is really its address."""
    return bool(_STREET.search(text) or _STREET_ABROAD.search(text))


def left_out(where: str, found: Collection[str]) -> str:
    """The sentence that tells staff what was kept back, without repeating it."""
    return f"{where}: {', '.join(sorted(found))} found and not published."
