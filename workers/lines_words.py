"""The few words of our own in the lines that agents read, in the languages of an integration."""

from collections.abc import Mapping
from enum import StrEnum


class Word(StrEnum):
    """What a line says about a message, beside what the customer wrote."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    BUTTON = "button"
    CHOICE = "choice"
    FORM = "form"
    REACTED = "reacted"
    UNREACTED = "unreacted"
    REPLY = "reply"
    REPLY_TO = "reply_to"
    FORWARDED = "forwarded"
    EDITED = "edited"
    DELETED = "deleted"
    ORDER = "order"
    PRODUCT = "product"
    NOTICE = "notice"
    AD = "ad"
    OPENED = "opened"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    NO_LINK = "no_link"

    def in_language(self, language: str) -> str:
        """The word in a language; in English where there is no such."""
        return _WORDS.get(language, _WORDS["en"])[_ORDER.index(self)]


_ORDER = list(Word)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Image", "Video", "Audio", "Voice message", "Document", "Sticker", "Location", "Contact",
        "Button", "Choice", "Form", "Reacted with", "Took a reaction back", "Reply", "Reply to",
        "Forwarded", "Edited", "Deleted a message", "Order", "About a product", "Notice",
        "From an ad", "Opened the chat", "Empty message", "Unsupported message",
        "no link, for PUBLIC_URL is not set",
    ),
    "ar": (
        "صورة", "فيديو", "صوت", "رسالة صوتية", "مستند", "ملصق", "موقع", "جهة اتصال",
        "زر", "اختيار", "نموذج", "تفاعل بـ", "أزال تفاعلا", "رد", "رد على",
        "رسالة معاد توجيهها", "تم التعديل", "حذف رسالة", "طلب", "بخصوص منتج", "إشعار",
        "من إعلان", "فتح المحادثة", "رسالة فارغة", "رسالة غير مدعومة",
        "لا يوجد رابط لأن PUBLIC_URL غير مضبوط",
    ),
    "es": (
        "Imagen", "Vídeo", "Audio", "Mensaje de voz", "Documento", "Sticker", "Ubicación",
        "Contacto", "Botón", "Opción", "Formulario", "Reaccionó con", "Retiró una reacción",
        "Respuesta", "Respuesta a", "Reenviado", "Editado", "Eliminó un mensaje", "Pedido",
        "Sobre un producto", "Aviso", "Desde un anuncio", "Abrió el chat", "Mensaje vacío",
        "Mensaje no compatible", "sin enlace, porque PUBLIC_URL no está definida",
    ),
    "fr": (
        "Image", "Vidéo", "Audio", "Message vocal", "Document", "Autocollant", "Position",
        "Contact", "Bouton", "Choix", "Formulaire", "A réagi avec", "A retiré une réaction",
        "Réponse", "Réponse à", "Transféré", "Modifié", "A supprimé un message", "Commande",
        "Au sujet d'un produit", "Avis", "Depuis une publicité", "A ouvert la discussion",
        "Message vide", "Message non pris en charge", "aucun lien, car PUBLIC_URL n'est pas défini",
    ),
    "de": (
        "Bild", "Video", "Audio", "Sprachnachricht", "Dokument", "Sticker", "Standort", "Kontakt",
        "Schaltfläche", "Auswahl", "Formular", "Reagierte mit", "Nahm eine Reaktion zurück",
        "Antwort", "Antwort auf", "Weitergeleitet", "Bearbeitet", "Löschte eine Nachricht",
        "Bestellung", "Zu einem Produkt", "Hinweis", "Über eine Anzeige", "Öffnete den Chat",
        "Leere Nachricht", "Nicht unterstützte Nachricht",
        "kein Link, denn PUBLIC_URL ist nicht gesetzt",
    ),
    "pt": (
        "Imagem", "Vídeo", "Áudio", "Mensagem de voz", "Documento", "Figurinha", "Localização",
        "Contato", "Botão", "Opção", "Formulário", "Reagiu com", "Retirou uma reação",
        "Resposta", "Resposta a", "Encaminhada", "Editada", "Apagou uma mensagem", "Pedido",
        "Sobre um produto", "Aviso", "De um anúncio", "Abriu a conversa", "Mensagem vazia",
        "Mensagem não suportada", "sem link, pois PUBLIC_URL não está definida",
    ),
}  # fmt: skip
