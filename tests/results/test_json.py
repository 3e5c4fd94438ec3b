"""How the API writes values: times and UUIDs, the same on every Python."""

import itertools
from datetime import date, datetime, timedelta, timezone

import pytest

from promptjuggler._json import canonical_uuid, is_uuid, parse_time

UTC = timezone.utc


def moment(*numbers, offset=0):
    """A moment whose offset from UTC is so many minutes."""
    zone = timezone(timedelta(minutes=offset))
    return datetime(*numbers, tzinfo=zone)


# What `datetime.fromisoformat` alone reads differently from one Python to the next, or
# more than RFC 3339 allows, and the edges of every number.
TABLE = {
    # The hour, the minute, the second
    "2026-01-02T00:00:00Z": moment(2026, 1, 2),
    "2026-01-02T23:59:59Z": moment(2026, 1, 2, 23, 59, 59),
    "2026-01-02T24:00:00Z": None,
    "2026-01-02T24:00:00": None,
    "2026-01-02t24:00:00.000+00:00": None,
    "2026-01-02 24:00:00z": None,
    "9999-12-31T24:00:00Z": None,
    "2026-01-02T24:00:01Z": None,
    "2026-01-02T25:00:00Z": None,
    "2026-01-02T03:60:00Z": None,
    "2026-01-02T03:04:60Z": None,
    "2026-01-02T03:04:61Z": None,
    "2026-01-02T03:04Z": None,
    "2026-01-02T03Z": None,
    "2026-01-02T3:04:05Z": None,
    "2026-01-02T030405Z": None,
    # A leap second is the next second; it is the last of a day in UTC
    "2016-12-31T23:59:60Z": moment(2017, 1, 1),
    "2016-12-31t23:59:60z": moment(2017, 1, 1),
    "2016-12-31 23:59:60": moment(2017, 1, 1),
    "2016-12-31T23:59:60.5Z": moment(2017, 1, 1, 0, 0, 0, 500000),
    "2016-12-31T23:59:60.999999999Z": moment(2017, 1, 1, 0, 0, 0, 999999),
    "1990-12-31T15:59:60-08:00": moment(1990, 12, 31, 16, offset=-480),
    "2017-01-01T05:29:60+05:30": moment(2017, 1, 1, 5, 30, offset=330),
    "2016-12-31T23:59:60-08:00": None,
    "2016-12-31T23:59:60+00:30": None,
    "2016-12-31T12:59:60Z": None,
    "2016-12-31T23:58:60Z": None,
    "2016-12-31T24:59:60Z": None,
    "2016-12-31T23:59:61Z": None,
    "2016-02-30T23:59:60Z": None,
    "9999-12-31T23:59:60Z": None,
    "0001-01-01T00:59:60+01:00": None,
    # The date
    "0000-01-02T03:04:05Z": None,
    "0001-01-01T00:00:00Z": moment(1, 1, 1),
    "9999-12-31T23:59:59.999999Z": moment(9999, 12, 31, 23, 59, 59, 999999),
    "10000-01-01T00:00:00Z": None,
    "2024-02-29T00:00:00Z": moment(2024, 2, 29),
    "2026-02-29T00:00:00Z": None,
    "2100-02-29T00:00:00Z": None,
    "2000-02-29T00:00:00Z": moment(2000, 2, 29),
    "2026-04-31T00:00:00Z": None,
    "2026-00-01T00:00:00Z": None,
    "2026-13-01T00:00:00Z": None,
    "2026-01-00T00:00:00Z": None,
    "2026-01-32T00:00:00Z": None,
    "2026-1-2T03:04:05Z": None,
    "20260102T03:04:05Z": None,
    "2026-002T03:04:05Z": None,
    "2026-W01-5T03:04:05Z": None,
    "+2026-01-02T03:04:05Z": None,
    "26-01-02T03:04:05Z": None,
    "2026-01-02": None,
    # The letter between the two
    "2026-01-02t03:04:05z": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02 03:04:05Z": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02_03:04:05Z": None,
    "2026-01-02T 03:04:05Z": None,
    "2026-01-02\u00a003:04:05Z": None,
    "2026-01-02\t03:04:05Z": None,
    "2026-01-0203:04:05Z": None,
    # The fraction: 0 to 9 digits, cut to microseconds
    "2026-01-02T03:04:05.Z": None,
    "2026-01-02T03:04:05.1Z": moment(2026, 1, 2, 3, 4, 5, 100000),
    "2026-01-02T03:04:05.12Z": moment(2026, 1, 2, 3, 4, 5, 120000),
    "2026-01-02T03:04:05.123Z": moment(2026, 1, 2, 3, 4, 5, 123000),
    "2026-01-02T03:04:05.1234Z": moment(2026, 1, 2, 3, 4, 5, 123400),
    "2026-01-02T03:04:05.12345Z": moment(2026, 1, 2, 3, 4, 5, 123450),
    "2026-01-02T03:04:05.123456Z": moment(2026, 1, 2, 3, 4, 5, 123456),
    "2026-01-02T03:04:05.1234567Z": moment(2026, 1, 2, 3, 4, 5, 123456),
    "2026-01-02T03:04:05.12345678Z": moment(2026, 1, 2, 3, 4, 5, 123456),
    "2026-01-02T03:04:05.123456789Z": moment(2026, 1, 2, 3, 4, 5, 123456),
    "2026-01-02T03:04:05.1234567890Z": None,
    "2026-01-02T03:04:05.999999999Z": moment(2026, 1, 2, 3, 4, 5, 999999),
    "2026-01-02T03:04:05.000000999Z": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02T03:04:05.5": moment(2026, 1, 2, 3, 4, 5, 500000),
    "2026-01-02T03:04:05,5Z": None,
    "2026-01-02T03:04:05.5.5Z": None,
    "2026-01-02T03:04.5Z": None,
    "2026-01-02T03:04:05.-1Z": None,
    # The offset
    "2026-01-02T03:04:05": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02T03:04:05+00:00": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02T03:04:05-00:00": moment(2026, 1, 2, 3, 4, 5),
    "2026-01-02T03:04:05+05:30": moment(2026, 1, 2, 3, 4, 5, offset=330),
    "2026-01-02T03:04:05-00:01": moment(2026, 1, 2, 3, 4, 5, offset=-1),
    "2026-01-02T03:04:05+23:59": moment(2026, 1, 2, 3, 4, 5, offset=1439),
    "2026-01-02T03:04:05-23:59": moment(2026, 1, 2, 3, 4, 5, offset=-1439),
    "0001-01-01T00:00:00+23:59": moment(1, 1, 1, offset=1439),
    "9999-12-31T23:59:59-23:59": moment(9999, 12, 31, 23, 59, 59, offset=-1439),
    "2026-01-02T03:04:05+24:00": None,
    "2026-01-02T03:04:05-24:00": None,
    "2026-01-02T03:04:05+23:60": None,
    "2026-01-02T03:04:05+00:60": None,
    "2026-01-02T03:04:05+05:99": None,
    "2026-01-02T03:04:05+99:00": None,
    "2026-01-02T03:04:05+05": None,
    "2026-01-02T03:04:05+0530": None,
    "2026-01-02T03:04:05+5:30": None,
    "2026-01-02T03:04:05+05:30:15": None,
    "2026-01-02T03:04:05+05:30:00.5": None,
    "2026-01-02T03:04:05+05:30Z": None,
    "2026-01-02T03:04:05ZZ": None,
    "2026-01-02T03:04:05UTC": None,
    "2026-01-02T03:04:05+": None,
    "2026-01-02T03:04:05\u221205:30": None,
    # What is around it, and other digits
    "": None,
    " 2026-01-02T03:04:05Z": None,
    "2026-01-02T03:04:05Z ": None,
    "2026-01-02T03:04:05 Z": None,
    "2026-01-02T03:04:05Z\n": None,
    "2026-01-02T03:04:05\n": None,
    "2026-01-02T03:04:05Z\x00": None,
    "٢٠٢٦-01-02T03:04:05Z": None,
    "2026-01-02T03:04:0٥Z": None,
    "2026-01-02T03:04:05.٥Z": None,
    "2026-01-02T03:04:05.²Z": None,
    "2026-01-02T03:04:05+0٥:00": None,
    "2026-01-02T03:04:05\uff3a": None,
    "2026-01-02T03:04:05\ud800": None,
}


