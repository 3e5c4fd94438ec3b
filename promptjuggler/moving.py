"""Moving from the pydantic-based package 1.7: what to change, row by row.

There is nothing in this module but what you read. Both packages are called
`promptjuggler`, so an environment has one of them. `pip install .` of a
checkout puts this one in the place of the other, and `pip install
promptjuggler` by name the other in the place of this one. `promptjuggler
--version`, or whether there is a `promptjuggler.testing`, says which it is. A
copy under another name (`acme._vendor.promptjuggler`) can live beside either.

Import names, methods, arguments, attributes and errors are the same, and so
are all methods that 1.7 itself gives its results and enums. What pydantic
gives them besides is not here. A row below has what a program that came from
there may say, what it means here, and what to write: `both:` works on both
packages, so that a program can be changed before it moves; `here:` works on
this one alone. In the rows, `run` is a `PromptRun`, `workflow_run` a
`WorkflowRun`, and `data` the object of the JSON of `run`.

Found by running the program
----------------------------

PromptRun(**run.to_dict())
PromptRun(**data)
    TypeError: a result is built with the names of Python (`created_at`), and
    names that it does not have are refused. These are those of the API.
    both: PromptRun.from_dict(run.to_dict())
    both: PromptRun.from_dict(data)

PromptRun(id=ID, status="completed", createdAt=TIME, emitted=[], transcript=[])
    TypeError: as above. Text for ids, enums and times, lists, and dicts for
    objects are taken, as there.
    both: PromptRun(id=ID, status="completed", created_at=TIME, emitted=[], transcript=[])

PromptRun(id=ID, status="completed", created_at=0, emitted=[], transcript=[])
    ValidationError: a time is a datetime or its text.
    both: PromptRun(id=ID, status="completed", created_at=TIME, emitted=[], transcript=[])

PromptRun.from_dict(None)
    DecodeError: there, it was None.
    both: None if data is None else PromptRun.from_dict(data)

PromptRun.from_dict({**data, "id": run.id})
PromptRun.from_dict({**data, "createdAt": run.created_at})
    DecodeError: what JSON has as text is given as text. There, a UUID and a
    datetime were taken, too.
    both: PromptRun.from_dict({**data, "id": str(run.id)})
    both: PromptRun.from_dict({**data, "createdAt": run.created_at.isoformat()})

try: found = PromptRun.from_json("{")
except ValueError: found = None
    DecodeError, which is no ValueError. There, what came of bad documents in
    `from_json` and `from_dict` was one: json's or pydantic's.
    both: try: found = PromptRun.from_json("{")
          except (ValueError, PromptJugglerError): found = None

PromptRun.model_validate(data)
PromptRun.model_validate_json(text)
    AttributeError: they are pydantic's.
    both: PromptRun.from_dict(data)
    both: PromptRun.from_json(text)

run.model_dump(by_alias=True, mode="json")
run.model_dump()
run.model_dump_json()
    AttributeError: they are pydantic's. Here, what is null is left out, unless
    the document had it.
    both: json.loads(run.to_json())
    both: run.to_json()
    here: run.to_dict()

run.to_dict()["error"]
    KeyError, where the document does not have it. There, it was None.
    both: run.to_dict().get("error")
    both: run.error

dict(run)
vars(run)
    TypeError: a result is no mapping, and has slots.
    both: {"id": run.id, "output": run.output}
    here: dataclasses.asdict(run)

run.model_copy(update={"output": "x"})
    AttributeError: it is pydantic's.
    both: PromptRun.from_dict({**run.to_dict(), "output": "x"})
    here: dataclasses.replace(run, output="x")

setattr(run, "output", "x")
    FrozenInstanceError, as for `run.output = "x"`: a result does not change,
    and so it can be shared, hashed and kept. Make another, as above.
    both: PromptRun.from_dict({**run.to_dict(), "output": "x"})

run.transcript.append(run.transcript[0])
run.transcript + []
    AttributeError or TypeError: what was a list is a tuple.
    both: [*run.transcript, run.transcript[0]]

TranscriptItem(run.transcript[0].actual_instance)
    TypeError: `TranscriptItem`, `Tool` and `ResponseFormat` are unions, and no
    classes that wrap. An item is the object itself, which reads as before.
    both: run.transcript[0].actual_instance.content
    here: run.transcript[0].content

PromptJuggler("")
PromptJuggler(None)
    ValidationError, at once; there, the first call was a 401. None is as not
    given: the key of PROMPTJUGGLER_API_KEY, where there is one. What is
    constructed in a test needs some key.
    both: PromptJuggler("some-key")

pj.upload_documents("manuals", [("a.txt", "text")])
pj.upload_documents("manuals", [b"text"])
    ValidationError: each file is a tuple of a name and bytes or a binary file,
    or a path. There, text was sent as UTF-8, and bytes alone by a made-up name.
    both: pj.upload_documents("manuals", [("a.txt", "text".encode())])[0].status

PromptJuggler("some-key", base_url="127.0.0.1:8080")
    ValidationError: an address begins with http:// or https://. There, http://
    was put before it, and so the key went out unencrypted.
    both: PromptJuggler("some-key", base_url="http://127.0.0.1:8080")

verify_webhook_signature("{}", SIGNATURE, "")
    ValidationError: a program without its secret is set up wrongly, which is
    not the sender's doing. There, anyone could sign with the empty secret.
    both: bool(SECRET) and verify_webhook_signature("{}", SIGNATURE, SECRET, 300, NOW)

pj.get_prompt("", 1)
pj.get_prompt("greeting", 0)
    ValidationError, and nothing is sent; there, an `ApiError` of the server.
    Arguments of wrong types were pydantic's `ValidationError`. Both of that
    name are a ValueError: catch that.
    both: len(pj.get_prompt("greeting", 1).messages)

Found by looking for it
-----------------------

These raise nothing and mean something else. A type checker sees the first.

run.emitted == []
    False: what was a list is a tuple, also in the answer of `upload_documents`.
    `mypy --strict` reports the comparison, and an annotation as `list[...]`;
    annotate with `collections.abc.Sequence`.
    both: list(run.emitted) == []
    both: not run.emitted

str(run.status)
f"{run.status}"
    "completed"; there, "RunStatus.COMPLETED".
    both: run.status.value

run.to_dict()["id"]
run.to_dict()["createdAt"]
run.to_str()
    Text, as JSON has it; there, a UUID and a datetime. `to_str` shows these.
    both: str(run.to_dict()["id"])
    both: run.created_at

PromptRun.from_dict({**data, "createdAt": "2026-01-02T03:04:05"}).created_at
    A time without a zone is UTC; there, it stays without. The API sends zones.
    both: PromptRun.from_dict({**data, "createdAt": "2026-01-02T03:04:05Z"}).created_at

pj.upload_documents("manuals", [("x/y/a.txt", b"text")])[0].file_name
    "a.txt": the last part of a name is sent alone, so that no folder of the
    sender becomes known. There, all of it was. Two files of the same name in
    two folders need two names.
    both: pj.upload_documents("manuals", [("x-y-a.txt", b"text")])[0].file_name

try: found = pj.run_prompt("greeting", 1, {"age": 5})
except PromptJugglerError: found = "in trouble"
except ValueError: found = "wrong argument"
    "in trouble": here, a ValidationError is a PromptJugglerError and a
    ValueError, there a ValueError alone. The clause for ValueError goes first.
    both: try: found = pj.run_prompt("greeting", 1, {"age": 5})
          except ValueError: found = "wrong argument"
          except PromptJugglerError: found = "in trouble"

Found by a type checker
-----------------------

These run as before. `mypy --strict` refuses them here.

pj.run_prompt("greeting", 1, {"name": "Ada"}, priority=priority)
    A `str` is too wide, as the priorities are a closed set. Annotate a variable
    that is passed on with it: `priority: Literal["onsite", "normal", "low"]`.
    both: pj.run_prompt("greeting", 1, {"name": "Ada"}, priority=known_priority)

outputs: dict[str, str | None] = workflow_run.outputs
payload: dict[str, Any] = run.emitted[0].payload
    What was a dict is a Mapping, since results do not change. Annotate with
    that, or make a dict of it.
    both: outputs: dict[str, str | None] = {**workflow_run.outputs}
    both: payload: Mapping[str, Any] = run.emitted[0].payload

run.emitted[0].payload["seen"] = True
    As above: change a copy.
    both: payload = {**run.emitted[0].payload, "seen": True}

errors: list[str] = workflow_run.errors
    What was a list is a tuple.
    both: errors: Sequence[str] = workflow_run.errors
    both: errors: list[str] = [*workflow_run.errors]

PromptRun(id=run.id, status=run.status, created_at=TIME, emitted=[], transcript=[])
    Refused on both packages: there, for the name `created_at`; here, since text
    and lists are taken but not declared.
    both: PromptRun.from_dict(data)
    here: dataclasses.replace(run, emitted=(), transcript=())

Found with pydantic and FastAPI
-------------------------------

A class of pydantic, and so a route of FastAPI, can have a result as a field,
but its JSON has the names of Python here, and those of the API there. `Report`
has a field `run: PromptRun`, `Record` one `run: dict[str, Any]`, whose JSON has
the names of the API on both (and there, null for what is absent). A route that
returns a result is changed likewise: to `run.to_dict()`, as `dict[str, Any]`.

Report(run=run).model_dump_json(by_alias=True)
    "created_at"; there, "createdAt". A schema changes likewise.
    both: Record(run=run.to_dict()).model_dump_json()

Report.model_validate({"run": data})
    ValidationError of pydantic: "run.created_at: Field required". There, both
    names were taken.
    both: PromptRun.from_dict(Record.model_validate({"run": data}).run)

Done otherwise by the client
----------------------------

429, turned away
    A run is started again after a wait: as long as `Retry-After` asks for, if
    that is at most 60 seconds, up to `max_retries` times. There, the error
    came at once, but a get waited as long as it was told to.
    here: PromptJuggler("some-key", max_retries=0)

500, 502, 503, 504, a connection that breaks
    A get, a deletion or a stream token is sent again. There, it was if
    `Retry-After` came with 503. A run is not: it could be started twice.
    here: PromptJuggler("some-key", max_retries=0)

PROMPTJUGGLER_BASE_URL, PROMPTJUGGLER_API_KEY
    Followed where the argument is not given. There, the environment is not
    looked at.
    both: PromptJuggler("some-key", base_url="https://promptjuggler.com")

HTTPS_PROXY, HTTP_PROXY, NO_PROXY
    Followed. There, they are not.
    here: PromptJuggler("some-key", proxy=False)

a redirect
    An `ApiError` that names the target, since the key goes nowhere else. There,
    it is followed. Give the address itself.
    both: PromptJuggler("some-key", base_url="https://promptjuggler.com")

no end
    An attempt has 30 seconds, where 1.7 waits for ever, and `wait_for_` methods
    poll for you.
    here: PromptJuggler("some-key", timeout=600)

a test that replaces urllib3
    It is not used here. `promptjuggler.testing.FakeServer` is a server to test
    against, for either package.
    both: PromptJuggler("some-key", base_url="http://127.0.0.1:8080")

from promptjuggler._generated.models.http_call import HttpCall
    ModuleNotFoundError: every class of the results is a public name.
    here: from promptjuggler import HttpCall

Nothing to change
-----------------

    PromptRun(id=ID, status="completed", created_at=TIME, emitted=[], transcript=[])
    PromptRun.from_json(run.to_json()) == run
    PromptRun.from_dict(run.to_dict()) == run
    RunStatus.from_json('"completed"')
    RunStatus("brewing") == "brewing"
    run.status == RunStatus.COMPLETED
    copy.deepcopy(run) == run
    pickle.loads(pickle.dumps(run)) == run
    run.transcript[0].actual_instance.content
    ApiError("gone", 410).status_code
    NetworkError("no answer")
    DecodeError("no JSON")
    verify_webhook_signature("{}", SIGNATURE, SECRET, 300, NOW)
"""
