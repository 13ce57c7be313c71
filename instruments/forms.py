"""What a coordinator says about questionnaires: terms, licences, words, imports."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from instruments.blanks import Blank, Words
from instruments.fhir import NotScorable, Question, definition_from, questions_from
from instruments.models import Licence
from instruments.schema import Definition

LARGEST_KB = 500


class TermsForm(forms.Form):
    """That somebody may accept terms for the organisation."""

    terms = forms.CharField(widget=forms.HiddenInput)
    is_authorised = forms.BooleanField(
        label="I may accept these terms for the organisation, and I do",
        error_messages={"required": "Tick this box if you may accept the terms."},
    )


class LicenceForm(forms.ModelForm):
    """What allows the organisation to use somebody's questionnaire."""

    class Meta:
        model = Licence
        fields = ("owner", "granted_on", "valid_until", "scope", "evidence")
        labels = {
            "owner": "Who gave you the licence",
            "granted_on": "Valid from",
            "valid_until": "Valid until",
            "scope": "What it allows",
            "evidence": "Where the proof is",
        }
        help_texts = {
            "owner": "The owner of the questionnaire, or whoever may act for them.",
            "valid_until": "The last day. Leave it empty if the licence has no end.",
            "scope": "For example “Asking members of our groups online, up to 500 a year”.",
            "evidence": (
                "A reference such as “Letter of 3 May 2026, contracts folder, no. 12”, "
                "or the words of the licence."
            ),
        }
        widgets = {
            "granted_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "valid_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "scope": forms.Textarea(attrs={"rows": 3}),
            "evidence": forms.Textarea(attrs={"rows": 3}),
        }
        error_messages = {
            "owner": {
                "required": "Write who gave you the licence.",
                "max_length": "Use up to 200 characters.",
            },
            "granted_on": {
                "required": "Choose the first day.",
                "invalid": "Choose a day such as 31/12/2027.",
            },
            "valid_until": {"invalid": "Choose a day such as 31/12/2027."},
            "scope": {"required": "Write what the licence allows."},
            "evidence": {"required": "Write where the proof can be found."},
        }

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        begins, ends = given.get("granted_on"), given.get("valid_until")
        if begins and ends and ends < begins:
            self.add_error("valid_until", "Choose a day that is not before the first one.")
        return given


