"""The page: one file, which holds no more HTML than t5mix wrote, and asks nobody for anything."""

import base64
import hashlib
import html.parser
import json
import re

import pytest

from t5mix.cli.main import main

pytest.importorskip("matplotlib")

# Elements that HTML ends by themselves.
_VOID = ("meta", "img", "input")


class Page(html.parser.HTMLParser):
    """The elements of a page, their attributes, and what stands in its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "title": [], "td": []}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"{self._open} do not end"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in self.inside:
            self.inside[self._open[-1]].append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(folder) -> Page:
    assert main(["report", str(folder.path)]) == 0
    return Page((folder.path / "report.html").read_text(encoding="utf-8"))


def test_nothing_but_the_page_s_own_script_runs_and_nothing_is_loaded(page):
    assert [attributes.get("type") for attributes in page.all("script")] == ["application/json", None]
    [policy] = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.inside["script"]]
    style = base64.b64encode(hashlib.sha256("".join(page.inside["style"]).encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{sums[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml;base64,")), attributes
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {each["href"].removeprefix("#") for each in page.all("a")} <= set(ids)


def test_examples_are_data_wrong_ones_first(page):
    first, second = json.loads(page.inside["script"][0])
    assert first["title"] == "a, test, multi-task, step 6" and second["title"] == "a, test, fine-tuned, step 2"
    assert first["note"] == "2 of 4 are wrong."
    assert second["note"] == "2 of 4 are wrong. Version 1.0.0. It asks c0ffeec0ffee."
    assert [row[3] for row in first["rows"]] == [1, 1, 0, 0]
    assert first["rows"][0] == ["say 1", "1", "2", 1]
    assert first["rows"][1][2].startswith("</script><script>") and "\\ud800\\x1b[31m\\u202e" in first["rows"][1][2]


def test_tables_and_facts_are_those_of_the_run(page):
    cells = page.inside["td"]
    assert ["a", "multi-task", "test", "accuracy", "50.00", "4.00", "majority 20.00", "6", "4"] == cells[:9]
    assert "75.000%" in cells and "12" in cells
    assert page.inside["title"] == ["é <run> - t5mix"]
    assert len(page.all("img")) == 4


def test_the_page_is_the_same_each_time_and_shows_as_many_examples_as_asked_for(folder, tmp_path):
    pages = []
    for name in ("one.html", "two.html"):
        assert main(["report", str(folder.path), "--output", str(tmp_path / name), "--examples", "1"]) == 0
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    [first, _] = json.loads(Page(pages[0].decode()).inside["script"][0])
    assert first["rows"] == [["say 1", "1", "2", 1]]
    assert first["note"] == "2 of 4 are wrong; the first 1 are shown here, wrong ones first."


def test_a_run_without_scores_has_no_script(folder):
    for scores in folder.path.rglob("scores"):
        scores.rename(scores.with_name("elsewhere"))
    assert main(["report", str(folder.path)]) == 0
    text = (folder.path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text and 'id="losses"' in text and 'id="scores"' not in text


def test_what_is_no_run_and_what_cannot_be_written_are_refused(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        ([tmp_path / "missing"], "there is no such folder"),
        ([tmp_path / "empty"], "is no run folder"),
        ([folder.path, "--output", tmp_path / "no" / "page.html"], "there is no folder"),
    ):
        assert main(["report", *map(str, arguments)]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("t5mix: error:") and words in last
    assert not re.findall("report", " ".join(path.name for path in tmp_path.iterdir()))
