"""The buttons of the floor: which one, in which state of the room, about whose turn."""

from django import forms

#: What a facilitator may do, and what everybody may do with their own turn: verbs of
#: `floor_actions`.
LEADS = (
    "begin_round",
    "open_floor",
    "close_floor",
    "invite",
    "finish",
    "skip",
    "move_up",
    "bring_back",
)
OWN = ("raise_hand", "lower_hand", "pass_on", "finish_own")


class LeadForm(forms.Form):
    """A facilitator's button. `turn` is there for those that are about one."""

    version = forms.IntegerField(min_value=0)
    do = forms.ChoiceField(choices=[(verb, verb) for verb in LEADS])
    turn = forms.UUIDField(required=False)
    without_facilitators = forms.BooleanField(required=False)

    def arguments(self) -> dict[str, object]:
        """What the verb is told, after `is_valid()`."""
        given = self.cleaned_data
        told: dict[str, object] = {"version": given["version"]}
        if given["do"] == "begin_round":
            told["with_facilitators"] = not given["without_facilitators"]
        elif given["do"] not in ("open_floor", "close_floor"):
            told["turn"] = given["turn"]
        return told


class OwnForm(forms.Form):
    """A button about one's own turn."""

    do = forms.ChoiceField(choices=[(verb, verb) for verb in OWN])


class PartForm(forms.Form):
    """A part of the plan to go to."""

    version = forms.IntegerField(min_value=0)
    position = forms.IntegerField(min_value=0)


class DoorForm(forms.Form):
    """The door's two buttons."""

    version = forms.IntegerField(min_value=0)
    do = forms.ChoiceField(choices=[("close", "close"), ("open", "open")])
