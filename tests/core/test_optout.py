# ruff: noqa: RUF001 - look-alike letters are what is tested
import time

import pytest

from core import optout
from core.optout import Keyword

DEFAULT_WORDS = [word for word in optout.WORDS if word.is_default]
OPTIONAL_WORDS = [word for word in optout.WORDS if not word.is_default]


@pytest.mark.parametrize("word", DEFAULT_WORDS, ids=lambda word: word.text)
@pytest.mark.parametrize(
    "dress", ["{}", "  {}!! ", "{}.", "«{}»", "*{}*", "\u200f{}\u200e\n", "{} 🛑"]
)
def test_every_default_word_is_heard_in_every_dress(word, dress):
    for spelling in (word.text, word.text.lower(), word.text.title()):
        assert optout.read([dress.format(spelling)]) is word.keyword


@pytest.mark.parametrize("word", OPTIONAL_WORDS, ids=lambda word: word.text)
def test_ordinary_words_of_a_support_chat_are_heard_only_when_the_account_wants_them(word):
    everything = optout.Vocabulary.of(
        [word.text for word in optout.WORDS if word.keyword is Keyword.STOP],
        [word.text for word in optout.WORDS if word.keyword is Keyword.START],
    )

    assert optout.read([word.text]) is None
    assert optout.read([word.text], everything) is word.keyword


def test_cancel_end_and_yes_are_the_words_that_are_off():
    assert {word.text for word in OPTIONAL_WORDS} == {"CANCEL", "END", "YES"}


@pytest.mark.parametrize(
    "message",
    [
        "ايقاف", "أيقاف", "آيقاف", "ٱيقاف", "إيـقـاف", "إِيقَاف", "إيقاف؟!", "إیقاف",
        "تَوَقَّفْ", "تـــوقف", "الغاء الاشتراك", "إلغاء  الإشتراك", "إلغاء\u00a0الاشتراك",
        "ＳＴＯＰ", "Ⓢⓣⓞⓟ", "𝐒𝐓𝐎𝐏", "S.T.O.P", "s\u200bt\u00ado\u2060p", "ｓｔｏｐ！",
        "stop-all", "Opt–Out", "opt\nout", "arrêt", "arre\u0302t", "Arret", "desabonner",
        "Désabonner.", "darme  de baja", "Stopp!", "sair…",
    ],
)  # fmt: skip
def test_a_spelling_of_a_stop_word_is_the_word(message):
    assert optout.read([message]) is Keyword.STOP


@pytest.mark.parametrize(
    "message",
    [
        "please stop by tomorrow", "stop it", "don't stop", "bus stop", "STOP STOP", "s t o p",
        "nonstop", "stops", "the end", "start again tomorrow", "How do I unsubscribe?",
        "remove the second item", "je veux un arrêt de bus", "dame de baja la línea",
        "la batería está baja", "quiero darme de baja mañana", "ich möchte mich abmelden",
        "kannst du das stoppen", "não quero parar", "vou sair agora", "quero cancelar o pedido",
        "متى توقف الخدمة", "أريد إلغاء الاشتراك الآن", "توقفت", "إيقاف مؤقت",
        "", "   ", "!!!", "🛑", "\u200f", "ـ", "1", "no",
    ],
)  # fmt: skip
def test_a_message_that_says_more_or_else_is_no_wish(message):
    assert optout.read([message]) is None


def test_nothing_said_is_no_wish():
    assert optout.read([]) is None


def test_a_button_counts_by_its_payload_or_its_title():
    assert optout.read(["PREF_7", "Stop"]) is Keyword.STOP
    assert optout.read(["START", "Yes, please go on"]) is Keyword.START


def test_stop_wins_over_start():
    assert optout.read(["START", "Stop"]) is Keyword.STOP
    assert optout.read(["x"], optout.Vocabulary.of(["x"], ["X"])) is Keyword.STOP


def test_an_account_brings_words_of_its_own():
    words = optout.Vocabulary.of(["  Genug! ", "لا تراسلني", "!!"], ["Weiter"])

    assert optout.read(["genug"], words) is Keyword.STOP
    assert optout.read(["لا تُراسِلني."], words) is Keyword.STOP
    assert optout.read(["WEITER"], words) is Keyword.START
    assert optout.read(["STOP"], words) is None
    assert optout.read(["!!"], words) is None


@pytest.mark.parametrize(
    ("heard", "language"),
    [
        (["STOP"], "en"), (["Baja."], "es"), (["arrêt"], "fr"), (["abmelden"], "de"),
        (["sair"], "pt"), (["ايقاف"], "ar"), (["PREF_7", "توقف"], "ar"),
        (["genug"], "en"), ([], "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_word_is_known_and_english_otherwise(heard, language):
    assert optout.language(heard) == language


def test_every_word_names_its_language():
    assert {word.language for word in optout.WORDS} == {"en", "fr", "es", "de", "pt", "ar"}


@pytest.mark.parametrize("unit", ["\u0301\u0323", "\uff9e\u1b44", "\ufdfa", "أ", "!", "stop "])
def test_a_long_message_is_read_in_linear_time(unit):
    message = unit * (65_536 // len(unit))

    started = time.perf_counter()
    assert optout.read([message]) is None

    assert time.perf_counter() - started < 0.5