@pytest.mark.parametrize("text", TABLE)
def test_a_text_is_the_moment_of_the_table(text):
    parsed = parse_time(text)
    assert parsed == TABLE[text]
    if parsed:
        assert parsed.utcoffset() == TABLE[text].utcoffset()


# The parts of a time, and what each stands for: None where it is none.
DATES = {
    "2026-01-02": date(2026, 1, 2),
    "0001-01-01": date(1, 1, 1),
    "9999-12-31": date(9999, 12, 31),
    "2024-02-29": date(2024, 2, 29),
    "0000-01-01": None,
    "2025-02-29": None,
    "2026-13-01": None,
    "2026-W01-1": None,
    "20260102": None,
}
LETTERS = {"T": True, "t": True, " ": True, "_": None, "": None}
HOURS = {"00": 0, "23": 23, "24": None, "99": None, "7": None}
SIXTIETHS = {"00": 0, "59": 59, "60": None, "99": None}
FRACTIONS = {
    "": 0,
    ".0": 0,
    ".5": 500000,
    ".000001": 1,
    ".9999999": 999999,
    ".123456789": 123456,
    ".": None,
    ".1234567890": None,
    ",5": None,
}
OFFSETS = {
    "": 0,
    "Z": 0,
    "z": 0,
    "-00:00": 0,
    "+14:00": 840,
    "-23:59": -1439,
    "+24:00": None,
    "+23:60": None,
    "+0530": None,
    "+05": None,
    "Z\n": None,
}


