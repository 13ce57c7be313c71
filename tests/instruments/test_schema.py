import copy

import pytest
import yaml

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
        (["title"], "x" * 121, "not be longer than 120"),
        (["measures"], "x" * 81, "not be longer than 80"),
        (["stem"], "x" * 5001, "not be longer than 5000"),
        (["stem"], "a\0b", "null character"),
        (["language"], "English", "language must look like"),
        (["items"], [{"id": f"q{n}", "text": "x"} for n in range(201)], "more than 200 items"),
        (["options", 0, "value"], 1001, "value must be between"),
        (["items", 0, "options"], [{"value": n, "label": "x"} for n in range(51)], "50 options"),
        (["bands", 0, "label"], "x" * 41, "not be longer than 40"),
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


def _other(code, change):
    content = yaml.safe_load((catalogue.DIRECTORY / f"{code}.yaml").read_text())
    change(content)
    return content


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["items"][0].update(text="I have felt tense"),
        lambda content: content["items"].reverse(),
        lambda content: content["options"][1].update(label="Rarely"),
        lambda content: content.update(stem="How have you been?"),
    ],
    ids=["reworded", "reordered", "relabelled", "another stem"],
)
def test_parse_refuses_to_change_what_its_licence_protects(change):
    with pytest.raises(InvalidDefinition, match="reword, shorten or reorder"):
        parse(_other("core-10", change))


@pytest.mark.parametrize(
    ("code", "change", "message"),
    [
        ("audit-c", lambda c: c["items"][0].update(show_if={"items": ["q2"], "values": [1]}),
         "not asked before"),
        ("audit-c", lambda c: c["items"][1]["show_if"].update(values=[7]), "does not offer"),
        ("audit-c", lambda c: c["items"][1].update(when_not_asked=9), "one of the options"),
        ("ons4", lambda c: c.pop("scales"), "needs scales"),
        ("ons4", lambda c: c["scales"][0].update(items=["q1"]), "unknown items"),
        ("ons4", lambda c: c["scales"][1].update(id="satisfied"), "repeats the scale id"),
        ("ons4", lambda c: c["scales"][0].update(scoring={"method": "none"}), "sum or a mean"),
        ("asq", lambda c: c.pop("outcomes"), "exactly when its method"),
        ("asq", lambda c: c["outcomes"][0].update(when=[]), "at least one condition"),
        ("phq-2", lambda c: c["scoring"].update(times=2), "the options allow"),
        ("phq-2", lambda c: c["scoring"].update(table={0: 0}), "every sum from 0 to 6"),
        ("phq-2", lambda c: c.update(administration="by_post"), "must be one of"),
    ],
)  # fmt: skip
def test_parse_refuses_what_cannot_be_scored(code, change, message):
    with pytest.raises(InvalidDefinition, match=message):
        parse(_other(code, change))
