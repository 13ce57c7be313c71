from instruments import blanks, catalogue, explanations


def said(definition):
    return [" ".join(part.how) for part in explanations.parts_of(definition)]


def test_a_total_in_words():
    (total,) = said(catalogue.get("phq-9"))
    assert total.startswith("The points of the answers are added up. It lies between 0 and 27")
    assert "higher is worse" in total
    assert "Up to 2 missing answers are estimated by the mean of the others." in total


def test_transformations_and_scales_in_words():
    assert "multiplied by 4" in said(blanks.get("who-5").definition)[0]
    assert "looked up in the table" in said(blanks.get("swemwbs").definition)[0]
    total, other, *_ = said(blanks.get("mspss").definition)
    assert "Each scale must have a score of its own." in total
    assert other.startswith("Made of questions 1, 2, 5 and 10. The mean of the answered questions")
    assert said(catalogue.get("ons4"))[0] == "There is no total. Each scale stands for itself."
    assert said(catalogue.get("ons4"))[1].startswith("Made of question 1.")
    assert "lead to one of the outcomes" in said(catalogue.get("asq"))[0]


def test_reversed_questions_in_words():
    core_10 = catalogue.get("core-10")
    words = explanations.reversed_in_words(core_10)
    assert words == "Questions 2 and 3 count from the other end."
    cbi = blanks.get("cbi").definition
    assert explanations.reversed_in_words(cbi) == "Question 13 counts from the other end."
    assert explanations.reversed_in_words(catalogue.get("phq-9")) == ""


def test_when_questions_are_asked():
    def when(code):
        return [each.when for each in explanations.asked_in(catalogue.get(code))]

    assert when("phq-9")[-1] == "Asked when any answer above counts more than 0."
    assert when("audit-c")[1].startswith("Asked when the answer to question 1 is “Monthly or less”")
    assert when("asq")[-1] == (
        "Asked when the answer to any of the questions 1, 2, 3, 4 is “Yes” or “Declines to answer”."
    )


def test_answers_that_all_questions_share_stand_once():
    asked = explanations.asked_in(catalogue.get("phq-9"))
    assert [bool(each.options) for each in asked] == [False] * 9 + [True]
    assert len(explanations.shared_options(catalogue.get("phq-9"))) == 4
    assert explanations.shared_options(catalogue.get("ons-loneliness")) == ()


def test_risks_in_words():
    phq_9 = catalogue.get("phq-9")
    assert [explanations.risk_in_words(rule, phq_9) for rule in phq_9.risk_rules] == [
        "An answer to question 9 that counts 1 or more",
        "A total of 20 or more",
        "Question 9 was not answered",
    ]
