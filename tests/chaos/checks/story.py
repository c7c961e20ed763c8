"""What a history tells, gathered as it is read: events and their attempts, posts, receipts."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from tests.chaos.checks.event import Attempt, Event
from tests.chaos.checks.message import Line, Message, Receipt


class Story:
    """All that was told so far."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.posts: list[Line] = []
        self.receipts: list[Receipt] = []
        self.standing: dict[str, Line] = {}
        self.paused: set[tuple[str, str]] = set()
        self.quiet: Line | None = None
        self.begun = False
        self._behind_ms: dict[str, int] = {}

    def on_begins(self, _line: Line) -> None:
        """What came before this line was there before the history began."""
        self.begun = True

    def on_posted(self, line: Line) -> None:
        """A caller asked for a message."""
        self.posts.append(line)

    def on_received(self, line: Line) -> None:
        """WhatsApp took a message."""
        self.receipts.append(Receipt.read(len(self.receipts), line))

    def on_quiet(self, line: Line) -> None:
        """Everything had time to end."""
        self.quiet = line

    def on_standing(self, line: Line) -> None:
        """An event had not ended when the history was taken."""
        self.standing[line["event_id"]] = line

    def on_account(self, line: Line) -> None:
        """An account was paused, or let go on."""
        self._pause("account", line["account_id"], on=line["paused"])

    def on_pause(self, line: Line) -> None:
        """An instance or integration was paused, or let go on."""
        self._pause(line["noun"], line["id"], on=line["paused"])

    def _pause(self, noun: str, row_id: str, *, on: bool) -> None:
        (self.paused.add if on else self.paused.discard)((noun, row_id))

    def on_accepted(self, line: Line) -> None:
        """An event's row was made."""
        self._behind_ms["accepted"] = line["at_ms"] - line["received_at_ms"]
        self.events[line["event_id"]] = Event(
            id=line["event_id"],
            seq=line["seq"],
            account_id=line["account_id"],
            instance_id=line["instance_id"],
            integration_id=line["integration_id"],
            event_type=line["event_type"],
            conversation=line["conversation_key"],
            address=line["address_hash"],
            expires_at_ms=line["expires_at_ms"],
            state=line["state"],
            error=line["error"],
            part=line["part"],
            accepted_at_ms=line["at_ms"],
            at_ms=line["at_ms"],
            before=not self.begun,
        )

    def on_state(self, line: Line) -> None:
        """An event went from one state to another."""
        event = self.events.get(line["event_id"])
        if event is None:
            return
        event.state, event.error, event.part = line["new"], line["error"], line["part"]
        event.expires_at_ms, event.at_ms = line["expires_at_ms"], line["at_ms"]
        event.revived += line["new"] == "received"
        if line["new"] == "sending":
            event.sendings.append(line["n"])
        if line["old"] == "uncertain" and event.rests:
            event.rests[-1][1] = line["n"]
        if line["new"] == "uncertain":
            event.rests.append([line["n"], float("inf")])

    def on_attempt(self, line: Line) -> None:
        """A request to WhatsApp began."""
        self._behind_ms["attempt"] = line["at_ms"] - line["started_at_ms"]
        event = self.events.get(line["event_id"])
        if event is not None:
            started = Attempt(
                line["attempt_id"],
                line["at_ms"],
                line["started_at_ms"],
                event.expires_at_ms,
                line["outcome"],
            )
            event.attempts.setdefault(line["part"], []).append(started)

    def on_attempt_ended(self, line: Line) -> None:
        """It is known what came of a request."""
        event = self.events.get(line["event_id"])
        for each in event.attempts.get(line["part"], ()) if event else ():
            if each.id == line["attempt_id"]:
                each.outcome, each.provider_code = line["outcome"], line["provider_code"]

    def on_decision(self, line: Line) -> None:
        """The policy decided."""
        self._behind_ms["decision"] = line["at_ms"] - line["decided_at_ms"]

    @property
    def behind_ms(self) -> int:
        """How far the gateway's clock is behind the database's, as its last rows show it."""
        return max([0, *self._behind_ms.values()])

    def is_paused(self, event: Event) -> bool:
        """Whether the event's account, instance or integration is paused."""
        holders = (
            ("account", event.account_id),
            ("instance", event.instance_id),
            ("integration", event.integration_id or ""),
        )
        return any(holder in self.paused for holder in holders)

    @cached_property
    def messages(self) -> list[Message]:
        """The posts by what makes them one; each with the events that they became."""
        by_key: dict[object, Message] = {}
        by_text: dict[str, Message] = {}
        for number, post in enumerate(self.posts):
            key = number if post["key"] is None else (post["integration_id"], post["key"])
            message = by_key.setdefault(key, Message([]))
            message.posts.append(post)
            if post["event_id"] is not None:
                message.event_ids.add(post["event_id"])
            by_text.setdefault(post["text"], message)
        answered = {post["event_id"] for post in self.posts}
        for event_id, text in self._texts.items():
            if event_id not in answered and text in by_text:
                by_text[text].event_ids.add(event_id)
        return list(by_key.values())

    @cached_property
    def message_of(self) -> dict[str, Message]:
        """The message that each event came of, as far as that is known."""
        return {event_id: each for each in self.messages for event_id in each.event_ids}

    @cached_property
    def receipts_of(self) -> dict[str, list[Receipt]]:
        """What WhatsApp took of each event, in order."""
        taken: dict[str, list[Receipt]] = defaultdict(list)
        for each in self.receipts:
            taken[each.event_id].append(each)
        return taken

    @property
    def _texts(self) -> dict[str, str]:
        """What WhatsApp took of each event, put together again."""
        texts = {}
        for event_id, taken in self.receipts_of.items():
            by_part = {each.part: each.text for each in taken}
            texts[event_id] = "".join(by_part[part] for part in sorted(by_part))
        return texts

    @cached_property
    def conversations(self) -> dict[str, list[Event]]:
        """The events of each conversation, in the order of their rows."""
        threads: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.events.values(), key=lambda each: each.seq):
            if event.conversation is not None:
                threads[event.conversation].append(event)
        return threads
