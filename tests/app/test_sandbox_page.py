"""The customer's phone as a page: safe, and usable with and without script."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from app.sandbox import Number
from tests.app.sandbox_world import CUSTOMER, KEY, NUMBER_ID, SECRET, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium")
PHONE = f"?customer={KEY}"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as one:
        yield one


def page(world: World, query: str = PHONE) -> str:
    text: str = world.api("GET", query).data.decode()
    return text


def submit(world: World, query: str = PHONE, **fields: str) -> Any:
    return world.http.request(
        "POST",
        f"{world.door}/sandbox/{query}",
        body=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": world.door},
        redirect=False,
    )


def test_the_page_may_load_only_its_own_files(world: World) -> None:
    answer = world.api("GET", "")
    policy = answer.headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    html = answer.data.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", html)
    for path in re.findall(r'(?:src|href)="(/sandbox/static/[^"]+)"', html):
        assert world.http.request("GET", world.door + path).status == 200


def test_the_page_is_there_with_and_without_the_slash(world: World) -> None:
    assert world.http.request("GET", f"{world.door}/sandbox").status == 200
    assert world.http.request("GET", f"{world.door}/sandbox/static/secrets").status == 404


def test_what_people_write_is_never_markup(world: World) -> None:
    evil = "\"><script>alert('1')</script><img src=x onerror=alert(2)>$name"
    world.write(evil, name=evil)
    world.send(text={"body": evil})
    for query in ("", PHONE, f"?{urlencode({'customer': CUSTOMER, 'name': evil})}"):
        html = page(world, query)
        assert "<img" not in html
        assert "alert(&#x27;1&#x27;)" in html
        assert "<script>" not in html


def test_a_plain_form_writes_to_the_gateway(world: World) -> None:
    answer = submit(world, text="hello\r\nthere", name="Noura")
    assert answer.status == 303
    assert answer.headers["Location"].endswith("#newest")
    (message,) = world.gateway.values("messages")
    assert message["text"]["body"] == "hello\nthere"
    html = page(world)
    assert "hello\nthere" in html
    assert "Noura" in html


def test_what_the_gateway_does_not_take_is_not_lost(world: World) -> None:
    world.gateway.answers.append(503)
    answer = submit(world, text="keep <me>")
    assert answer.status == 502
    html = answer.data.decode()
    assert 'role="alert"' in html
    assert "keep &lt;me&gt;</textarea>" in html


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097])
def test_an_empty_or_too_long_text_is_not_sent(world: World, text: str) -> None:
    assert submit(world, text=text, name="x").status == 400
    assert world.gateway.posts == []


def test_a_number_that_is_none_is_said_to_be_so(world: World) -> None:
    answer = world.api("GET", "?customer=05")
    assert answer.status == 400
    assert "not an international phone number" in answer.data.decode()
    assert submit(world, "?customer=05", text="x").status == 400


def test_each_business_number_has_a_chat_of_its_own(world: World) -> None:
    world.write("to the first")
    world.sandbox.register(Number("2", "+49301234567", "t2", SECRET, world.gateway.url))
    assert submit(world, f"{PHONE}&number=2", text="to the second").status == 303
    assert "to the second" in main(page(world))
    first = page(world, f"{PHONE}&number={NUMBER_ID}")
    assert "+49301234567" in first
    assert "to the first" in main(first)
    assert "to the second" not in main(first)


def main(html: str) -> str:
    return html.partition("<main")[2]


def test_a_body_that_is_no_form_is_refused(world: World) -> None:
    answer = world.http.request("POST", f"{world.door}/sandbox/{PHONE}", body=b"\xff")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


def test_looking_at_the_phone_reads_what_came(world: World) -> None:
    world.write()
    world.send(text={"body": "your answer"})
    world.until(lambda: world.chat()[-1]["status"] == "delivered")
    assert "your answer" in page(world)
    assert world.gateway.statuses(3)[-1] == "read"
    world.until(lambda: "✓✓ read" in page(world))


def test_new_messages_are_announced_and_fields_have_names(world: World) -> None:
    world.write()
    html = page(world)
    assert re.search(r'role="log" aria-label="[^"]+"', html)
    assert "<main" in html
    assert "<nav" in html
    named = set(re.findall(r'<label[^>]* for="([^"]+)"', html))
    fields = re.findall(r"<(?:input|textarea)(?![^>]*hidden)[^>]* id=\"([^\"]+)\"", html)
    assert set(fields) == named


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no chromium here")
def test_the_script_runs_under_the_policy_in_a_real_browser(world: World, tmp_path: Path) -> None:
    world.write("hello browser")
    assert "UTC" in page(world)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    command += ["--disable-component-update", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run(
        [*command, "--enable-logging=stderr", f"{world.door}/sandbox/{PHONE}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "hello browser" in shown.stdout
    assert "UTC" not in shown.stdout, "the script shows local time"
    assert "Content Security Policy" not in shown.stderr
