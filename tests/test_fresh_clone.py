"""A newcomer's first minutes, as the README tells them."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parent / "fresh_clone.sh"
PROJECT = SCRIPT.parent.parent


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    shutil.which("git") is None or not (PROJECT / ".git").exists(),
    reason="there is nothing to clone: git, or the project's history, is missing",
)
def test_two_commands_and_the_printed_curl_bring_a_message_to_a_phone() -> None:
    # The second command is given one file: the whole of it is what runs here already.
    story = subprocess.run(
        [str(SCRIPT), "tests/core/test_ids.py", "-q"],
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )

    assert story.returncode == 0, story.stdout + story.stderr
    assert "the message is on the customer's phone" in story.stdout
