"""What was sent as a secret is masked however a server writes it, and nothing else is."""

from __future__ import annotations

import html
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from urllib.parse import quote, quote_plus

import pytest
from helpers.calls import RUN_ID, client_of
from helpers.hub import Hub, streaming
from helpers.secrets import (
    PRIVATE_KEY,
    assert_silent,
    chain,
    recorded,
    shows_a_secret,
    variables,
)
from helpers.servers import PATIENCE, Conn, ScriptedServer, respond

from promptjuggler import (
    ApiError,
    CreatePromptRun,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    _masking,
)
from promptjuggler._decode import decoded
from promptjuggler._http.causes import scrub
from promptjuggler._masking import Secrets

KEY = "sk+live/12=34567"
WORDS = "my secret words"
UMLAUTS = "pässwörd-€-😀"


def masked(text: str, *secrets: str, is_cut: bool = False) -> str:
    return Secrets(secrets).masked(text, is_cut=is_cut)


# How it can be written


def latin(text: str) -> str:
    """UTF-8 that somebody read as Latin-1, as headers are read."""
    return text.encode().decode("latin-1")


def in_html(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def in_html_with_hex(text: str) -> str:
    return "".join(f"&#x{ord(char):X};" for char in text)


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def with_capitals(text: str) -> str:
    """JSON whose hexadecimal digits are capitals."""
    return re.sub(r"\\u....", lambda match: "\\u" + match[0][2:].upper(), in_json(text))


def of_php(text: str) -> str:
    return in_json(text).replace("/", "\\/")


def of_python(text: str) -> str:
    return repr(text.encode())[2:-1]


def in_small_letters(text: str) -> str:
    return re.sub("%..", lambda match: match[0].lower(), quote(text, safe=""))


WRITERS = {
    "as it is": str,
    "in JSON": in_json,
    "in JSON with capitals": with_capitals,
    "in JSON of PHP": of_php,
    "in JSON without escapes": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in JSON in JSON": lambda text: in_json(in_json(text)),
    "in JSON in JSON in JSON": lambda text: in_json(in_json(in_json(text))),
    "in a URL": quote,
    "in a URL, all of it": lambda text: quote(text, safe=""),
    "in a URL, in small letters": in_small_letters,
    "in a URL in a URL": lambda text: quote(quote(text)),
    "in a form": quote_plus,
    "in HTML": html.escape,
    "in HTML as numbers": in_html,
    "in HTML with hex": in_html_with_hex,
    "in a header": latin,
    "in a header in JSON": lambda text: in_json(latin(text)),
    "in Python": of_python,
    "in one line": lambda text: " ".join(text.split()),
    "without its ends": str.strip,
    "with CR": lambda text: text.replace("\n", "\r\n"),
}
SECRETS = {
    "a key": KEY,
    "words": WORDS,
    "umlauts": UMLAUTS,
    "quotes": "a&b\"c'd<e>\\f",
    "a line end": "topsecret\n",
    "lines": PRIVATE_KEY,
    "two spaces": "top  secret\twords",
    "escapes": r"C:\new\u0041 %41&amp;",
    "a plus": "+++a+b+++",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_secret_is_masked_however_it_is_written(write, secret):
    said = write(secret)
    text = masked(f"bad <{said}>, no!", secret)
    assert text == "bad <***>, no!"


@pytest.mark.parametrize(
    "said",
    ["sk%2Blive/12%3D34567", r"sk\u002blive\/12=34567", "sk+live&#47;12%3d34567"],
)
def test_a_secret_is_masked_where_only_some_of_it_is_escaped(said):
    assert masked(f"bad {said}!", KEY) == "bad ***!"


@pytest.mark.parametrize(
    ("secret", "said", "rest"),
    [
        ("abcd\\", in_json("abcd\\"), "n"),
        ("äbcd\\", json.dumps("äbcd\\", ensure_ascii=False)[1:-1], "n"),
        ("äbcd\\", in_json("äbcd\\"), "n"),
        ("abcd%", quote("abcd%"), "41"),
    ],
)
def test_what_follows_a_secret_does_not_hide_it(secret, said, rest):
    """The end of it could be read as the beginning of an escape."""
    assert masked(f"bad {said}{rest}", secret) == f"bad ***{rest}"


def test_a_backslash_at_the_end_of_a_secret_does_not_hide_it_in_json_in_json():
    text = json.dumps(json.dumps({"path": "C:\\secret\\"}))
    assert "secret" not in masked(text, "C:\\secret\\")


def test_any_mixture_of_spellings_is_masked():
    """Each character in a way of its own."""
    chance = random.Random(7)
    writers = [str, in_json, of_php, in_html, in_html_with_hex, latin, quote]
    for _ in range(300):
        secret = (
            "k" + "".join(chance.choices("abcXYZ0189/=&<>'\"äé€😀+-_.", k=12)) + "z"
        )
        said = "".join(chance.choice(writers)(char) for char in secret)
        assert masked(f"({said})", secret) == "(***)", said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not found.",
        "  two  spaces\n\tand lines \r\n",
        r"a \n b \u0041 %41 %zz &amp; &#65; \ % & ä Ã¤",
        "sk+live/12=3456 is not all of it",
        "sk live/12 34567",
        "SK+LIVE/12=34567",
    ],
)
def test_a_text_without_a_secret_stays_exactly_as_it_is(text):
    assert masked(text, KEY, WORDS, UMLAUTS) == text
    assert masked(text) == text


