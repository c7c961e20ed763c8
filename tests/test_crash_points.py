"""A process dies before or after a commit, an enqueue or a request, and nothing is lost or doubled.

Every point of the journeys is a case: the real program is started so that it kills itself there,
a story makes it pass the point, what died is started again, and the history is checked. With
CRASH_POINTS=all in the environment every point is tried on both back ends.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.crash import stories
from tests.crash.case import Case
from tests.crash.doomed import FORKS
from tests.crash.lab import AT_ONCE, Embedded, Lab, Servers
from tests.servers import Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.case import Story

DOOR, WORKER = "web", "worker"
BOTH = frozenset({"embedded", "servers"})

# The first test waits for them all.
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Death:
    """Where to die, in which story, and in which process where there are two."""

    point: str
    story: Story
    where: str = WORKER
    back_ends: frozenset[str] = BOTH

    def __str__(self) -> str:
        return f"{self.where} {self.point} in {self.story.__name__}"

    @property
    def name(self) -> str:
        """The point alone, whichever passing it is."""
        return self.point.partition("#")[0]


def _around(what: str, story: Story, where: str = WORKER) -> list[Death]:
    return [Death(f"{when} {what}", story, where) for when in ("before", "after")]


DEATHS = [
    *_around("commit _keep", stories.replies, DOOR),
    *_around("commit _keep_together", stories.left_in_the_spool, DOOR),
    *_around("enqueue validate", stories.replies, DOOR),
    *_around("enqueue validate", stories.found_by_the_sweep),
    *_around("commit Event.move", stories.replies),
    *_around("enqueue decide", stories.replies),
    *_around("commit _follow", stories.replies),
    *_around("commit _follow", stories.paused),
    *_around("enqueue throttle", stories.replies),
    *_around("commit Event.defer", stories.replies),
    *_around("commit _reserve", stories.replies),
    *_around("enqueue send", stories.replies),
    *_around("commit settle", stories.replies),
    *_around("commit settle#2", stories.replies),
    Death("before request", stories.replies),
    Death("during request", stories.replies),
    Death("during request#2", stories.replies),
    Death("after request", stories.replies),
    *_around("commit _concluded", stories.replies),
    *_around("commit _concluded#2", stories.replies),
    *(
        death
        for story in (
            stories.provider_passing,
            stories.provider_pauses,
            stories.provider_blocks,
            stories.provider_closes,
            stories.answer_lost,
            stories.request_lost,
        )
        for death in _around("commit _concluded", story)
    ),
    *_around("commit next_in_line", stories.crowd),
    *_around("commit hand_on", stories.replies),
    *_around("commit InboundItem.keep", stories.replies, DOOR),
    *_around("commit InboundItem.keep", stories.opt_out, DOOR),
    *_around("enqueue take_in", stories.opt_out, DOOR),
    *_around("enqueue take_in_later", stories.replies, DOOR),
    *_around("enqueue take_in", stories.broken_item),
    *_around("commit _status_changed", stories.replies),
    *_around("commit _status_changed", stories.failed_later),
    *_around("commit _customer_wrote", stories.opt_out),
    *_around("commit _identity_changed", stories.new_number),
    *_around("commit InboundItem.count_try", stories.broken_item),
    *_around("commit InboundItem.end", stories.broken_item),
    *_around("commit Event.refuse", stories.nothing_to_send),
    *_around("commit Event.record", stories.nothing_to_send),
    *_around("commit _rehearse", stories.nothing_to_send),
    *_around("commit claim_due", stories.found_by_the_sweep),
    *_around("commit InboundItem.claim_due", stories.broken_item),
    *_around("commit prune", stories.found_by_the_sweep),
    *_around("commit queue_was_lost", stories.found_by_the_sweep),
    *_around("commit InboundItem.queue_was_lost", stories.broken_item),
    *_around("commit abandoned", stories.lease_lapsed),
    *_around("commit Event.count_try", stories.broken_step),
    *_around("commit Event.stumble", stories.broken_step),
    *_around("commit Event.give_up", stories.broken_step),
    *_around("commit InboundItem.keep", stories.into_3cx, DOOR),
    *_around("commit _customer_wrote", stories.into_3cx),
    *_around("commit _told", stories.agent_is_told),
    *_around("enqueue deliver", stories.into_3cx),
    *_around("commit _settle", stories.into_3cx),
    Death("before request", stories.into_3cx),
    Death("during request", stories.into_3cx),
    Death("during request#2", stories.into_3cx),
    Death("after request", stories.into_3cx),
    *_around("commit _conclude", stories.into_3cx),
    *_around("commit _conclude", stories.refused_by_3cx),
    *_around("commit Forward.wait", stories.into_3cx),
    *_around("commit hand_on", stories.into_3cx),
    *_around("commit claim_due#2", stories.found_for_3cx),  # the first is that of the events
    *_around("commit queue_was_lost#2", stories.found_for_3cx),
    *_around("enqueue deliver", stories.found_for_3cx),
    *_around("commit _lease_ran_out", stories.left_on_the_way_to_3cx),
    *_around("commit Forward.fail", stories.too_old_for_3cx),
    Death("before wake", stories.replies, DOOR, frozenset({"servers"})),
    Death("before wake", stories.replies, WORKER, frozenset({"servers"})),
]
STORIES = sorted({death.story for death in DEATHS}, key=lambda story: story.__name__)
# Everywhere takes minutes; each side of each point on one back end does for most runs.
_EVERYWHERE = os.environ.get("CRASH_POINTS") == "all"
_SIDES = {"embedded": ("before",), "servers": ("after", "during")}
CASES = [
    pytest.param(back_end, death, id=f"{back_end}-{death}")
    for back_end, sides in _SIDES.items()
    for death in DEATHS
    if back_end in death.back_ends
    and (_EVERYWHERE or death.back_ends != BOTH or death.point.startswith(sides))
]
# What a process does by itself, apart from every journey.
NO_JOURNEY = frozenset(
    {
        "commit _demo",
        "commit set_destination",
        "commit SecurityEntry.write",
        "commit Capture.keep",
    }
)
# Passed only when two threads meet: news whose turn comes as an earlier item is taken in.
SELDOM = frozenset({"commit _take_seats"})


class Lives:
    """The lives of all gateways that the chosen tests are about, side by side."""

    def __init__(self, lab: Lab, back_end: str, deaths: list[Death]) -> None:
        self._lab, self._back_end = lab, back_end
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self.deaths = {death: self._pool.submit(self._die, death) for death in deaths}
        self._listed: list[Future[set[tuple[str, str]]]] = []

    def passed(self) -> set[tuple[str, str]]:
        """Every point that a story passes when nobody dies, and in which process."""
        lists = [self._pool.submit(self._list, story) for story in STORIES]
        return set().union(*(points.result() for points in lists))

    def _die(self, death: Death) -> None:
        with self._lab.gateway() as gateway:
            case = Case(gateway)
            where = death.where if self._back_end == "servers" else "up"
            case.run(death.story, {where: death.point}, dies=True)

    def _list(self, story: Story) -> set[tuple[str, str]]:
        with self._lab.gateway() as gateway:
            files = {name: gateway.folder / f"{name}.points" for name in ("up", DOOR, WORKER)}
            armed = {name: f"list:{file}" for name, file in files.items()}
            Case(gateway).run(story, armed, dies=False)
            return {
                (name, point)
                for name, file in files.items()
                if file.exists()
                for point in file.read_text().splitlines()
            }

    def end(self) -> None:
        """Wait for all of them."""
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Lives]]:
    """All lives on a back end; they begin when somebody first asks for one."""
    chosen = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and "death" in item.fixturenames
    ]
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=FORKS))

        @functools.cache
        def begin(back_end: str) -> Lives:
            folder = tmp_path_factory.mktemp(f"crash-{back_end}")
            lab: Lab
            if back_end == "embedded":
                lab = Embedded(folder, pool)
            else:
                redis = Redis.start(folder)
                stack.callback(redis.stop)
                lab = Servers(folder, pool, request.getfixturevalue("postgres_server"), redis)
            deaths = [each["death"] for each in chosen if each["back_end"] == back_end]
            lives = Lives(lab, back_end, deaths)
            stack.callback(lives.end)
            return lives

        yield begin


@pytest.mark.parametrize(("back_end", "death"), CASES)
def test_a_death_loses_doubles_and_misplaces_nothing(
    lives: Callable[[str], Lives], back_end: str, death: Death
) -> None:
    lives(back_end).deaths[death].result()


@pytest.mark.parametrize("back_end", list(_SIDES))
def test_every_point_that_the_journeys_pass_has_its_death(
    lives: Callable[[str], Lives], back_end: str
) -> None:
    covered = {
        (death.where if back_end == "servers" else "up", death.name)
        for death in DEATHS
        if back_end in death.back_ends
    }
    passed = lives(back_end).passed()
    apart = NO_JOURNEY | SELDOM
    assert {each for each in passed if each[1].partition(" ")[2] not in apart} == covered
