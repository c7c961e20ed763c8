"""The playground in a real browser, on the real program: what a person does on one side, the other
sees, and the middle pane tells what the gateway did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Play

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
pytestmark = pytest.mark.long

THEMES = ("light", "dark")
PANES = ("Phone", "Gateway", "3CX")


def test_what_one_side_writes_the_other_reads_with_ticks(play: Play) -> None:
    play.customer_writes("Where is my order?")
    play.agent_sees("Where is my order?")
    play.story("The customer wrote", "delivered", "in the agents' chat", "HTTP 200")
    play.agent_writes("It leaves today.")
    expect(play.agent_sees("It leaves today.")).to_contain_text("✓ sent")
    expect(play.sees("It leaves today.")).to_contain_text("✓✓ read")
    play.story("The agent replied", "sent", "every check holds", "WhatsApp took it", "read")


def test_a_reply_after_the_window_closed_is_refused_and_the_agent_reads_why(play: Play) -> None:
    play.customer_writes("Good morning")
    play.agent_sees("Good morning")
    play.press("Close the window")
    expect(play.phone).to_contain_text("window closed")
    expect(play.gateway).to_contain_text("You let 24 hours pass")
    play.agent_writes("Are you still there?")
    play.story("The agent replied", "refused", "conversation_window_closed", "Ask the customer")
    play.agent_sees("⚠")
    expect(play.phone).not_to_contain_text("Are you still there?")
    play.customer_writes("Yes!")
    play.agent_writes("Good.")
    play.sees("Good.")


def test_who_opts_out_is_told_so_and_gets_nothing_more(play: Play) -> None:
    play.customer_writes("Hello")
    play.press("STOP")
    play.sees("You will get no more messages")
    play.agent_sees("STOP")
    play.agent_sees("You will get no more messages")
    play.agent_writes("One more thing")
    play.story("The agent replied", "refused", "recipient_suppressed")
    expect(play.agent.locator(".notice").last).to_contain_text("⚠")
    expect(play.phone).not_to_contain_text("One more thing")


def test_a_missed_call_sends_once_and_then_only_says_cooldown(play: Play) -> None:
    play.customer_writes("I will call you")
    play.agent_sees("I will call you")
    play.press("Missed call")
    play.story("A missed call", "sent", "WhatsApp took it")
    answers = play.phone.locator(".theirs")
    expect(answers).to_have_count(1)
    play.press("Missed call")
    play.story("A missed call", "recorded", "cooldown")
    expect(answers).to_have_count(1)


def test_while_whatsapp_fails_the_retries_are_seen_and_then_it_arrives(play: Play) -> None:
    play.customer_writes("Hello")
    play.agent_sees("Hello")
    play.press("503", "WhatsApp")
    play.agent_writes("Do you hear me?")
    play.story("The agent replied", "Try 1: WhatsApp has a passing failure", "Next at")
    play.press("Well", "WhatsApp")
    play.story("The agent replied", "sent", "Try 2")
    play.sees("Do you hear me?")


def test_while_3cx_is_away_the_message_waits_and_then_arrives(play: Play) -> None:
    play.press("Away", "3CX")
    play.customer_writes("Is anybody there?")
    play.story("The customer wrote", "waiting", "The message is not in 3CX yet", "Next at")
    expect(play.agent).not_to_contain_text("Is anybody there?")
    play.press("Well", "3CX")
    play.agent_sees("Is anybody there?")


def test_a_round_trip_needs_no_mouse(play: Play) -> None:
    keyboard = play.page.keyboard
    expect(play.phone.get_by_label("Write as this customer")).to_be_focused()
    keyboard.type("Only keys")
    keyboard.press("Enter")
    play.agent_sees("Only keys")
    reply = play.agent.get_by_label("Reply as the agent")
    for _ in range(30):
        keyboard.press("Tab")
        if reply.evaluate("field => field === document.activeElement"):
            break
    keyboard.type("Mine too")
    keyboard.press("Tab")
    keyboard.press("Enter")
    play.sees("Mine too")


def test_what_is_half_written_outlives_what_comes_in(play: Play) -> None:
    draft = play.agent.get_by_label("Reply as the agent")
    draft.fill("I was just about to")
    play.customer_writes("Hello?")
    play.agent_sees("Hello?")
    play.story("The customer wrote", "delivered")
    expect(draft).to_have_value("I was just about to")


def test_without_script_the_forms_do_the_same(open_page: Callable[..., Page]) -> None:
    play = Play(open_page("966519999991", java_script_enabled=False), "966519999991")
    play.customer_writes("No script here")
    play.sees("No script here")
    play.agent_writes("Nor here")
    for _ in range(30):
        if "Nor here" in play.phone.inner_text():
            break
        play.page.wait_for_timeout(100)
        play.page.reload()
    play.sees("Nor here")
    play.press("Close the window")
    expect(play.phone).to_contain_text("window closed")


@pytest.mark.parametrize("theme", THEMES)
def test_on_a_phone_each_pane_has_its_tab_and_nothing_scrolls_sideways(
    open_page: Callable[..., Page], theme: str
) -> None:
    page = open_page("966519999992", viewport=NARROW, color_scheme=theme)
    play = Play(page, "966519999992")
    play.customer_writes("a" * 200)
    for pane in PANES:
        page.get_by_role("radio", name=pane).check(force=True)
        expect(page.locator("section.pane:visible")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


@pytest.mark.parametrize("theme", THEMES)
def test_both_themes_can_be_read_by_everybody(open_page: Callable[..., Page], theme: str) -> None:
    page = open_page("966519999993", color_scheme=theme, reduced_motion="reduce")
    play = Play(page, "966519999993")
    play.customer_writes("Hello")
    play.agent_sees("Hello")
    play.agent_writes("Good morning")
    play.sees("Good morning")
    play.press("Close the window")
    play.agent_writes("Too late")
    play.story("The agent replied", "refused")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    assert colours(page) > 20, "the page is blank"


def colours(page: Page) -> int:
    """How many colours a screenshot has, as the browser itself reads it."""
    shot = page.screenshot()
    blank = page.context.new_page()
    count: int = blank.evaluate(
        """async (bytes) => {
            const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            const context = canvas.getContext("2d");
            context.drawImage(picture, 0, 0);
            const { data } = context.getImageData(0, 0, picture.width, picture.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""",
        list(shot),
    )
    blank.close()
    return count


def test_the_page_breaks_no_rule_of_its_own(open_page: Callable[..., Page], door: str) -> None:
    page = open_page("966519999994")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    play = Play(page, "966519999994")
    play.customer_writes("Anything to complain of?")
    play.agent_sees("Anything to complain of?")
    assert said == []
    assert all(re.match(f"{door}/|data:", url) for url in asked), asked