@pytest.mark.parametrize(
    "odd",
    [r"\UFFFFFFFF", "&#9999999;", "&#xFFFFFF;", "\xed\xa0\x80", r"\ud83d", "\ud83d"],
)
def test_an_escape_that_means_no_character_neither_fails_nor_hides_anything(odd):
    assert masked(f"odd {odd} text", KEY) == f"odd {odd} text"
    assert masked(f"{odd}{in_html(KEY)}{odd}", KEY) == f"{odd}***{odd}"
    assert masked(f"<a{odd}bc>", f"a{odd}bc") == "<***>"


# More than one


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("x abcdefXYZ y", ["abcdef", "defXYZ"], "x *** y"),
        ("x abcdefgh y", ["abcd", "abcdefgh"], "x *** y"),
        ("x abcdefgh y", ["efgh", "abcdefgh"], "x *** y"),
        ("x abcdefgh y", ["cdef", "abcdefgh", "bcdefg"], "x *** y"),
        ("x abcdefgh y", ["abcd", "efgh"], "x ****** y"),
        ("x abababab y", ["ababab"], "x *** y"),
        ("aaaaa aaaaaaaaaaaa a", ["aaaa"], "*** *** a"),
        ("x ab%63d%65f y", ["abcd", "cdef"], "x *** y"),
        ("*** abcd", ["abcd", "****"], "*** ***"),
    ],
)
def test_secrets_that_overlap_are_masked_as_one_and_all_of_each(text, secrets, shown):
    assert masked(text, *secrets) == shown


@pytest.mark.parametrize("secret", ["abc", "abc\n\n\n", "%61%62%63"])
def test_what_is_short_once_it_is_read_is_masked_only_as_it_is(secret):
    assert masked("a bad abc", secret) == "a bad abc"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a" * 2**15 + "b", "a" * 2**18),
        ("a" * 2**15, "a" * 2**18),
        ("a" * 2**16 + "b" + "a" * 2**16, ("a" * 2**16 + "b") * 15),
        (("a" * 1000 + "b") * 33, ("a" * 1000 + "b") * 250 + "a" * 500),
        (KEY, "%41" * 2**17),
        (KEY, "\\" * 2**16),
        (KEY, "%" + "25" * 2**17),
        ("\\" * 2**15, "\\" * 2**17),
    ],
)
def test_to_mask_takes_the_time_of_the_lengths_whatever_they_have(secret, text):
    """With their product, each of these would take many times as long.

    In a text that may be cut, all is looked for that is looked for in another. The time is
    that of the processor: a machine that does something else is no reason for more.
    """
    begun = time.thread_time()
    masked(text, secret, is_cut=True)
    assert time.thread_time() - begun < PATIENCE / 4


# What was cut off on the way


@pytest.mark.parametrize("secret", [KEY, WORDS, UMLAUTS, PRIVATE_KEY])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_beginning_of_a_secret_is_masked_where_the_text_may_be_cut(write, secret):
    """From the fourth character on, also in the middle of one."""
    said = write(secret)
    fourth = len(write(secret[:4]))
    assert fourth < len(said)
    for end in range(fourth, len(said)):
        assert masked(f"bad {said[:end]}", secret, is_cut=True) == "bad ***", end


def test_only_the_end_of_what_may_be_cut_is_masked_for_a_beginning():
    assert masked("sk+live is bad", KEY, is_cut=True) == "sk+live is bad"
    assert masked("bad sk+live", KEY, is_cut=True) == "bad ***"
    assert masked("bad sk+live", KEY) == "bad sk+live"
    assert masked("bad sk+", KEY, is_cut=True) == "bad sk+"
    assert masked("bad sk%2", "sk-a", is_cut=True) == "bad sk%2"
    assert masked("bad a%41", KEY, is_cut=True) == "bad a%41"


