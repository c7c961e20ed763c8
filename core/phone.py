import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}")

_LONGEST_INPUT = 64
_DIGITS_ITU = range(7, 16)
_DOTS = "•" * 5

# Format characters (bidi marks, zero-width) are dropped by their Unicode category.
_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015\u2212]")
# A zero right behind a country code is either a trunk prefix left in (+966 05…, +44 (0)20 …) or
# part of the number (Italy): only the library knows.
_COUNTRY = r"(?>[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3})"
_ZERO_AFTER_COUNTRY = re.compile(rf"\+{_COUNTRY}0")
_CLEAN = re.compile(rf"\+(?=[1-9][0-9]{{6,14}}\Z){_COUNTRY}[1-9]")


def normalise(value: object, region: str | None) -> str | None:
    """Read a number as people and phone systems store it.

    Takes text, or a whole JSON number, and the region (ISO 3166, `SA`) in which a national number
    is read; without one, only numbers with `+` or `00` can be read. Gives E.164 with `+`, or None
    where there is no usable number: empty, an unfilled `[Number]`, letters, too long or too short.

    With `+` or `00` the ITU's bounds decide (7 to 15 digits, the first not 0). A national number
    must have a possible length in its region; whether its range is assigned is not asked, because
    new ranges open faster than metadata is updated, and a wrong number was never in a window. Too
    long for its region, it is taken for an international one that lost its `+` (3CX may drop it),
    and as that is a guess, it must then be a valid number.
    Source: "Numbers come as people store them" in the webhook contract; ITU-T E.164.
    """
    if isinstance(value, str) and _CLEAN.match(value):
        return value
    text = _plain(value)
    if text is None:
        return None
    digits = _SEPARATORS.sub("", text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        return _international(digits)
    return _national(digits, region) if _is_digits(digits) else None


def address(value: object, region: str | None) -> str | None:
    """Whom a message is for: a number as `normalise` reads it, or a business-scoped user id.

    A customer who goes by a user name has no number that we are told; their id stands for it, as
    Meta writes it: two capital letters, a dot, letters and digits.
    """
    if isinstance(value, str) and USER_ID.fullmatch(value.strip()):
        return value.strip()
    return normalise(value, region)


def mask(e164: str) -> str:
    """Make an E.164 number fit for lists that people see: `+9665•••••21`.

    The number of dots says nothing; of a short number less is shown.
    """
    shown = 5 if len(e164) > 10 else 2  # noqa: PLR2004 - the plus, a country code and a digit
    return e164[:shown] + _DOTS + e164[-2:] if len(e164) > shown + 4 else _DOTS


def is_region(code: str) -> bool:
    """Tell whether national numbers can be read in this region (ISO 3166, upper case: `SA`)."""
    from phonenumbers import SUPPORTED_REGIONS

    return code in SUPPORTED_REGIONS


def _plain(value: object) -> str | None:
    """Text in ASCII digits without invisible characters; None where no number can be in it."""
    if isinstance(value, int):
        return str(value) if 0 < value < 10**_DIGITS_ITU.stop else None
    if not isinstance(value, str) or len(value) > _LONGEST_INPUT:
        return None
    return value if value.isascii() else "".join(map(_ascii, value))


def _ascii(char: str) -> str:
    """A digit of any script as ASCII, an invisible character as nothing, full width as narrow."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return "" if unicodedata.category(char) == "Cf" else unicodedata.normalize("NFKC", char)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _fits_itu(digits: str) -> bool:
    return len(digits) in _DIGITS_ITU and digits[0] != "0" and _is_digits(digits)


def _international(plus_digits: str) -> str | None:
    if not _fits_itu(plus_digits[1:]):
        return None
    # Where the library does not know better, the number stays as it was written.
    if not _ZERO_AFTER_COUNTRY.match(plus_digits):
        return plus_digits
    known = _possible(_parsed(plus_digits, None)) or plus_digits
    # One zero goes at a time, and the same person must not have two numbers.
    return known if len(known) >= len(plus_digits) else _international(known)


def _national(digits: str, region: str | None) -> str | None:
    import phonenumbers as library

    number = _parsed(digits, region) if region else None
    if number is None:
        return None
    reason = library.is_possible_number_with_reason(number)
    if reason != library.ValidationResult.TOO_LONG or not _fits_itu(digits):
        return _possible(number)
    abroad = _parsed("+" + digits, None)
    return _possible(abroad) if abroad and library.is_valid_number(abroad) else None


def _parsed(text: str, region: str | None) -> "PhoneNumber | None":
    # Imported here and above: a process that meets only `+…` never pays for the metadata.
    import phonenumbers as library

    try:
        return library.parse(text, region)
    except library.NumberParseException:
        return None


def _possible(number: "PhoneNumber | None") -> str | None:
    """E.164, if the number has a length that can be dialled from anywhere."""
    import phonenumbers as library

    if number is None:
        return None
    # `is_possible_number` would also take a local number without its area code.
    reason = library.is_possible_number_with_reason(number)
    if reason != library.ValidationResult.IS_POSSIBLE:
        return None
    e164 = library.format_number(number, library.PhoneNumberFormat.E164)
    # Some regions have national numbers outside the ITU's bounds.
    return e164 if _fits_itu(e164[1:]) else None