class WordsForm(forms.Form):
    """The wording of each question and answer of a blank, exactly as in the licensed form."""

    notice = forms.CharField(
        label="Notice to show",
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Shown wherever people answer, as your licence asks for.",
        error_messages={"required": "Write the notice, for example who owns the questionnaire."},
    )
    stem = forms.CharField(
        label="Words before the questions",
        max_length=1500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, blank: Blank, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blank = blank
        self._texts = [
            self._add(f"text_{number}", f"Question {number}", f"Write question {number}.", 500)
            for number in range(1, len(blank.definition.items) + 1)
        ]
        self._labels = [
            [
                self._add(
                    f"label_{n}_{value}",
                    f"Answer with the value {value}",
                    f"Write the answer with the value {value}.",
                    200,
                )
                for value in set_
            ]
            for n, set_ in enumerate((each.values for each in blank.answer_sets), start=1)
        ]

    def _add(self, name: str, label: str, required: str, limit: int) -> str:
        self.fields[name] = forms.CharField(
            label=label,
            max_length=limit,
            error_messages={"required": required},
        )
        return name

    @property
    def questions(self) -> list[forms.BoundField]:
        return [self[name] for name in self._texts]

    @property
    def answers(self) -> list[tuple[str, list[forms.BoundField]]]:
        """For which questions, and a field for each answer."""
        found = []
        for answer_set, names in zip(self.blank.answer_sets, self._labels, strict=True):
            numbers = [item_id.removeprefix("q") for item_id in answer_set.items]
            whole = len(numbers) == len(self.blank.definition.items)
            whose = "all questions" if whole else f"question {', '.join(numbers)}"
            found.append((whose, [self[name] for name in names]))
        return found

    @property
    def words(self) -> Words:
        """What was entered; of a valid form."""
        return Words(
            texts=[self.cleaned_data[name] for name in self._texts],
            labels=[[self.cleaned_data[name] for name in names] for names in self._labels],
            stem=self.cleaned_data["stem"],
        )


def initial_words(blank: Blank, definition: Definition) -> dict[str, str]:
    """What a `WordsForm` shows of words that are there already."""
    found = {"stem": definition.stem, "notice": definition.licence.notice}
    for number, item in enumerate(definition.items, start=1):
        found[f"text_{number}"] = item.text
    for number, answer_set in enumerate(blank.answer_sets, start=1):
        item = definition.item(answer_set.items[0])
        for value in answer_set.values:
            found[f"label_{number}_{value}"] = item.label_of(value)
    return found


class FhirForm(forms.Form):
    """A FHIR Questionnaire, pasted or as a file. What is wrong with it stands in `reasons`."""

    file = forms.FileField(
        label="File", required=False, help_text=f"JSON, at most {LARGEST_KB} KB."
    )
    text = forms.CharField(
        label="Or paste it here",
        required=False,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )

    reasons: tuple[str, ...] = ()
    resource: Any
    definition: Definition

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return given
        file = given.get("file")
        text = self._read(file) if file else str(given.get("text", ""))
        if not text:
            raise forms.ValidationError("Choose a file, or paste the Questionnaire.")
        if len(text) > LARGEST_KB * 1024:
            raise forms.ValidationError(f"It is too large. At most {LARGEST_KB} KB can be read.")
        try:
            self.resource = json.loads(text)
            # Half of a character can be written in JSON, and nowhere else.
            json.dumps(self.resource, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(
                "This is no JSON. Export the Questionnaire again."
            ) from error
        given["text"] = text
        self._understand()
        return given

    def _read(self, file: UploadedFile) -> str:
        if file.size is None or file.size > LARGEST_KB * 1024:
            raise forms.ValidationError(f"It is too large. At most {LARGEST_KB} KB can be read.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError("This is no text file. Choose the JSON file.") from error

    def _understand(self) -> None:
        try:
            self.definition = definition_from(self.resource)
        except NotScorable as no:
            self.refuse(no)

    def refuse(self, no: NotScorable) -> None:
        """Keep every reason for the report."""
        self.reasons = no.reasons
        raise forms.ValidationError("It cannot be taken as it is. The reasons stand below.") from no


class FhirWordsForm(FhirForm):
    """Only the words of a FHIR Questionnaire, for a blank that fixes how they are scored."""

    def __init__(self, *args: Any, blank: Blank, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blank = blank

    def _understand(self) -> None:
        try:
            stem, questions = questions_from(self.resource)
            problems = [*self._mismatches(questions)]
            if problems:
                raise NotScorable(*problems)
        except NotScorable as no:
            self.refuse(no)
        self.found: dict[str, str] = {"stem": stem}
        for number, question in enumerate(questions, start=1):
            self.found[f"text_{number}"] = question.text
        for number, answer_set in enumerate(self.blank.answer_sets, start=1):
            first = questions[int(answer_set.items[0].removeprefix("q")) - 1]
            for option in first.options:
                self.found[f"label_{number}_{option.value}"] = option.label
        notice = self.resource.get("copyright")
        if isinstance(notice, str) and notice.strip():
            self.found["notice"] = notice.strip()

    def _mismatches(self, questions: Sequence[Question]) -> Iterator[str]:
        items = self.blank.definition.items
        if len(questions) != len(items):
            yield f"It has {len(questions)} questions. {self.blank.title} has {len(items)}."
            return
        for number, (question, item) in enumerate(zip(questions, items, strict=True), start=1):
            if {option.value for option in question.options} != item.values:
                counts = ", ".join(str(value) for value in sorted(item.values))
                yield f"The answers to question {number} must count {counts}."
        for answer_set in self.blank.answer_sets:
            numbers = [int(item_id.removeprefix("q")) for item_id in answer_set.items]
            labels = [
                {option.value: option.label for option in questions[number - 1].options}
                for number in numbers
            ]
            for number, own in zip(numbers, labels, strict=True):
                if own != labels[0]:
                    yield f"Question {number} words its answers unlike question {numbers[0]}."
