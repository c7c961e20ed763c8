"""The table of targets."""

from __future__ import annotations

from tests.fuzz import door, parsers
from tests.fuzz.target import Target, pure

TARGETS = {
    each.name: each
    for each in (
        Target("threecx", 180, parsers.threecx_body, parsers.payload_reader),
        Target("chat", 50, parsers.chat_body, pure(parsers.chat_is_read)),
        Target("meta", 190, parsers.meta_body, pure(parsers.notification_is_read)),
        Target("lines", 60, parsers.meta_body, pure(parsers.lines_are_read)),
        Target("harmless", 40, parsers.customers_text, pure(parsers.text_is_harmless)),
        Target("answers", 120, parsers.meta_answer, pure(parsers.answer_is_judged)),
        Target("phone", 150, parsers.number, pure(parsers.number_is_normalised)),
        Target("optout", 90, parsers.said, pure(parsers.word_is_heard)),
        Target("parts", 20, parsers.long_text, pure(parsers.text_is_cut)),
        Target("scrub", 70, parsers.log_line, pure(parsers.line_is_scrubbed)),
        Target("http", 90, parsers.pieces_of_http, pure(parsers.request_is_parsed)),
        Target("door", 36, door.request, door.opened),
        Target("socket", 4, parsers.pieces_of_http, door.listening),
    )
}
