"""The form renderer: labels, hints and errors belong to their controls."""

from django import forms

from supportgroups.lib.forms import AnswerChoices


class Sample(forms.Form):
    name = forms.CharField(help_text="It need not be your real name.")
    note = forms.CharField(widget=forms.Textarea, required=False)
    country = forms.ChoiceField(choices=[("GB", "United Kingdom")])
    times = forms.MultipleChoiceField(
        choices=[("am", "Mornings")], widget=forms.CheckboxSelectMultiple
    )
    answer = forms.ChoiceField(
        choices=[("1", "Well"), ("skip", "I would rather not say")],
        widget=AnswerChoices(apart=frozenset({"skip"}), hints={"1": "Most days"}),
    )
    agree = forms.BooleanField()
    secret = forms.CharField(widget=forms.HiddenInput, required=False)
    file = forms.FileField(required=False)


def test_field_names_its_hint_and_its_error() -> None:
    drawn = Sample({"name": ""})["name"].as_field_group()
    assert 'aria-describedby="id_name_helptext id_name_error"' in drawn
    assert 'id="id_name_helptext"' in drawn
    assert 'id="id_name_error"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'class="input"' in drawn
    assert '<label for="id_name">' in drawn


def test_optional_field_says_so() -> None:
    assert "(optional)" in Sample()["note"].as_field_group()
    assert "(optional)" not in Sample()["name"].as_field_group()


def test_input_keeps_what_was_written() -> None:
    drawn = Sample({"name": '"><b>', "note": "<i>"}).render()
    assert 'value="&quot;&gt;&lt;b&gt;"' in drawn
    assert "&lt;i&gt;" in drawn


def test_choices_stand_apart_after_an_or() -> None:
    drawn = Sample({"answer": "1"})["answer"].as_field_group()
    assert drawn.index("Well") < drawn.index(">or<") < drawn.index("I would rather not say")
    assert drawn.count("checked") == 1
    assert "Most days" in drawn
    assert "<fieldset" in drawn


def test_check_boxes() -> None:
    assert 'type="checkbox"' in Sample()["times"].as_field_group()
    alone = Sample({})["agree"].as_field_group()
    assert alone.index("Tick the box") < alone.index("<input")
    assert 'for="id_agree"' in alone


def test_whole_form_draws_every_kind() -> None:
    drawn = Sample().render()
    assert 'type="hidden"' in drawn
    assert 'type="file"' in drawn
    assert "<select" in drawn
    assert "<textarea" in drawn
