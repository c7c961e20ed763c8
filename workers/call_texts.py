"""The texts of call events: the customer's own or ours, filled with what is known of the call."""

import re
from collections.abc import Mapping
from datetime import datetime

from core.words import EventType

VARIABLES = ("customer_phone", "agent_extension", "queue", "call_time", "business_name")
LONGEST_TEXT = 12_288  # three messages of WhatsApp's

_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
_LONGEST_VALUE = 60
_LONGEST_TIME = 40
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")

# What somebody who has just called expects to read, and nothing that sells.
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        EventType.MISSED_CALL: "We are sorry that we missed your call at {{call_time}}. You can "
        "write to us here, and we will answer as soon as we can. {{business_name}}",
        EventType.VOICEMAIL: "Thank you for your voice message of {{call_time}}. We will listen "
        "to it and come back to you. {{business_name}}",
        EventType.CALL_ENDED: "Thank you for your call. If a question is left, please write to "
        "us here. {{business_name}}",
        EventType.QUEUE_CALLBACK: "We have noted that you would like to be called back on "
        "{{customer_phone}}, and will call as soon as somebody is free. {{business_name}}",
        EventType.AFTER_HOURS: "Thank you for your call at {{call_time}}. We are closed at the "
        "moment. Please write to us here, and we will answer when we are back. {{business_name}}",
    },
    "ar": {
        EventType.MISSED_CALL: "نعتذر، لم نتمكن من الرد على مكالمتك الساعة {{call_time}}. يمكنك "
        "مراسلتنا هنا وسنجيبك في أقرب وقت ممكن. {{business_name}}",
        EventType.VOICEMAIL: "شكرا لرسالتك الصوتية الساعة {{call_time}}. سنستمع إليها ونعاود "
        "التواصل معك. {{business_name}}",
        EventType.CALL_ENDED: "شكرا لاتصالك. إذا بقي لديك أي سؤال فاكتب لنا هنا من فضلك. "
        "{{business_name}}",
        EventType.QUEUE_CALLBACK: "سجلنا طلبك بمعاودة الاتصال بك على الرقم {{customer_phone}}، "
        "وسنتصل بك حالما يتفرغ أحد موظفينا. {{business_name}}",
        EventType.AFTER_HOURS: "شكرا لاتصالك الساعة {{call_time}}. نحن الآن خارج أوقات العمل. "
        "اكتب لنا هنا من فضلك وسنجيبك عند عودتنا. {{business_name}}",
    },
    "es": {
        EventType.MISSED_CALL: "Sentimos no haber podido atender su llamada de las "
        "{{call_time}}. Puede escribirnos aquí y le responderemos lo antes posible. "
        "{{business_name}}",
        EventType.VOICEMAIL: "Gracias por su mensaje de voz de las {{call_time}}. Lo "
        "escucharemos y nos pondremos en contacto con usted. {{business_name}}",
        EventType.CALL_ENDED: "Gracias por su llamada. Si le queda alguna pregunta, escríbanos "
        "aquí, por favor. {{business_name}}",
        EventType.QUEUE_CALLBACK: "Hemos anotado que desea que le llamemos al "
        "{{customer_phone}} y lo haremos en cuanto alguien esté libre. {{business_name}}",
        EventType.AFTER_HOURS: "Gracias por su llamada de las {{call_time}}. En este momento "
        "estamos cerrados. Escríbanos aquí, por favor, y le responderemos a la vuelta. "
        "{{business_name}}",
    },
    "fr": {
        EventType.MISSED_CALL: "Nous regrettons d'avoir manqué votre appel de {{call_time}}. "
        "Vous pouvez nous écrire ici, et nous vous répondrons dès que possible. "
        "{{business_name}}",
        EventType.VOICEMAIL: "Merci pour votre message vocal de {{call_time}}. Nous "
        "l'écouterons et reviendrons vers vous. {{business_name}}",
        EventType.CALL_ENDED: "Merci pour votre appel. S'il vous reste une question, "
        "écrivez-nous ici. {{business_name}}",
        EventType.QUEUE_CALLBACK: "Nous avons noté votre demande de rappel au "
        "{{customer_phone}} et vous appellerons dès que quelqu'un sera libre. "
        "{{business_name}}",
        EventType.AFTER_HOURS: "Merci pour votre appel de {{call_time}}. Nous sommes fermés en "
        "ce moment. Écrivez-nous ici, et nous vous répondrons à notre retour. "
        "{{business_name}}",
    },
    "de": {
        EventType.MISSED_CALL: "Leider haben wir Ihren Anruf um {{call_time}} verpasst. Sie "
        "können uns hier schreiben, wir antworten so bald wie möglich. {{business_name}}",
        EventType.VOICEMAIL: "Vielen Dank für Ihre Sprachnachricht von {{call_time}}. Wir hören "
        "sie an und melden uns bei Ihnen. {{business_name}}",
        EventType.CALL_ENDED: "Vielen Dank für Ihren Anruf. Wenn noch eine Frage offen ist, "
        "schreiben Sie uns bitte hier. {{business_name}}",
        EventType.QUEUE_CALLBACK: "Wir haben notiert, dass Sie unter {{customer_phone}} "
        "zurückgerufen werden möchten, und rufen an, sobald jemand frei ist. "
        "{{business_name}}",
        EventType.AFTER_HOURS: "Vielen Dank für Ihren Anruf um {{call_time}}. Wir haben gerade "
        "geschlossen. Schreiben Sie uns bitte hier, wir antworten, sobald wir wieder da sind. "
        "{{business_name}}",
    },
    "pt": {
        EventType.MISSED_CALL: "Lamentamos não ter atendido a sua chamada das {{call_time}}. "
        "Pode escrever-nos aqui, e responderemos assim que possível. {{business_name}}",
        EventType.VOICEMAIL: "Obrigado pela sua mensagem de voz das {{call_time}}. Vamos "
        "ouvi-la e entraremos em contacto. {{business_name}}",
        EventType.CALL_ENDED: "Obrigado pela sua chamada. Se ficou alguma dúvida, escreva-nos "
        "aqui, por favor. {{business_name}}",
        EventType.QUEUE_CALLBACK: "Registámos que deseja que lhe liguemos para "
        "{{customer_phone}}, e ligaremos assim que alguém estiver livre. {{business_name}}",
        EventType.AFTER_HOURS: "Obrigado pela sua chamada das {{call_time}}. Neste momento "
        "estamos fechados. Escreva-nos aqui, por favor, e responderemos quando voltarmos. "
        "{{business_name}}",
    },
}


