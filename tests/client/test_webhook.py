"""verify_webhook_signature: what is genuine passes, whatever else a sender thinks of is
False, mistakes raise.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import random
import time
from typing import Any

import pytest

from promptjuggler import ValidationError, verify_webhook_signature

SECRET = "whsec_test"
NEXT_SECRET = "whsec_next"
NOW = 1_700_000_000
BODY = '{"event":"promptrun.finished","id":"run1"}'

# The vectors come from another implementation:
#   printf '%s' '1700000000.{"event":"promptrun.finished","id":"run1"}' |
#       openssl dgst -sha256 -hmac whsec_test
SIGNATURE = "de93ff05d88210463d90b1aecfffcac242163249eaf76ee10c381f1fde0e1324"
# ... with -hmac whsec_next
NEXT_SIGNATURE = "178d6b4c79f71896f9ea406f2e915c9359a61ba965af4056e7c00c5c22f108c5"
# ... of '0001700000000.{"event":"promptrun.finished","id":"run1"}'
PADDED_SIGNATURE = "c920cbe0d3474af3791eb1159c6fbef02a58766cdb43690a608f05130dc24230"
# printf '1700000000.' | openssl dgst -sha256 -hmac whsec_test
EMPTY_BODY_SIGNATURE = (
    "5967f3c560522fa40cf2876ebc3c3a08551dd6959aaade3b413460591895bdcc"
)
# printf '1700000000.{"name":"Zo\xc3\xab \xe2\x9c\x93"}\r\n' | openssl dgst -sha256 -hmac whsec_test
UTF8_SIGNATURE = "7e9ac0e734487b6083918fae98e4b875e99ae25041151848a66574cdd0b1e01b"
# printf '1700000000.\xff\xfe\x00\x01' | openssl dgst -sha256 -hmac whsec_test
BINARY_SIGNATURE = "cd3951afb85e1bdd1b8cabc1609d3d0cc6e2039ced48b1a879273b719a7d6f22"
# printf '1700000000.{}' | openssl dgst -sha256 -hmac "$(printf 'gehe\xc3\xafm')"
UTF8_SECRET_SIGNATURE = (
    "458f8b654ca3039079275e46a9b1018111877b9282c03cece264e62b89b32d6b"
)

HEADER = f"t={NOW},v1={SIGNATURE}"
WRONG = "0" * 64


def verify(
    header: Any,
    *,
    body: Any = BODY,
    secret: Any = SECRET,
    tolerance: Any = 300,
    now: Any = NOW,
) -> bool:
    result = verify_webhook_signature(body, header, secret, tolerance, now)
    assert type(result) is bool
    return result


@pytest.mark.parametrize(
    "body",
    [BODY, BODY.encode(), bytearray(BODY.encode())],
    ids=["str", "bytes", "bytearray"],
)
def test_a_genuine_delivery_is_accepted_as_text_and_as_bytes(body: Any) -> None:
    assert verify(HEADER, body=body)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        ("", EMPTY_BODY_SIGNATURE),
        (b"", EMPTY_BODY_SIGNATURE),
        ('{"name":"Zoë ✓"}\r\n', UTF8_SIGNATURE),
        ('{"name":"Zoë ✓"}\r\n'.encode(), UTF8_SIGNATURE),
        (b"\xff\xfe\x00\x01", BINARY_SIGNATURE),
    ],
)
def test_the_body_is_taken_as_it_came(body: str | bytes, signature: str) -> None:
    assert verify(f"t={NOW},v1={signature}", body=body)


def test_a_secret_is_taken_as_utf8() -> None:
    assert verify(f"t={NOW},v1={UTF8_SECRET_SIGNATURE}", body="{}", secret="geheïm")


@pytest.mark.parametrize(
    "body", [BODY + " ", BODY[:-1], BODY.upper(), "", BODY.encode("utf-16")]
)
def test_a_changed_body_is_refused(body: str | bytes) -> None:
    assert not verify(HEADER, body=body)


@pytest.mark.parametrize(
    "secret", ["whsec_wrong", "WHSEC_TEST", " whsec_test", "whsec_test "]
)
def test_another_secret_is_refused_and_secrets_are_not_stripped(secret: str) -> None:
    assert not verify(HEADER, secret=secret)


@pytest.mark.parametrize(
    "secrets", [[SECRET, NEXT_SECRET], (NEXT_SECRET, SECRET), [SECRET] * 3]
)
def test_any_one_of_several_secrets_will_do(secrets: Any) -> None:
    assert verify(HEADER, secret=secrets)


def test_none_of_several_secrets_is_refused() -> None:
    assert not verify(HEADER, secret=["whsec_a", "whsec_b", NEXT_SECRET])


@pytest.mark.parametrize(
    "signatures",
    [
        f"v1={WRONG},v1={SIGNATURE}",
        f"v1={SIGNATURE},v1={WRONG}",
        f"v1={NEXT_SIGNATURE},v1={SIGNATURE},v1=short",
        f"v1=,v1={SIGNATURE}",
        f"v0={WRONG},v1={SIGNATURE},v2={WRONG}",
        "v1=x," * 200 + f"v1={SIGNATURE}",
    ],
)
def test_every_v1_is_tried(signatures: str) -> None:
    assert verify(f"t={NOW},{signatures}")


def test_every_v1_is_tried_against_every_secret() -> None:
    both = f"t={NOW},v1={WRONG},v1={NEXT_SIGNATURE}"
    assert verify(both, secret=["whsec_other", NEXT_SECRET])
    assert not verify(both, secret=["whsec_other", SECRET])


@pytest.mark.parametrize(
    "header",
    [
        f"v1={SIGNATURE},t={NOW}",
        f" t = {NOW} , v1 = {SIGNATURE} ",
        f"\tt={NOW},\tv1={SIGNATURE}\t",
        f"t={NOW},,v1={SIGNATURE},",
        f"t={NOW},nonsense,=,v1={SIGNATURE},x=y=z",
    ],
)
def test_the_header_is_read_with_spaces_and_empty_fields(header: str) -> None:
    assert verify(header)


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW - 9},t={NOW},v1={SIGNATURE}",
        f"t={NOW},t={NOW - 9},v1={SIGNATURE}",
        f"t={NOW},v1={SIGNATURE},t={NOW}",
        f"t=nonsense,t={NOW},v1={SIGNATURE}",
        f"t={NOW},t=,v1={SIGNATURE}",
        f"t,t={NOW},v1={SIGNATURE}",
        f" t = {NOW} , t = {NOW} , v1 = {SIGNATURE} ",
    ],
)
def test_two_timestamps_are_none_even_where_they_are_the_same(header: str) -> None:
    assert not verify(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        ",",
        "not-a-signature",
        SIGNATURE,
        f"t={NOW}",
        f"v1={SIGNATURE}",
        f"t={NOW},v1=",
        f"t={NOW},v0={SIGNATURE}",
        f"t={NOW},V1={SIGNATURE}",
        f"T={NOW},v1={SIGNATURE}",
        f"t={NOW};v1={SIGNATURE}",
        f"t={NOW},v1={SIGNATURE[:-1]}",
        f"t={NOW},v1={SIGNATURE}0",
        f"t={NOW},v1={SIGNATURE.upper()}",
        f"t={NOW},v1=0x{SIGNATURE}",
        f'"t={NOW},v1={SIGNATURE}"',
        f"t={NOW},t=nonsense,v1={SIGNATURE}",
        f"t={NOW},t= ,v1={SIGNATURE}",
        f"t={NOW},v1={SIGNATURE[:-1]}é",
        f"t={NOW},v1={SIGNATURE},note=é",
        f"t={NOW},v1={SIGNATURE}\0",
        f"t={NOW},v1={SIGNATURE},x=\0",
        f"t={NOW},v1={SIGNATURE},x=\ud800",
    ],
    ids=ascii,
)
def test_a_header_that_is_not_as_it_should_be_is_refused(header: Any) -> None:
    assert not verify(header)


@pytest.mark.parametrize("header", [HEADER.encode(), bytearray(), [HEADER], 42, False])
def test_a_header_that_is_neither_text_nor_none_raises_and_says_what_it_is(
    header: Any,
) -> None:
    kind = type(header).__name__
    with pytest.raises(ValidationError) as caught:
        verify(header)
    text = f"signature_header must be a str or None, not {kind}"
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "-1",
        f"+{NOW}",
        f"{NOW}.0",
        "1_700_000_000",
        "1 700 000 000",
        "1.7e9",
        "0x6553f100",
        "NaN",
        "inf",
    ]
    + ["²", "١٧٠٠٠٠٠٠٠٠", "9" * 21, "9" * 5000],
    ids=lambda text: ascii(text)[:20],
)
def test_a_timestamp_is_ascii_digits_and_not_too_many(timestamp: str) -> None:
    signature = hmac.new(
        SECRET.encode(), f"{timestamp}.{BODY}".encode(), hashlib.sha256
    ).hexdigest()
    assert not verify(f"t={timestamp},v1={signature}", tolerance=10**30)


@pytest.mark.parametrize(("digits", "accepted"), [(20, True), (21, False)])
def test_a_timestamp_of_twenty_digits_is_the_longest_that_is_looked_at(
    digits: int, accepted: bool
) -> None:
    for timestamp in (f"{NOW:0{digits}}", "9" * digits):
        signature = hmac.new(
            SECRET.encode(), f"{timestamp}.{BODY}".encode(), hashlib.sha256
        ).hexdigest()
        header = f"t={timestamp},v1={signature}"
        assert verify(header, now=int(timestamp)) is accepted


def test_the_timestamp_is_signed_as_it_stands_there() -> None:
    assert verify(f"t=000{NOW},v1={PADDED_SIGNATURE}")
    assert not verify(f"t=000{NOW},v1={SIGNATURE}")


@pytest.mark.parametrize(
    ("now", "tolerance", "accepted"),
    [
        (NOW + 300, 300, True),
        (NOW + 301, 300, False),
        (NOW - 300, 300, True),
        (NOW - 301, 300, False),
        (NOW + 300.5, 300, False),
        (NOW - 300.5, 300, False),
        (NOW + 0.5, 0.5, True),
        (NOW - 0.5, 0.5, True),
        (NOW, 0, True),
        (NOW, -0.0, True),
        (NOW + 1, 0, False),
        (NOW - 1, 0, False),
        (0, NOW, True),
        (-5, NOW + 5, True),
        (10**400, 300, False),
        (-(10**400), 300, False),
        (1e308, 300, False),
        (1e308, 1e308, True),
        (NOW, 10**400, True),
        (1e308, 10**400, True),
        (10**400, 1e308, False),
    ],
    ids=lambda value: f"{value:.6g}" if isinstance(value, float) else str(value)[:12],
)
def test_past_and_future_are_limited_alike_and_both_ends_belong_to_the_window(
    now: float, tolerance: float, accepted: bool
) -> None:
    assert verify(HEADER, now=now, tolerance=tolerance) is accepted


@pytest.mark.parametrize(
    ("now", "accepted"),
    [(NOW + 300, True), (NOW + 301, False), (NOW - 300, True), (NOW - 301, False)],
)
def test_as_long_as_nothing_else_is_said_the_window_is_five_minutes(
    now: float, accepted: bool
) -> None:
    assert verify_webhook_signature(BODY, HEADER, SECRET, now=now) is accepted


def test_without_now_the_system_clock_is_asked() -> None:
    current = int(time.time())
    for timestamp, accepted in (
        (current, True),
        (current - 1000, False),
        (current + 1000, False),
    ):
        signature = hmac.new(
            SECRET.encode(), f"{timestamp}.{BODY}".encode(), hashlib.sha256
        ).hexdigest()
        assert (
            verify_webhook_signature(BODY, f"t={timestamp},v1={signature}", SECRET)
            is accepted
        )


def test_a_payload_that_utf8_cannot_encode_is_refused() -> None:
    assert not verify(HEADER, body=BODY + "\ud800")


@pytest.mark.parametrize(
    "header",
    [
        "t=" + "1" * 5_000_000,
        "v1=" * 2_000_000,
        "," * 5_000_000,
        f"t={NOW}," + f"v1={WRONG}," * 50_000 + f"v1={SIGNATURE}",
        f"{HEADER},x=" + "y" * 65_536,
    ],
    ids=["digits", "equals", "commas", "signatures", "padding"],
)
def test_a_header_longer_than_any_web_server_lets_through_is_refused(
    header: str,
) -> None:
    assert not verify(header)


def test_a_header_of_the_greatest_length_is_still_read_whole() -> None:
    filler = "v1=x," * ((65_536 - len(HEADER) - 1) // 5)
    assert verify(f"t={NOW},{filler}v1={SIGNATURE}")


@pytest.mark.parametrize(("length", "accepted"), [(65_536, True), (65_537, False)])
def test_a_header_of_65536_characters_is_the_longest_that_is_looked_at(
    length: int, accepted: bool
) -> None:
    header = f"{HEADER},x=".ljust(length, "y")
    assert len(header) == length
    assert verify(header) is accepted


NOT_FINITE = [math.nan, math.inf, -math.inf, True, False, "300", b"300", [300], 300j]


@pytest.mark.parametrize(
    "tolerance",
    [*NOT_FINITE, None, -1, -0.001, -(10**400)],
    ids=lambda value: repr(value)[:12],
)
def test_a_tolerance_that_is_no_finite_number_of_at_least_0_raises(
    tolerance: Any,
) -> None:
    with pytest.raises(ValidationError, match="tolerance"):
        verify(HEADER, tolerance=tolerance)


@pytest.mark.parametrize("now", NOT_FINITE, ids=repr)
def test_a_now_that_is_no_finite_number_raises(now: Any) -> None:
    with pytest.raises(ValidationError, match="now"):
        verify(HEADER, now=now)


@pytest.mark.parametrize(
    "body",
    [None, 5, {"id": 1}, [BODY], memoryview(b"{}")],
    ids=lambda v: type(v).__name__,
)
def test_a_payload_that_is_neither_text_nor_bytes_raises_and_says_what_it_is(
    body: Any,
) -> None:
    with pytest.raises(ValidationError, match=f"payload .*{type(body).__name__}"):
        verify(HEADER, body=body)


BAD_SECRETS = [
    None,
    "",
    [],
    (),
    [""],
    [SECRET, ""],
    b"whsec_bytes",
    [b"whsec_bytes"],
    [SECRET, None],
    [[SECRET]],
    {SECRET},
    {SECRET: SECRET},
    iter([SECRET]),
    "whsec_\ud800",
    [SECRET, "whsec_\ud800"],
    5,
]


@pytest.mark.parametrize("secret", BAD_SECRETS, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize("header", [HEADER, None])
def test_a_secret_that_cannot_be_one_raises_whatever_the_header_is(
    secret: Any, header: str | None
) -> None:
    with pytest.raises(ValidationError, match="secret") as caught:
        verify(header, secret=secret)
    assert "whsec" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "mistake",
    [
        {"secret": "whsec_\ud800"},
        {"secret": [SECRET, ""]},
        {"secret": b"whsec_bytes"},
        {"body": None},
        {"tolerance": math.nan},
        {"now": math.inf},
    ],
    ids=lambda mistake: next(iter(mistake)),
)
def test_no_local_variable_of_a_traceback_holds_the_secret(
    mistake: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as caught:
        verify(HEADER, **mistake)
    traceback = caught.value.__traceback__
    ours = []
    while traceback is not None:
        if traceback.tb_frame.f_globals is verify_webhook_signature.__globals__:
            ours.append(repr(traceback.tb_frame.f_locals))
        traceback = traceback.tb_next
    assert ours
    assert not any("whsec" in frame for frame in ours)


def test_the_secrets_that_the_caller_passed_are_left_alone() -> None:
    secrets = [SECRET, NEXT_SECRET]
    assert verify(HEADER, secret=secrets)
    assert secrets == [SECRET, NEXT_SECRET]


def reference(
    body: str | bytes, header: str, secrets: list[str], tolerance: int, now: int
) -> bool:
    """The rule once more, written as a search for one field pair that fits."""
    if any(not 0 < ord(character) < 128 for character in header):
        return False
    pairs = [field.partition("=")[::2] for field in header.split(",")]
    stamps = [value.strip() for key, value in pairs if key.strip() == "t"]
    if len(stamps) != 1 or not 0 < len(stamps[0]) <= 20:
        return False
    if set(stamps[0]) - set("0123456789"):
        return False
    if not now - tolerance <= int(stamps[0]) <= now + tolerance:
        return False
    raw = body.encode() if isinstance(body, str) else body
    good = {
        hmac.new(
            s.encode(), stamps[0].encode() + b"." + raw, hashlib.sha256
        ).hexdigest()
        for s in secrets
    }
    return any(key.strip() == "v1" and value.strip() in good for key, value in pairs)


def mutated(text: str, rng: random.Random) -> str:
    alphabet = "tv1=,. \t0123456789abcdef\0\r\né²\u2028\ud800" + text
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 8])):
        start, length = rng.randrange(len(text) + 1), rng.choice([0, 1, 1, 2, 10, 70])
        doubled = text[start : start + length] * 2
        middle = rng.choice(
            ["", rng.choice(alphabet), doubled, f",t={NOW}", f", v1={SIGNATURE}"]
        )
        text = text[:start] + middle + text[start + length :]
    return text


def test_mutated_deliveries_never_raise_and_pass_only_where_the_reference_says_so() -> (
    None
):
    rng = random.Random(20)
    seeds = [
        HEADER,
        f"v1={WRONG} , v1={SIGNATURE},t={NOW}",
        f"t={NOW - 5},t={NOW},v1={NEXT_SIGNATURE}",
        f"t=000{NOW},v1={PADDED_SIGNATURE},v0=x",
    ]
    verdicts = {True: 0, False: 0}
    for _ in range(13_000):
        header = mutated(rng.choice(seeds), rng)
        body: str | bytes = (
            BODY if rng.random() < 0.8 else rng.randbytes(rng.randrange(60))
        )
        secrets = rng.choice(
            [[SECRET], [NEXT_SECRET], [SECRET, NEXT_SECRET], ["whsec_other"]]
        )
        now, tolerance = (
            NOW + rng.choice([0, -300, 300, -301, 301, 7]),
            rng.choice([0, 7, 300, 10**12]),
        )
        expected = reference(body, header, secrets, tolerance, now)
        assert (
            verify(header, body=body, secret=secrets, tolerance=tolerance, now=now)
            is expected
        ), ascii(header)
        verdicts[expected] += 1
    assert min(verdicts.values()) > 500  # else the mutations say nothing
