"""The pages: when parsed, they hold the numbers they were given, and they need no other file."""

import html.parser
import re
import urllib.parse

import made_answers
import pytest

from sgan_jax.answers import pages
from sgan_jax.answers.outcome import Outcome


class Page(html.parser.HTMLParser):
    """Tags must match; text, links and table cells are kept, with white space collapsed."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, path):
        super().__init__()
        self.open, self.links, self.rows, self.headings, self.words = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture
def shown(tmp_path):
    return pages.Pages(tmp_path / "pages", "runs/sg_90", 0.9)


def test_a_page_shows_the_answer(shown):
    page = Page(shown.add(Outcome("data/sample.xye", answer=made_answers.answer())))
    assert ["Pn-a", "75.0 %", "orthorhombic (P)", "33 Pna21, 62 Pnma"] in page.rows
    assert ["orthorhombic (P)", "75.0 %"] in page.rows
    assert ["62", "Pnma", "50.0 %"] in page.rows
    assert ["wavelength", "1.54 Å"] in page.rows
    points = "10.00 to 110.00° 2θ, 2 001 points, steps of 0.05°"
    assert ["measured range", points] in page.rows
    # d = λ / (2 sin θ) with the model's 2.079 Å, at 20 and at 130°.
    assert ["measured part of the model's range", "72 % (d = 1.15 to 5.99 Å)"] in page.rows
    assert "62 Pnma, 33 Pna21, 225 Fm-3m" in page.text
    assert "Probably orthorhombic (P): 75 %." in page.text
    assert "90 % prediction set" in page.headings and "No prediction" not in page.text
    assert page.links == ["index.html"]


def test_names_and_titles_are_no_markup(shown):
    name = "<script>alert(1)<b>bold & 'x' \"y\" #1 %41.xye"
    evil = made_answers.answer(title="<b>bold</b> & more", words="<i>words</i>")
    path = shown.add(Outcome(f"data/{name}", answer=evil))
    bad = shown.add(Outcome(f"other/{name}", problem="line 1: '<u>' is no number"))
    for each in (path, bad, shown.finish()):
        source = each.read_text(encoding="utf-8")
        assert not re.search(r"<(script|b>bold|i>words|u)>", source)
        assert name in Page(each).text
    assert path != bad
    for link in Page(shown.finish()).links:
        assert (path.parent / urllib.parse.unquote(link)).is_file()


def test_the_index_has_a_row_and_a_page_for_every_pattern(shown):
    same = [Outcome(f"{folder}/A.xye", answer=made_answers.answer()) for folder in "abc"]
    others = [
        Outcome("a.xye", answer=made_answers.answer()),  # on some disks the same name as A.xye
        Outcome("index", problem="empty"),
        Outcome("....", problem="empty"),
        Outcome("long" * 100, problem="empty"),
        Outcome("two.gsas", "bank 1", made_answers.answer()),
        Outcome("two.gsas", "bank 2", made_answers.answer(refused=True, reason="too few peaks")),
    ]
    written = [shown.add(outcome) for outcome in [*same, *others]]
    assert len({path.name.lower() for path in written}) == len(written)
    index = Page(shown.finish())
    assert index.links == [path.name for path in written]
    shown_names = [*("A.xye a", "A.xye b", "A.xye c", "a.xye", "index", "....", "long" * 100)]
    shown_names += ["two.gsas (bank 1)", "two.gsas (bank 2)"]
    assert [row[0] for row in index.rows[1:]] == shown_names
    first = ["A.xye a", "1.54", "orthorhombic (P), 75 %", "Pn-a, 75 %", "3"]
    assert index.rows[1] == first
    assert index.rows[-1] == ["two.gsas (bank 2)", "1.54", "No prediction: too few peaks"]
    assert "5 with a prediction, 4 without" in index.text


def test_a_refusal_is_the_first_thing_that_is_said(shown):
    refused = made_answers.answer(refused=True, reason="too few peaks", words="Not relied on.")
    page = Page(shown.add(Outcome("a.xye", answer=refused)))
    assert page.text.index("No prediction too few peaks") < page.text.index("orthorhombic (P)")
    assert "it is not reliable" in page.text
    blank = made_answers.answer(
        **{"refused": True, "reason": "1 % was measured", "seen": None, "prediction_set": []},
        **{"bravais": [], "space_groups": [], "extinction_groups": [], "ranking": []},
    )
    page = Page(shown.add(Outcome("b.xye", answer=blank)))
    assert "No prediction 1 % was measured" in page.text
    assert page.headings == ["How the file was read"]


def test_a_page_needs_nothing_else(shown):
    path = shown.add(Outcome("a.xye", answer=made_answers.answer()))
    for each in (path, shown.finish()):
        source = each.read_text(encoding="utf-8")
        assert not re.search(r"https?://", source.replace("http://www.w3.org/2000/svg", ""))
        assert "url(" not in source and "@import" not in source
    assert not list(path.parent.glob("*.partial"))
