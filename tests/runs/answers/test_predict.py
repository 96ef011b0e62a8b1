import json

from t5mix.evaluation.decoding import Answer
from t5mix.runs.answers.predict import JSONL, LINES, choose, line_of, texts_of
from t5mix.runs.answers.questions import Question


def test_an_answer_is_one_line():
    assert line_of(Question("q"), [("a\nb", -0.5)], "", LINES, False) == "a\\nb"
    # Readers of text take it for a line's end, too.
    assert line_of(Question("q"), [("a\r\nb\rc", -0.5)], "", LINES, False) == "a\\r\\nb\\rc"


def test_several_answers_and_their_scores_are_one_line_of_json():
    ranked = texts_of([[Answer([1, 2], -0.5), Answer([], -2.0)]], lambda ids: "\n".join(map(str, ids)))[0]
    line = line_of(Question("q"), ranked, "", LINES, True)
    assert "\n" not in line
    assert json.loads(line) == {"answers": [{"text": "1\n2", "score": -0.5}, {"text": "", "score": -2.0}]}


def test_jsonl_says_what_was_asked():
    ranked = [("yes", -0.5), ("no", -1.0)]
    line = json.loads(line_of(Question("q", "yes"), ranked, "is: ", JSONL, False))
    assert line == {"inputs": "is: q", "target": "yes", "output": "yes", "score": -0.5}
    line = json.loads(line_of(Question("is: q", ids=(5, 1)), ranked, "", JSONL, True))
    assert line["inputs"] == "is: q" and "target" not in line and len(line["answers"]) == 2


def test_the_likeliest_choice_is_the_answer():
    choices, targets = ["yes", "no", "may\nbe"], [[1], [2], [3]]

    def score(ids, given, *, tell=None):
        assert given == [targets, targets, targets]
        return [[-1.0, -1.0, -3.0], [-2.0, -1.0, -3.0], [-2.0, -1.0, 0.0]]

    ranked = choose(score, [[5], [6], [7]], choices, targets)
    assert [each[0][0] for each in ranked] == ["yes", "no", "may\nbe"]
    assert [text for text, _ in ranked[-1]] == ["may\nbe", "no", "yes"]