def default(event_type: str, language: str) -> str:
    """Our text for a call event; in English for a language that we do not have."""
    return DEFAULTS.get(language, DEFAULTS["en"])[event_type]


def variables_in(text: str) -> list[str]:
    """The names of the variables that a text asks for, known or not, in order."""
    return [name.strip() for name in _VARIABLE.findall(text)]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; one that is not known leaves nothing behind."""
    return _VARIABLE.sub(lambda found: _line(values.get(found[1].strip(), "")), text).strip()


def shown_time(written: str, received: datetime) -> str:
    """A call's time as the customer reads it.

    Args:
        written: as it came: ISO 8601 is shown as local HH:MM (without an offset it is local
            already), another short text as it was written.
        received: when the event came, in the account's zone; its HH:MM serves where nothing was
            written.
    """
    bare = " ".join(written.split())
    if _TIMESTAMP.match(bare):
        try:
            at = datetime.fromisoformat(bare)
            local = at.replace(tzinfo=at.tzinfo or received.tzinfo)
            return f"{local.astimezone(received.tzinfo):%H:%M}"
        except (ValueError, OverflowError):
            bare = ""
    is_words = bare.isprintable() and not bare.isdecimal() and len(bare) <= _LONGEST_TIME
    return bare if bare and is_words else f"{received:%H:%M}"


def _line(value: str) -> str:
    return "".join(filter(str.isprintable, " ".join(value.split())))[:_LONGEST_VALUE]