# What the errors say of it


def failure_of(handler, *, api_key=KEY, **env_vars) -> PromptJugglerError:
    with ScriptedServer(handler) as server:
        pj = client_of(server, api_key=api_key, max_retries=0)
        with pytest.raises(PromptJugglerError) as caught:
            pj.run_prompt("p", 1, {}, env_vars=env_vars)
    return caught.value


@pytest.mark.parametrize("write", [str, in_json, quote_plus, html.escape, latin])
@pytest.mark.parametrize("secret", [KEY, WORDS, UMLAUTS, PRIVATE_KEY])
def test_the_error_of_the_server_has_a_mask_for_it(write, secret):
    body = {"error": f"bad {write(secret)}"}
    error = failure_of(respond((400, body)), VALUE=secret)
    assert isinstance(error, ApiError)
    assert str(error).startswith("bad ***")
    assert str(error).removeprefix("bad ***") in ("", r"\n", "+", "%0A")


@pytest.mark.parametrize("header", ["reason", "Location"])
def test_a_header_that_says_it_in_utf_8_has_a_mask_for_it(header):
    status = "400 x" if header == "Location" else f"400 {UMLAUTS}"
    status = status.replace("400 x", "302 x")
    head = f"HTTP/1.1 {status}\r\nLocation: /x?{UMLAUTS}\r\nContent-Length: 0\r\n\r\n"

    def handler(conn: Conn) -> None:
        conn.read_request()
        conn.send(head.encode())

    error = failure_of(handler, VALUE=UMLAUTS)
    assert "***" in str(error)
    assert "ssw" not in str(error)


@pytest.mark.parametrize(
    "secret", ["A" * 80, "B" * 59, PRIVATE_KEY, "two  spaces " * 9, "C" * 150_000]
)
@pytest.mark.parametrize("before", ["", "X", "x" * 50])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_shown_of_a_text_is_masked_before_it_is_cut(secret, before, status):
    error = failure_of(respond((status, f"no {before}{secret}")), VALUE=secret)
    assert f"no {before}***" in str(error)
    assert secret[:4] not in str(error)


@pytest.mark.parametrize("secret", ["A" * 80, "B" * 59, PRIVATE_KEY, "C" * 1000])
@pytest.mark.parametrize("before", ["", "X", "x" * 50])
def test_a_value_of_an_answer_is_masked_before_it_is_cut(secret, before):
    error = failure_of(respond((200, {"id": f"{before}{secret}"})), VALUE=secret)
    assert str(error) == f'id: expected a UUID, got "{before}***"'


@pytest.mark.parametrize("before", ["", "x" * 990])
def test_an_error_in_place_of_an_answer_is_masked_before_it_is_cut(before):
    error = failure_of(respond((200, {"error": f"{before} {WORDS}"})), VALUE=WORDS)
    assert str(error).endswith(f" (the answer says: {before} ***)")


def test_a_key_of_a_document_is_masked_before_it_is_cut():
    """Where it is the text of an error; its `path` is for programs."""
    document = {"inputs": {"x" * 190 + WORDS: 5}}
    error = decoded(CreatePromptRun, document, lambda: Secrets([WORDS]))
    assert isinstance(error, DecodeError)
    assert str(error) == f"inputs.{'x' * 190}***: expected a string, got 5"
    error = decoded(CreatePromptRun, {"inputs": 5}, lambda: Secrets(["inputs"]))
    assert isinstance(error, DecodeError)
    assert (str(error), error.path) == ("***: expected an object, got 5", "inputs")


def test_a_long_value_without_a_secret_is_cut_as_ever():
    error = failure_of(respond((200, {"id": "x" * 100})))
    assert str(error) == f'id: expected a UUID, got "{"x" * 57}..."'


def test_a_long_number_out_of_range_is_not_shown():
    number = "1" * 40
    error = failure_of(respond((200, f'{{"id": {number}e999}}'.encode())), VALUE=number)
    assert str(error).startswith("the document is not JSON: a number is out of range")


def test_the_first_line_of_what_is_no_http_is_masked_although_more_follows():
    def handler(conn: Conn) -> None:
        conn.read_request()
        conn.send(b"echo first-line\nsecond-line\r\n")

    error = failure_of(handler, VALUE="first-line\nsecond-line")
    assert str(error).endswith("what came is no HTTP: 'echo ***'")


