import copy

import pytest

from instruments import catalogue
from instruments.schema import Direction, InvalidDefinition, MissingRule, parse

PHQ_9 = next(content for known, content in catalogue.all_contents() if known.code == "phq-9")


def changed(path, value):
    """The PHQ-9's content with one place set to `value`, or left out where it is `...`."""
    content = copy.deepcopy(PHQ_9)
    *way, last = path
    place = content
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return content


def test_parse_reads_everything():
    definition = parse(PHQ_9)
    assert definition.direction is Direction.HIGHER_IS_WORSE
    assert definition.higher_is_worse
    assert definition.scoring.missing_rule is MissingRule.PRORATE
    assert (definition.scoring.minimum, definition.scoring.maximum) == (0, 27)
    assert definition.item("q9").label_of(3) == "Nearly every day"
    assert definition.item("difficulty").label_of(3) == "Extremely difficult"
    assert [item.scored for item in definition.all_items] == [True] * 9 + [False]
    assert definition.loinc.panel == "44249-1"


def test_parse_leaves_room_for_measures_without_bands_codes_or_reliability():
    content = copy.deepcopy(PHQ_9)
    for key in ("bands", "cutoffs", "loinc", "reliability", "extra_items"):
        del content[key]
    definition = parse(content)
    assert definition.band_of(20) is None
    assert definition.reliability is None
    assert definition.loinc is None


def test_item_and_label_of_know_no_others():
    with pytest.raises(KeyError):
        parse(PHQ_9).item("q10")
    with pytest.raises(KeyError):
        parse(PHQ_9).item("q1").label_of(4)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["code"], "PHQ 9", "code must look like"),
        (["version"], 1, "version must be text"),
        (["version"], "0.1-research", "version must look like"),
        (["title"], ..., "title is missing"),
        (["title"], "  ", "title must be text"),
        (["title"], "PHQ-9 ", "white space"),
        (["direction"], "up", "direction must be one of"),
        (["licence"], "free", "licence: must be a mapping"),
        (["licence", "notice"], None, "notice is missing"),
        (["items"], [], "at least one item"),
        (["items"], "q1", "items must be a list"),
        (["items", 2, "text"], ..., r"items\[2\]: text is missing"),
        (["items", 2, "id"], "q1", "repeats the item id 'q1'"),
        (["items", 2, "wording"], "x", r"items\[2\]: does not know wording"),
        (["items", 0, "options"], [{"value": 0, "label": "No"}], "at least two options"),
        (["items", 0, "options"], [{"value": 0, "label": "No"}] * 2, "repeats the option value"),
        (["options", 0, "value"], True, "value must be a whole number"),
        (["options", 3, "value"], 4, r"range is \[0, 27\]"),
        (["extra_items", 0, "show_if"], "sometimes", "show_if must be one of"),
        (["scoring", "method"], "median", "method must be one of sum"),
        (["scoring", "range"], [0, 21], r"allow \[0, 27\]"),
        (["scoring", "missing", "max_missing"], 9, "max_missing must be between 1 and 8"),
        (["scoring", "missing", "confirmed"], "no", "confirmed must be true or false"),
        (["bands", 1, "from"], 6, "must begin at 5"),
        (["bands", 4, "to"], 26, "bands must end at 27"),
        (["cutoffs", 0, "at_least"], 28, "at_least must be between 0 and 27"),
        (["reliability", "sd"], 0, "sd must be above 0"),
        (["reliability", "sd"], "5.5", "sd must be a number"),
        (["reliability", "coefficient"], 1.2, "coefficient must be between"),
        (["reliability", "recovery_cutoff"], 30, "range of the total"),
        (["reliability", "recovery_cutoff_source"], ..., "recovery_cutoff_source is missing"),
        (["risk_rules"], ..., "risk_rules is missing"),
        (["risk_rules", 0, "item"], "q10", "unknown item 'q10'"),
        (["risk_rules", 0, "at_least"], 4, "no possible answer"),
        (["risk_rules", 0, "at_least"], ..., "exactly one of"),
        (["risk_rules", 0, "declined"], True, "exactly one of"),
        (["risk_rules", 1, "item"], "q1", "names no item"),
        (["risk_rules", 2, "declined"], False, "can only be true"),
        (["risk_rules", 1, "id"], "thoughts-of-self-harm", "repeats the risk rule id"),
        (["risk_rules", 0, "level"], "panic", "level must be one of"),
        (["bandz"], [], "does not know bandz"),
    ],
)
def test_parse_refuses_and_names_the_place(path, value, message):
    with pytest.raises(InvalidDefinition, match=message) as refusal:
        parse(changed(path, value), origin="phq-9.yaml")
    assert str(refusal.value).startswith("phq-9.yaml: ")


def test_parse_refuses_to_prorate_items_of_unequal_span():
    options = [{"value": 0, "label": "No"}, {"value": 5, "label": "Yes"}]
    content = changed(["items", 0, "options"], options)
    content["scoring"]["range"] = [0, 29]
    with pytest.raises(InvalidDefinition, match="same limits"):
        parse(content)


def test_parse_refuses_what_is_no_mapping():
    with pytest.raises(InvalidDefinition, match="must be a mapping"):
        parse(["phq-9"])
