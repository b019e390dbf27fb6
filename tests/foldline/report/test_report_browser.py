"""The report in Chromium: phone layout, themes, keyboard, printing, no errors, no requests."""

import pytest

from datapath.vivado.built_project import read_project
from foldline.report import write_report
from tests.datapath.vivado.built import CORE, write_built
from tests.foldline.report.browser import open_browser
from tests.foldline.report.reports import HOSTILE, LINES, inputs, simulated_run, whole_run

pytestmark = pytest.mark.slow

DOWN, TAB, ENTER = "\ue015", "\ue004", "\ue007"
"""Key codes of WebDriver."""

OPEN_LINES = "[...document.querySelectorAll('details.line')].map(one => one.open)"
SHOWN_LINES = "[...document.querySelectorAll('.lines > li')].filter(one => one.checkVisibility()).length"

INJECTED = """document.body.insertAdjacentHTML("beforeend", "<button id=injected onclick='window.ran = 1'></button>");
document.getElementById("injected").click()"""
"""A script injected through a text."""


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    path, runs = folder / "report.html", (whole_run(), simulated_run("two" * 30, 7))
    missed = {"wns": -0.4, "reachable_mhz": 96.1}
    built = (
        read_project(write_built(folder / ("project" * 8), runs[0].design, kernel="hls", hls={}, **CORE)),
        read_project(write_built(folder / "other", runs[1].design, **missed)),
    )
    write_report(path, inputs(*runs, built=built))
    return path


def style(browser, selector: str, name: str) -> str:
    return browser.value(f"getComputedStyle(document.querySelector({selector!r})).{name}")


def test_it_opens_without_messages_or_requests(browser, report):
    browser.open(report)
    assert browser.value("document.title") == "A <report> & more"
    assert browser.value("document.querySelector('.toolbar').hidden") is False  # its script has run
    assert browser.messages() == []
    assert browser.requests() == [report.as_uri()]


def test_messages_requests_and_foreign_scripts_are_detected(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<img src='missing.png'><script>throw new Error('seen')</script>", encoding="utf-8")
    browser.open(page)
    assert browser.value(f"{INJECTED}; window.ran === 1")
    assert any("seen" in message for message in browser.messages())
    assert (tmp_path / "missing.png").as_uri() in browser.requests()


def test_a_script_in_a_text_is_shown_and_not_run(browser, report):
    browser.open(report)
    references = browser.value("[...document.querySelectorAll('.line .reference')].map(one => one.textContent)")
    assert HOSTILE in references
    assert browser.value(f"{INJECTED}; window.ran === undefined")


@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_never_wider_than_the_screen(browser, report, width):
    browser.open(report, width=width, height=800)
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") <= width
    inside = "[...document.querySelectorAll('figure, .strip, .strip > svg, p, dl, dd, h1, h2, h3')]"
    assert browser.value(f"Math.max(...{inside}.map(one => one.getBoundingClientRect().right))") <= width
    if width == 360:  # wider content scrolls in its own box
        assert browser.value("[...document.querySelectorAll('.wide')].some(one => one.scrollWidth > one.clientWidth)")


def test_the_dark_theme_changes_paper_ink_and_figures(browser, report):
    browser.open(report)
    styles = (
        ("body", "backgroundColor"),
        ("body", "color"),
        ("#tradeoffs figure text", "fill"),
        (".histogram path", "fill"),
    )
    light = [style(browser, *one) for one in styles]
    browser.media(dark=True)
    dark = [style(browser, *one) for one in styles]
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert brightness(dark[0]) < 0.15 < 0.7 < brightness(dark[1])
    assert brightness(dark[2]) > 0.5 > brightness(light[2])
    assert style(browser, ".strip use", "filter") != "none"


def brightness(color: str) -> float:
    return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(","))) / 765


def test_all_controls_are_reached_with_tab(browser, report):
    browser.open(report)
    reached, outlined = [], []
    for _ in range(80):
        browser.press(TAB)
        reached.append(browser.value("(one => one.id || one.className || one.tagName)(document.activeElement)"))
        outlined.append(browser.value("getComputedStyle(document.activeElement).outlineStyle"))
        if reached[-1] == "next":
            break
    assert reached[:3] == ["skip", "A", "A"]
    assert {"wide", "SUMMARY", "find", "only-wrong", "previous", "next"} <= set(reached)
    assert "none" not in outlined
    browser.value("document.querySelector('details.line:not([open]) > summary').focus()")
    browser.press(ENTER)
    assert browser.value(OPEN_LINES)[:2] == [True, True]


def test_j_k_and_the_arrow_keys_select_lines(browser, report):
    browser.open(report)
    first = [True] + [False] * (len(LINES) - 1)
    assert browser.value(OPEN_LINES) == first
    browser.press("j")
    assert browser.value(OPEN_LINES) == [False, *first[:-1]]
    assert browser.value("document.activeElement.parentElement.open")
    browser.press(DOWN)
    assert browser.value(OPEN_LINES) == [False, False, *first[:-2]]
    browser.press("k", "k", "k")
    assert browser.value(OPEN_LINES) == first
    browser.value("document.getElementById('find').focus()")
    browser.press("j")
    assert browser.value("document.getElementById('find').value") == "j"
    browser.value("document.getElementById('next').click()")  # none is left
    assert browser.value("document.getElementById('count').textContent") == f"0 of {len(LINES)}"


def test_lines_are_found_by_their_text_and_by_having_errors(browser, report):
    browser.open(report)
    assert browser.value(SHOWN_LINES) == len(LINES)
    browser.value("document.getElementById('find').focus()")
    browser.press(*"alert(1)")
    assert browser.value(SHOWN_LINES) == 1
    assert browser.value("document.getElementById('count').textContent") == f"1 of {len(LINES)}"
    browser.value("document.getElementById('find').value = ''; document.getElementById('only-wrong').click()")
    wrong = browser.value("document.querySelectorAll('.line:not([data-errors=\"0\"])').length")
    assert browser.value(SHOWN_LINES) == wrong


def test_it_can_be_read_without_scripts(browser, report):
    browser.open(report, scripts=False)
    assert browser.value("document.querySelector('.toolbar').checkVisibility()") is False
    assert browser.value("document.querySelector('.line[open] .strip').checkVisibility()")
    browser.value("document.querySelector('.line:not([open]) > summary').focus()")
    browser.press(ENTER)
    assert browser.value(OPEN_LINES)[:2] == [True, True]


def test_printed_details_are_open(browser, report):
    browser.open(report)
    browser.media(dark=True, printed=True)
    assert style(browser, "body", "backgroundColor") == "rgb(255, 255, 255)"
    shown = "[...document.querySelectorAll('details.printed > :not(summary)')].every(one => one.checkVisibility({contentVisibilityAuto: true}))"
    assert browser.value(shown)
    heights = "Math.min(...[...document.querySelectorAll('details.line .strip')].map(one => one.offsetHeight))"
    assert browser.value(heights) > 50
    assert not browser.value("document.querySelector('.toolbar').checkVisibility()")
    assert style(browser, "figure", "breakInside") == "avoid"
    assert len(browser.execute("Page.printToPDF", preferCSSPageSize=True)["data"]) > 20_000
