"""Documents of the API, made up from the specification in data/api.json.

There are valid ones, newer ones, and broken ones.
"""

import copy
import json
import random
import string
import uuid
from pathlib import Path

SPEC = json.loads((Path(__file__).parents[1] / "data" / "api.json").read_text("utf-8"))
SCHEMAS = SPEC["schemas"]
ENUMS = SPEC["enums"]
VARIANTS = {
    name: union["variants"]
    for name, union in SPEC["unions"].items()
    if "variants" in union
}

TEXTS = [
    "",
    "Ada",
    "a b",
    '\n\t"\\/',
    "naïve 日本語 🎈",
    "\x00\x7f\u2028",
    "\ud800",
    "null",
    "7",
    "x" * 300,
]
JUNK = [
    None,
    True,
    False,
    0,
    7,
    -1,
    2**63,
    10**400,
    1.5,
    -0.0,
    "",
    "x",
    "2026-01-01",
    [],
    [[]],
    {},
    {"type": "x"},
    [{"type": []}],
    {"a": {"b": [1, {"c": None}]}},
]
ODD_BYTES = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"\xff",
    b"\xed\xa0\x80",
    b"[" * 2000,
    b"{",
    b"\\",
    b"\x00",
]


def snake(wire):
    """The Python name of a wire name."""
    return "".join(
        f"_{letter.lower()}" if letter in string.ascii_uppercase else letter
        for letter in wire
    )


class Maker:
    """Makes documents at random, the same for the same seed."""

    def __init__(self, seed, newer=False):
        self.random = random.Random(seed)
        self.newer = newer

    def document(self, schema):
        """A valid document of a schema.

        With `newer`, it is from a later version of the API: it has keys, enum values and
        variants that are not in the specification.
        """
        document = {}
        for field in SCHEMAS[schema]:
            if "const" in field:
                document[field["wire"]] = field["const"]
            elif field["required"] or self.random.random() < 0.5:
                document[field["wire"]] = self.value(field["type"])
            else:
                absent = self.random.random()
                if absent < 0.3:
                    document[field["wire"]] = None
                elif absent < 0.6 and "default" in field:
                    document[field["wire"]] = field["default"]
        if self.newer and self.random.random() < 0.5:
            document[
                self.random.choice(
                    ["newKey", "_original_values", "class", "data", "created_at"]
                )
            ] = self._junk()
        pairs = list(document.items())
        self.random.shuffle(pairs)
        return dict(pairs)

    def value(self, kind):
        """A value of a type of the specification."""
        choose = self.random.choice
        if kind.endswith("[]"):
            return [self.value(kind[:-2]) for _ in range(choose([0, 0, 1, 2, 5]))]
        if kind.startswith("map<"):
            return {
                choose(TEXTS): self.value(kind[4:-1]) for _ in range(choose([0, 1, 3]))
            }
        if kind.endswith("?"):
            return choose([None, self.value(kind[:-1])])
        if kind in ENUMS:
            return choose(ENUMS[kind] + ["brewing", "", "Pending"] * self.newer)
        if kind in VARIANTS:
            if self.newer and self.random.random() < 0.4:
                return {
                    "type": choose(["brewing", "", "Text"]),
                    "data": self._junk(),
                    "citations": self._junk(),
                }
            return self.document(choose(list(VARIANTS[kind].values())))
        if kind in SPEC["unions"]:
            return self.value(choose(SPEC["unions"][kind]["one_of"]))
        if kind in SCHEMAS:
            return self.document(kind)
        return getattr(self, f"_{kind}")()

    def _string(self):
        return self.random.choice(TEXTS)

    def _integer(self):
        return self.random.choice([0, 1, -1, 7, 2**31, 2**63, 10**30])

    def _number(self):
        return self.random.choice(
            [
                0,
                0.0,
                1,
                0.1,
                -2.5,
                1e-300,
                1.7e308,
                2**53,
                2**60 + 1,
                self.random.random(),
            ]
        )

    def _boolean(self):
        return self.random.random() < 0.5

    def _uuid(self):
        text = str(uuid.UUID(int=self.random.getrandbits(128)))
        return self.random.choice([text, text, text.upper(), text.replace("-", "")])

    def _datetime(self):
        number, choose = self.random.randint, self.random.choice
        date = f"{number(2, 9998):04}-{number(1, 12):02}-{number(1, 28):02}"
        digits = choose([0, 0, 3, 6, 6, number(1, 9)])
        fraction = (
            "." + "".join(choose("0123456789") for _ in range(digits)) if digits else ""
        )
        offset = choose(
            [
                "Z",
                "Z",
                "+00:00",
                "-00:00",
                "z",
                "",
                "+05:30",
                "-11:00",
                "+23:59",
                "-23:59",
            ]
        )
        time = f"{number(0, 23):02}:{number(0, 59):02}:{number(0, 59):02}"
        return f"{date}{choose('TTt ')}{time}{fraction}{offset}"

    def _any(self):
        junk = self._junk()
        return None if junk == 10**400 else junk

    def _junk(self):
        """A copy: what is broken further must not be that of all documents."""
        return copy.deepcopy(self.random.choice(JUNK))

    def broken(self, document):
        """A copy of a document with one to three changes, which may be valid all the same."""
        document = json.loads(json.dumps(document))
        for _ in range(self.random.choice([1, 1, 2, 3])):
            places = list(_places(document))
            if not places:
                return self._junk()
            container, key = self.random.choice(places)
            change = self.random.randrange(6)
            if change == 0:
                del container[key]
            elif change == 1 and isinstance(container, dict):
                container[self.random.choice(["type", "id", "x", *container])] = (
                    container.pop(key)
                )
            elif change == 2:
                container[key] = [container[key]]
            elif change == 3:
                container[key] = {"type": container[key]}
            elif change == 4:
                other, other_key = self.random.choice(places)
                container[key] = (
                    json.loads(json.dumps(other[other_key]))
                    if other_key in _keys(other)
                    else None
                )
            else:
                container[key] = self._junk()
        return document

    def torn(self, text):
        """A JSON text (bytes) with a change that a parser of JSON notices, or does not."""
        number, choose = self.random.randrange, self.random.choice
        change = number(5)
        at = number(len(text) + 1)
        if change == 0:
            return text[:at]
        if change == 1:
            return text[:at] + choose(ODD_BYTES) + text[at:]
        if change == 2 and at < len(text):
            return text[:at] + bytes([text[at] ^ 1 << number(8)]) + text[at + 1 :]
        if change == 3:
            # In the place of a whole value.
            old = choose([b"null", b"[]", b"true", b'"', b"0", b":"])
            return text.replace(old, choose([b"NaN", b"1e999", b"{}"]), 1)
        return text[:at] + text[number(len(text)) :]


def _keys(container):
    return container if isinstance(container, dict) else range(len(container))


def _places(value):
    """Every (container, key) in a JSON value, the deepest first."""
    if isinstance(value, (dict, list)):
        for key in _keys(value):
            yield from _places(value[key])
            yield value, key
