import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import phone

USABLE = [
    # as stored, region, E.164
    ("+966512345678", None, "+966512345678"),
    (" +966 51 234-5678 ", "SA", "+966512345678"),
    ("+966 (51) 234.56.78", None, "+966512345678"),
    ("+966/51/2345678", None, "+966512345678"),
    ("\u202a+966\u00a051\u202f234\u20115678\u202c", None, "+966512345678"),
    ("\u200e+966512345678\u200f", None, "+966512345678"),
    ("+٩٦٦٥١٢٣٤٥٦٧٨", None, "+966512345678"),
    ("۰۵۱۲۳۴۵۶۷۸", "SA", "+966512345678"),
    ("＋966512345678", None, "+966512345678"),  # noqa: RUF001 - a full-width plus
    ("00966512345678", None, "+966512345678"),
    ("00 966 51 234 5678", "US", "+966512345678"),
    ("0512345678", "SA", "+966512345678"),
    ("051 234 5678", "SA", "+966512345678"),
    ("512345678", "SA", "+966512345678"),
    ("966512345678", "SA", "+966512345678"),
    ("(415) 555-2671", "US", "+14155552671"),
    ("030/901820", "DE", "+4930901820"),
    ("06 12 34 56 78", "FR", "+33612345678"),
    ("011 44 20 7946 0958", "US", "+442079460958"),
    (966512345678, "SA", "+966512345678"),
    (512345678, "SA", "+966512345678"),
    ("+1234567", None, "+1234567"),
    ("+123456789012345", None, "+123456789012345"),
    # a trunk zero that somebody left in, and one that belongs there
    ("+44 (0)20 7946 0958", None, "+442079460958"),
    ("+44 ( 0 ) 20 7946 0958", "SA", "+442079460958"),
    ("0044 (0) 20 7946 0958", None, "+442079460958"),
    ("+49 (0) 30 901820", None, "+4930901820"),
    ("+966 0512345678", None, "+966512345678"),
    ("+2100123456", None, "+2100123456"),
    ("+39 06 6982 1234", None, "+390669821234"),
    # a country code whose plus got lost on the way
    ("447911123456", "SA", "+447911123456"),
    (447911123456, "SA", "+447911123456"),
]

UNUSABLE = [
    (None, "SA"),
    ("", "SA"),
    ("   ", "SA"),
    ("+", None),
    ("00", None),
    ("[Number]", "SA"),
    ("[Number]0512345678", "SA"),
    ("anonymous", "SA"),
    ("1-800-FLOWERS", "US"),
    ("+966 51 234 5678 ext. 4", "SA"),
    ("+966512345678,+966512345679", "SA"),
    ("0512345678 / 0512345679", "SA"),
    ("+966+512345678", None),
    ("+0512345678", "SA"),
    ("+123456", None),
    ("+1234567890123456", None),
    ("+44 (0)20", None),
    ("0512345678", None),
    ("4155552671", None),
    ("0512345678", "XX"),
    ("101", "SA"),
    ("5552671", "US"),  # a local number without its area code can belong to anybody
    ("999999999999", "SA"),
    ("111111111111", "SA"),  # too long for home, and nobody's abroad
    ("0" * 12, "SA"),
    ("+966512345678" + " " * 64, "SA"),
    (True, "SA"),
    (0, "SA"),
    (-966512345678, "SA"),
    (966512345678.0, "SA"),
    (["+966512345678"], "SA"),
    ({}, "SA"),
    (b"+966512345678", "SA"),
]


@pytest.mark.parametrize(("stored", "region", "expected"), USABLE)
def test_a_number_is_read_as_people_store_it(stored, region, expected):
    assert phone.normalise(stored, region) == expected


@pytest.mark.parametrize(("stored", "region"), UNUSABLE)
def test_what_is_not_a_number_gives_none(stored, region):
    assert phone.normalise(stored, region) is None


@given(
    st.text() | st.text(alphabet="+0123456789 ()-.\u0665\u200e"),
    st.sampled_from([None, "SA", "US"]),
)
def test_any_text_gives_none_or_a_number_that_reads_as_itself(text, region):
    number = phone.normalise(text, region)

    assert number is None or phone.normalise(number, None) == number


def test_a_clean_number_is_read_without_loading_the_library():
    program = (
        "import sys; from core import phone;"
        "assert phone.normalise('+966 51 234 5678', 'SA') and 'phonenumbers' not in sys.modules;"
        "assert phone.normalise('0512345678', 'SA') and 'phonenumbers' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+966512345621", "+9665•••••21"),
        ("+14155552671", "+1415•••••71"),
        ("+1234567", "+1•••••67"),
        ("+123", "•••••"),
        ("", "•••••"),
    ],
)
def test_a_masked_number_hides_its_middle(number, shown):
    assert phone.mask(number) == shown


@pytest.mark.parametrize("code", ["SA", "US", "DE", "GB"])
def test_a_country_is_a_region(code):
    assert phone.is_region(code)


@pytest.mark.parametrize("code", ["", "sa", "XX", "SAU", "001", "ZZ"])
def test_anything_else_is_no_region(code):
    assert not phone.is_region(code)