@pytest.mark.parametrize(
    ("begin", "rest", "shown"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 40\r\n\r\n"
            b"bad token sekret-tok",
            b"en-1          \r\n",
            "'bad token ***'",
        ),
        (b"echo sekret-tok", b"en-1\r\n", "'echo ***'"),
    ],
    ids=["an answer", "no HTTP"],
)
def test_a_token_that_comes_in_two_pieces_is_masked_in_the_first(begin, rest, shown):
    def script(conn: Conn) -> None:
        conn.send(begin)
        conn.wait(0.1)
        conn.send(rest)
        conn.hang()

    with (
        Hub(script) as server,
        streaming(server, client={"max_retries": 0}) as stream,
        pytest.raises((DecodeError, NetworkError)) as caught,
    ):
        stream.__enter__()
    for one in chain(caught.value):
        said = {**vars(one), "body": "holds what came"}
        assert "sekret" not in str(one) + repr(one) + repr(said)
    assert str(caught.value).endswith(shown)


def test_an_error_of_the_system_with_a_number_is_masked_too():
    """Its text is not made of its arguments."""
    error = OSError(5, f"no {KEY}\x1b[2J")
    scrub(error, Secrets([KEY]), None)
    assert str(error) == r"[Errno 5] no ***\x1b[2J"


# What would forge lines of a log, or steer a terminal


def test_what_a_proxy_says_is_printable_in_the_cause_too():
    def handler(conn: Conn) -> None:
        conn.read_head()
        conn.send(b"HTTP/1.1 403 \x1b[31mred\x9b\r\nContent-Length: 0\r\n\r\n")

    with ScriptedServer(handler) as proxy:
        pj = client_of("https://a.invalid", proxy=proxy.url, max_retries=0)
        with pytest.raises(NetworkError) as caught:
            pj.get_prompt_run(RUN_ID)
    for one in chain(caught.value):
        assert str(one).isprintable()
        assert r"\x1b[31mred\x9b" in str(one)


@pytest.mark.parametrize(
    "came", [b"\x1b[2J \x9b \x00\r\n", b"HTTP/1.1 \x1b[2J\r\n\r\n"]
)
def test_what_is_no_http_is_printable_in_the_cause_too(came):
    error = failure_of(lambda conn: (conn.read_request(), conn.send(came)))
    for one in chain(error):
        assert str(one).isprintable()
        assert all(str(value).isprintable() for value in vars(one).values())


def test_free_keys_of_a_document_are_escaped_and_cut():
    key = "a\nFORGED \x1b[2J\x7f" + "k" * 5000
    with pytest.raises(DecodeError) as caught:
        CreatePromptRun.from_dict({"inputs": {key: 5}})
    error = caught.value
    begin = r"inputs.a\nFORGED \x1b[2J\x7fkkk"
    assert str(error).startswith(begin)
    assert error.path.startswith(begin)
    assert len(error.path) == 200
    assert str(error) == f"{error.path}: expected a string, got 5"


# While it is masked


def lines_to_interrupt(call: Callable[[], object]) -> Iterator[Exception]:
    """Make a call again and again, and give the error that was raised in it before its
    first line of masking, then before its second, and so on.

    An error tracker looks at those of a signal handler, which can come at any line.
    """
    before = sys.gettrace()
    number = 0
    while True:
        number += 1
        left = number

        def trace(frame: FrameType, event: str, argument: object) -> object:
            nonlocal left
            if frame.f_code.co_filename != _masking.__file__:
                return None
            left -= event == "line"
            if left == 0:
                sys.settrace(before)
                raise InterruptedError
            return trace

        try:
            sys.settrace(trace)
            call()
        except InterruptedError as error:
            sys.settrace(before)
            yield error
        else:
            return
        finally:
            sys.settrace(before)


def test_whenever_masking_is_interrupted_no_variable_shows_a_secret():
    hidden = Secrets(["sekret \\ text%41", "sekret-other"])
    said = 'it is "sekret%20%5C%20text%2541" or sekret-o'
    errors = list(lines_to_interrupt(lambda: hidden.masked(said, is_cut=True)))
    # But for the first two lines, which put the text away.
    for error in errors[2:]:
        assert_silent(error)
    assert len(errors) > 100


def test_the_forms_that_are_looked_for_are_in_no_variable_of_ours():
    for error in lines_to_interrupt(Secrets(["sekret", "sekret-\\"])._forms):
        for where, value in variables(error):
            is_of_reading = "_unescaped" in where or "__init__" in where
            assert is_of_reading or not any(map(shows_a_secret, recorded(value))), where
