"""A gateway that is started while its disk is full."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.chaos.full_start import is_survived


@pytest.mark.long
def test_a_start_on_a_full_disk_answers_503_and_opens_when_there_is_room() -> None:
    # A mount is seen by the process that makes it, and must not outlive the test.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        tried = pool.submit(is_survived).result()
    if not tried:
        pytest.skip("no right to mount a disk here")
