"""The gateway's own lines in agents' chat: what became of a message, why, and what to do.

Each begins with a mark and a head, by which it is known should somebody send it back to us.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ErrorCode

NOT_SENT, AFTER_ALL, AUTOMATIC = "⚠", "✓", "↪"
_QUOTED_CHARACTERS = 40
_EMOJI_STYLE = "\ufe0f"  # a chat on the way may add it to a mark


@dataclass(frozen=True, slots=True)
class Words:
    """One language's.

    `reasons` say for each code why, and what to do; `unconfirmed` the same where nobody knows.
    """

    not_sent: str
    maybe_sent: str
    after_all: str
    automatic: str
    unconfirmed: str
    silence: str
    reasons: Mapping[str, str]


def not_sent(code: str | None, text: str | None, language: str) -> str:
    """The line for a reply that was not sent, or (without a code) perhaps not.

    Args:
        code: of ErrorCode.
        text: the reply, of which the first 40 characters are quoted.
        language: ISO 639; English where we have no words.
    """
    words = _of(language)
    if code is None:
        return f"{NOT_SENT} {words.maybe_sent}{_quote(text)}: {words.unconfirmed}"
    # A code of tomorrow still says that it failed, and whom to ask.
    why = words.reasons.get(code) or words.reasons[ErrorCode.GATEWAY_SEND_FAILED]
    return f"{NOT_SENT} {words.not_sent}{_quote(text)}: {why}"


def after_all(text: str | None, language: str) -> str:
    """The line for a reply of which an earlier line said otherwise."""
    return f"{AFTER_ALL} {_of(language).after_all}{_quote(text)}"


def automatic(text: str | None, language: str) -> str:
    """The line for a message that the gateway sent by itself: the whole of it."""
    return f"{AUTOMATIC} {_of(language).automatic}: {text or ''}"


def last_for_now(line: str, language: str) -> str:
    """The line, and that those after it are left out."""
    return f"{line} ({_of(language).silence})"


def is_ours(text: str | None) -> bool:
    """Whether a text begins as one of our lines does, in whichever language."""
    return _BEGINNING.match((text or "").lstrip().replace(_EMOJI_STYLE, "", 1)) is not None


def _of(language: str) -> Words:
    return LANGUAGES.get(language, LANGUAGES["en"])


def _quote(text: str | None) -> str:
    whole = " ".join((text or "").split())
    shown = whole[:_QUOTED_CHARACTERS].rstrip()
    dots = "…" if shown != whole else ""
    return f" “{shown}{dots}”" if whole else ""


LANGUAGES: Mapping[str, Words] = {
    "en": Words(
        not_sent="Not delivered",
        maybe_sent="Perhaps not delivered",
        after_all="Delivered after all",
        automatic="Sent automatically",
        unconfirmed="WhatsApp has not confirmed it. Ask the customer before you send it again.",
        silence="Further notes are left out for some minutes.",
        reasons={
            "recipient_suppressed": "the customer opted out or is blocked. They get messages "
            "again once they write START.",
            "conversation_window_closed": "the customer has not written within the last 24 hours. "
            "You can reply once they write to the WhatsApp number.",
            "message_purpose_not_allowed": "its purpose is missing or not allowed. "
            "Ask your administrator.",
            "outbound_disabled": "replies are switched off. Ask your administrator.",
            "module_not_enabled": "3CX is not enabled for this account. Ask your administrator.",
            "policy_violation": "it reads like advertising or a broadcast, or holds a blocked "
            "phrase or a shortened link. Change the text.",
            "daily_message_limit_exceeded": "the plan's message limit is reached. Send it later, "
            "or ask your administrator for a higher limit.",
            "sending_throttled": "it could not go out in time. Send it again later.",
            "gateway_send_failed": "WhatsApp could not deliver it. Send it again later; ask your "
            "administrator if it goes on.",
            "missing_phone": "there is no number to send it to. Ask your administrator.",
            "missing_message_text": "it is empty. Write a text.",
            "unsupported_event_type": "its type is unknown. Ask your administrator.",
            "unknown_did": "your number is not connected to WhatsApp. Ask your administrator.",
            "media_not_accepted": "WhatsApp does not take its file, or it could not be "
            "fetched. Send another file.",
        },
    ),
    "ar": Words(
        not_sent="لم تُسلَّم",
        maybe_sent="ربما لم تُسلَّم",
        after_all="سُلِّمت في النهاية",
        automatic="أُرسلت تلقائيا",
        unconfirmed="لم يؤكد واتساب التسليم. اسأل العميل قبل أن ترسلها مرة أخرى.",
        silence="لن تظهر ملاحظات أخرى لبضع دقائق.",
        reasons={
            "recipient_suppressed": "العميل ألغى الاشتراك أو محظور. تصله الرسائل مجددا بعد أن "
            "يكتب START.",
            "conversation_window_closed": "لم يكتب العميل خلال آخر 24 ساعة. يمكنك الرد بعد أن "
            "يكتب إلى رقم واتساب.",
            "message_purpose_not_allowed": "غرض الرسالة ناقص أو غير مسموح به. اسأل المسؤول.",
            "outbound_disabled": "الردود معطلة. اسأل المسؤول.",
            "module_not_enabled": "خدمة 3CX غير مفعلة لهذا الحساب. اسأل المسؤول.",
            "policy_violation": "تبدو كإعلان أو رسالة جماعية، أو فيها عبارة محظورة أو رابط مختصر. "
            "غيّر النص.",
            "daily_message_limit_exceeded": "تم بلوغ حد الرسائل في الخطة. أرسلها لاحقا أو اطلب من "
            "المسؤول حدا أعلى.",
            "sending_throttled": "تعذر إرسالها في الوقت المناسب. أرسلها مرة أخرى لاحقا.",
            "gateway_send_failed": "تعذر على واتساب تسليمها. أرسلها مرة أخرى لاحقا، واسأل المسؤول "
            "إذا استمر ذلك.",
            "missing_phone": "لا يوجد رقم لإرسالها إليه. اسأل المسؤول.",
            "missing_message_text": "الرسالة فارغة. اكتب نصا.",
            "unsupported_event_type": "نوعها غير معروف. اسأل المسؤول.",
            "unknown_did": "رقمك غير مرتبط بواتساب. اسأل المسؤول.",
            "media_not_accepted": "لا يقبل واتساب الملف أو تعذر جلبه. أرسل ملفا آخر.",
        },
    ),
    "es": Words(
        not_sent="No entregado",
        maybe_sent="Quizá no entregado",
        after_all="Entregado al final",
        automatic="Enviado automáticamente",
        unconfirmed="WhatsApp no lo ha confirmado. Pregunte al cliente antes de repetirlo.",
        silence="Durante unos minutos no se mostrarán más avisos.",
        reasons={
            "recipient_suppressed": "el cliente se dio de baja o está bloqueado. Volverá a recibir "
            "mensajes cuando escriba ALTA.",
            "conversation_window_closed": "el cliente no ha escrito en las últimas 24 horas. Podrá "
            "responder cuando escriba al número de WhatsApp.",
            "message_purpose_not_allowed": "falta la finalidad o no está permitida. "
            "Consulte a su administrador.",
            "outbound_disabled": "las respuestas están desactivadas. Consulte a su administrador.",
            "module_not_enabled": "3CX no está activado en esta cuenta. "
            "Consulte a su administrador.",
            "policy_violation": "parece publicidad o un envío masivo, o contiene una frase "
            "bloqueada o un enlace acortado. Cambie el texto.",
            "daily_message_limit_exceeded": "se alcanzó el límite de mensajes del plan. Envíelo "
            "más tarde o pida a su administrador un límite mayor.",
            "sending_throttled": "no pudo salir a tiempo. Envíelo de nuevo más tarde.",
            "gateway_send_failed": "WhatsApp no pudo entregarlo. Envíelo de nuevo más tarde; si se "
            "repite, consulte a su administrador.",
            "missing_phone": "no hay número al que enviarlo. Consulte a su administrador.",
            "missing_message_text": "está vacío. Escriba un texto.",
            "unsupported_event_type": "su tipo es desconocido. Consulte a su administrador.",
            "unknown_did": "su número no está conectado a WhatsApp. Consulte a su administrador.",
            "media_not_accepted": "WhatsApp no admite el archivo o no se pudo obtener. "
            "Envíe otro archivo.",
        },
    ),
    "fr": Words(
        not_sent="Non remis",
        maybe_sent="Peut-être non remis",
        after_all="Finalement remis",
        automatic="Envoyé automatiquement",
        unconfirmed="WhatsApp ne l'a pas confirmé. Demandez au client avant de le renvoyer.",
        silence="Les remarques suivantes sont omises pendant quelques minutes.",
        reasons={
            "recipient_suppressed": "le client s'est désabonné ou est bloqué. Il recevra de "
            "nouveau des messages après avoir écrit START.",
            "conversation_window_closed": "le client n'a pas écrit au cours des dernières "
            "24 heures. Vous pourrez répondre dès qu'il écrira au numéro WhatsApp.",
            "message_purpose_not_allowed": "sa finalité manque ou n'est pas autorisée. "
            "Demandez à votre administrateur.",
            "outbound_disabled": "les réponses sont désactivées. Demandez à votre administrateur.",
            "module_not_enabled": "3CX n'est pas activé pour ce compte. "
            "Demandez à votre administrateur.",
            "policy_violation": "il ressemble à de la publicité ou à un envoi de masse, ou "
            "contient une expression bloquée ou un lien raccourci. Modifiez le texte.",
            "daily_message_limit_exceeded": "la limite de messages du forfait est atteinte. "
            "Renvoyez-le plus tard, ou demandez à votre administrateur une limite plus haute.",
            "sending_throttled": "il n'a pas pu partir à temps. Renvoyez-le plus tard.",
            "gateway_send_failed": "WhatsApp n'a pas pu le remettre. Renvoyez-le plus tard ; si "
            "cela continue, demandez à votre administrateur.",
            "missing_phone": "il n'y a pas de numéro de destinataire. "
            "Demandez à votre administrateur.",
            "missing_message_text": "il est vide. Écrivez un texte.",
            "unsupported_event_type": "son type est inconnu. Demandez à votre administrateur.",
            "unknown_did": "votre numéro n'est pas relié à WhatsApp. "
            "Demandez à votre administrateur.",
            "media_not_accepted": "WhatsApp n'accepte pas le fichier, ou il n'a pas pu "
            "être récupéré. Envoyez un autre fichier.",
        },
    ),
    "de": Words(
        not_sent="Nicht zugestellt",
        maybe_sent="Vielleicht nicht zugestellt",
        after_all="Doch zugestellt",
        automatic="Automatisch gesendet",
        unconfirmed="WhatsApp hat es nicht bestätigt. Fragen Sie vor dem Wiederholen den Kunden.",
        silence="Weitere Hinweise entfallen für einige Minuten.",
        reasons={
            "recipient_suppressed": "Der Kunde hat sich abgemeldet oder ist gesperrt. Schreibt er "
            "START, erhält er wieder Nachrichten.",
            "conversation_window_closed": "Der Kunde hat in den letzten 24 Stunden nicht "
            "geschrieben. Antworten ist möglich, sobald er an die WhatsApp-Nummer schreibt.",
            "message_purpose_not_allowed": "Der Zweck fehlt oder ist nicht erlaubt. "
            "Fragen Sie Ihren Administrator.",
            "outbound_disabled": "Antworten sind abgeschaltet. Fragen Sie Ihren Administrator.",
            "module_not_enabled": "3CX ist für dieses Konto nicht freigeschaltet. "
            "Fragen Sie Ihren Administrator.",
            "policy_violation": "Der Text wirkt wie Werbung oder ein Rundschreiben oder enthält "
            "eine gesperrte Wendung oder einen Kurzlink. Ändern Sie ihn.",
            "daily_message_limit_exceeded": "Das Nachrichtenlimit des Tarifs ist erreicht. Senden "
            "Sie später, oder bitten Sie Ihren Administrator um ein höheres Limit.",
            "sending_throttled": "Sie konnte nicht rechtzeitig hinaus. Senden Sie sie später noch "
            "einmal.",
            "gateway_send_failed": "WhatsApp konnte sie nicht zustellen. Senden Sie sie später "
            "noch einmal; bleibt es dabei, fragen Sie Ihren Administrator.",
            "missing_phone": "Es fehlt die Nummer des Kunden. Fragen Sie Ihren Administrator.",
            "missing_message_text": "Sie ist leer. Schreiben Sie einen Text.",
            "unsupported_event_type": "Ihre Art ist unbekannt. Fragen Sie Ihren Administrator.",
            "unknown_did": "Ihre Nummer ist nicht mit WhatsApp verbunden. "
            "Fragen Sie Ihren Administrator.",
            "media_not_accepted": "WhatsApp nimmt die Datei nicht an, oder sie war nicht "
            "abzurufen. Senden Sie eine andere Datei.",
        },
    ),
    "pt": Words(
        not_sent="Não entregue",
        maybe_sent="Talvez não entregue",
        after_all="Entregue afinal",
        automatic="Enviado automaticamente",
        unconfirmed="O WhatsApp não confirmou. Pergunte ao cliente antes de enviar de novo.",
        silence="Outros avisos serão omitidos por alguns minutos.",
        reasons={
            "recipient_suppressed": "o cliente cancelou ou está bloqueado. Voltará a receber "
            "mensagens quando escrever START.",
            "conversation_window_closed": "o cliente não escreveu nas últimas 24 horas. Você "
            "poderá responder quando ele escrever para o número do WhatsApp.",
            "message_purpose_not_allowed": "a finalidade falta ou não é permitida. "
            "Fale com o administrador.",
            "outbound_disabled": "as respostas estão desativadas. Fale com o administrador.",
            "module_not_enabled": "o 3CX não está ativado nesta conta. Fale com o administrador.",
            "policy_violation": "parece publicidade ou envio em massa, ou contém uma expressão "
            "bloqueada ou um link encurtado. Altere o texto.",
            "daily_message_limit_exceeded": "o limite de mensagens do plano foi atingido. Envie "
            "mais tarde ou peça ao administrador um limite maior.",
            "sending_throttled": "não pôde sair a tempo. Envie de novo mais tarde.",
            "gateway_send_failed": "o WhatsApp não conseguiu entregar. Envie de novo mais tarde; "
            "se continuar, fale com o administrador.",
            "missing_phone": "não há número para o envio. Fale com o administrador.",
            "missing_message_text": "está vazia. Escreva um texto.",
            "unsupported_event_type": "o tipo é desconhecido. Fale com o administrador.",
            "unknown_did": "o seu número não está ligado ao WhatsApp. Fale com o administrador.",
            "media_not_accepted": "o WhatsApp não aceita o ficheiro, ou não foi possível "
            "obtê-lo. Envie outro ficheiro.",
        },
    ),
}

# What follows a head in a line of ours: an agent may begin a sentence with the same words.
_BEGINNING = re.compile(
    "|".join(
        re.escape(f"{mark} {head}") + r"(?:: | “| \(|\Z)"
        for words in LANGUAGES.values()
        for mark, heads in (
            (NOT_SENT, (words.not_sent, words.maybe_sent)),
            (AFTER_ALL, (words.after_all,)),
            (AUTOMATIC, (words.automatic,)),
        )
        for head in heads
    )
)