def test_a_text_is_a_moment_exactly_where_each_of_its_parts_is_right():
    """One in seven of the 356,400 combinations, so that all pairs of parts are there."""
    parts = [DATES, LETTERS, HOURS, SIXTIETHS, SIXTIETHS, FRACTIONS, OFFSETS]
    combinations = itertools.product(*(part.items() for part in parts))
    for combination in itertools.islice(combinations, None, None, 7):
        texts = [text for text, _ in combination]
        day, letter, hour, minute, second, fraction, offset = (
            value for _, value in combination
        )
        if texts[4] == "60":
            continue  # A leap second at some offsets: the table has them.
        text = "{}{}{}:{}:{}{}{}".format(*texts)
        if None in (day, letter, hour, minute, second, fraction, offset):
            expected = None
        else:
            expected = moment(
                day.year, day.month, day.day, hour, minute, second, fraction,
                offset=offset,
            )  # fmt: skip
        # As texts, since moments with different offsets can be equal.
        assert str(parse_time(text)) == str(expected), text


def test_utc_is_the_utc_of_python_whichever_way_it_is_written():
    for ending in ("Z", "z", "", "+00:00", "-00:00"):
        assert parse_time(f"2026-01-02T03:04:05{ending}").tzinfo is UTC


CANONICAL = "0197f0a2-3b1c-7def-8abc-0123456789ab"
DIGITS = CANONICAL.replace("-", "")


@pytest.mark.parametrize(
    "text",
    [
        CANONICAL,
        CANONICAL.upper(),
        DIGITS,
        DIGITS.upper(),
        f"{DIGITS[:8]}-{DIGITS[8:]}",
        f"{DIGITS[:20]}-{DIGITS[20:]}",
    ],
)
def test_a_uuid_has_one_canonical_text(text):
    assert is_uuid(text)
    assert canonical_uuid(text) == CANONICAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        DIGITS[:-1],
        DIGITS + "0",
        CANONICAL + "\n",
        " " + CANONICAL,
        f"{{{CANONICAL}}}",
        f"urn:uuid:{CANONICAL}",
        # uuid.UUID takes these.
        f"{DIGITS[:4]}-{DIGITS[4:]}",
        f"-{DIGITS}",
        f"{CANONICAL}-",
        CANONICAL.replace("-", "--", 1),
        CANONICAL.replace("-", "_"),
        DIGITS[:-2] + "_0",
        "٠" * 32,
        DIGITS[:-1] + "\uff11",
        # A letter that str.lower() makes an ASCII one, and one that re.IGNORECASE does.
        DIGITS[:-1] + "\u212a",
        DIGITS[:-1] + "\u017f",
        DIGITS[:-1] + "g",
    ],
)
def test_what_is_no_uuid_has_no_canonical_text(text):
    assert not is_uuid(text)
    assert canonical_uuid(text) is None
