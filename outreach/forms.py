"""What a coordinator says about a file, and that a large loss is meant."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from accounts.models import Organisation, User
from groups.rules import may_oversee
from outreach.models import Feed

LARGEST = 20 * 1024 * 1024


class ImportForm(forms.Form):
    """A file to read. The name tells which feed it updates."""

    format = forms.ChoiceField(
        label="What kind of file is it?", choices=Feed.Format, widget=forms.RadioSelect
    )
    file = forms.FileField(label="The file", help_text="At most 20 MB.")
    name = forms.CharField(
        label="Name of the feed",
        max_length=80,
        required=False,
        help_text=(
            "Leave it empty if you have only one feed of this kind. "
            "A file under the same name updates what the last one brought."
        ),
    )
    overseer = forms.ModelChoiceField(
        label="Who oversees its peer-led groups?",
        queryset=User.objects.none(),
        required=False,
        empty_label="A supervisor, if there is one",
        help_text="Every peer-led group has a professional overseer. Without one it is a draft.",
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        overseer = self.fields["overseer"]
        assert isinstance(overseer, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        overseer.queryset = may_oversee(organisation.pk)

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is not None and file.size > LARGEST:
            raise forms.ValidationError(
                f"The file has {filesizeformat(file.size)}. Choose one of at most 20 MB."
            )
        return file


class ConfirmForm(forms.Form):
    """Asked only when more than half of a feed's groups would be paused."""

    is_confirmed = forms.BooleanField(
        label="Yes, pause them. The file is complete.",
        error_messages={"required": "Tick this box if the file is complete. Else drop it."},
    )
