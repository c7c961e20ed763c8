"""A browser, and a person at the playground of the real program."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.gateway import Gateway
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 15_000
_customers = itertools.count(966_510_000_001)


@dataclass
class Play:
    """The page of one customer, whom nobody knew before."""

    page: Page
    customer: str

    @property
    def phone(self) -> Locator:
        return self.page.get_by_role("region", name="Customer’s phone")  # noqa: RUF001 (as shown)

    @property
    def gateway(self) -> Locator:
        return self.page.locator("section.gateway")

    @property
    def agent(self) -> Locator:
        return self.page.get_by_role("region", name="3CX agent")

    def customer_writes(self, text: str) -> None:
        self.phone.get_by_label("Write as this customer").fill(text)
        self.phone.get_by_role("button", name="Send").click()

    def agent_writes(self, text: str) -> None:
        self.agent.get_by_label("Reply as the agent").fill(text)
        self.agent.get_by_role("button", name="Send").click()

    def press(self, name: str, group: str = "") -> None:
        """Click the button of this name, in the group of this name if there are several."""
        within = self.page.get_by_role("form", name=group) if group else self.page
        within.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> Locator:
        """The customer's bubble with this text, once it is there."""
        return self._shown(self.phone.get_by_role("listitem").filter(has_text=text))

    def agent_sees(self, text: str) -> Locator:
        """The line of the agents' chat with this text, once it is there."""
        return self._shown(self.agent.get_by_role("listitem").filter(has_text=text))

    def story(self, title: str, *words: str) -> Locator:
        """The newest story of this title, once it says all of these words."""
        found = self.gateway.locator(".story").filter(
            has=self.page.get_by_role("heading", name=title)
        )
        for each in words:
            expect(found.first).to_contain_text(each)
        return self._shown(found)

    def _shown(self, found: Locator) -> Locator:
        expect(found.first).to_be_visible()
        return found.first


@pytest.fixture(scope="module")  # its event loop must not run on under the tests of other files
def browser() -> Iterator[Browser]:
    """Debian's chromium, if it is there."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: no chromium here")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def door(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: ARG001 (without one there is nothing to start)
    """Where `gateway up` listens, its 3CX connected."""
    gateway = Gateway.embedded(tmp_path_factory.mktemp("playground"))
    try:
        gateway.wait_until(
            lambda: b"SMS chat of" in gateway.get("/sandbox/?customer=966500000001").body
        )
        yield f"http://127.0.0.1:{gateway.address[1]}"
    finally:
        gateway.stop()


@pytest.fixture
def open_page(browser: Browser, door: str) -> Iterator[Callable[..., Page]]:
    """Opens a customer's page in a browser with these settings; everything is well afterwards."""
    contexts = []

    def opened(customer: str, **settings: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}} | settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{door}/sandbox/?customer={customer}")
        return page

    yield opened
    for context in contexts:
        context.close()
    ask(("127.0.0.1", int(door.rpartition(":")[2])), "DELETE", "/sandbox/api/faults")


@pytest.fixture
def play(open_page: Callable[..., Page]) -> Play:
    """Somebody new at the phone, and a page that complains of nothing."""
    customer = str(next(_customers))
    return Play(open_page(customer), customer)
