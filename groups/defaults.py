"""Texts that a new group begins with. An organisation changes them as it likes."""

#: One rule a line, "Rule. Why it helps.", as `SupportGroup.ground_rules` holds them.
GROUND_RULES = """\
What is said here stays here. People can only be open when they trust that.
Nobody has to speak. Listening is a way of taking part.
We speak for ourselves. “I” leaves room for others to feel something else.
We listen without fixing. Advice is welcome only when somebody asks for it.
We share the time. Everybody who wants to speak gets the chance.
We use display names only. Each person decides what others know about them.
We come with a clear head. Alcohol and drugs make it harder for everybody to feel safe.
We say when something hurts. The facilitators help to put it right.
"""

#: One clause a line, "Heading. Sentences.", as `Agreement.text` holds them. A backslash goes on.
AGREEMENT = """\
What is said stays here. I do not repeat what others say, or who takes part. I may always talk \
about what I said myself.
No recordings or screenshots. I do not record, photograph or copy anything from a session.
Display names only. I use the names people chose. I do not try to find out who they are.
Nobody else can hear. I join from a place where nobody else can see or hear the group.
When staff must act. A facilitator may tell others when a life is in danger. The same holds when \
a child or an adult at risk is harmed, or a court orders it.
What facilitators do. They keep the group safe and may pause or end a conversation. They can see \
what is written in the room. They talk with their supervisor without using names.
Contact outside the group. I contact other members outside sessions only if they wish it. Such \
contact is my own responsibility.
My survey answers. Facilitators see that I answered. Coordinators see numbers about the whole \
group. Nobody in the group sees my answers.
If somebody breaks this agreement. The facilitators talk with the people concerned. They may ask \
somebody to pause or to leave.
What nobody can promise. The organisers ask every member to sign this. They cannot guarantee \
what each person does.
A reminder each time. I am reminded of this before I enter a session. This agreement has a \
version and a date. When it changes, I am asked to sign again.
"""

#: What members read while their group pauses. Staff change the words.
PAUSE = (
    "The group takes a break. You stay a member, and your place is kept. "
    "We tell you when it goes on."
)
