"""The benchmarks measure what they say. How fast anything is, is not tested here."""

import json
import uuid
import xml.etree.ElementTree as ET

import pytest
from benchmarks import calls, chart, decode, frozen, report, start, stream, upload
from benchmarks.__main__ import main
from benchmarks.documents import RUN_ID
from benchmarks.measure import Effort, Spread, in_turns, ratios, spread
from benchmarks.process import Failed
from benchmarks.report import FLOOR, OURS, PEER, Fact, Ratio, Table
from helpers.package import FOLDER


@pytest.fixture(scope="module")
def server(bench):
    """A server, and its URL."""
    with bench.server() as process:
        process.url = f"http://localhost:{process.answer()['http']}"
        yield process


def test_a_spread_has_the_median_and_the_quartiles():
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0, 1.0)
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0, 7.0)


def test_a_ratio_is_taken_round_by_round():
    assert ratios([2.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == Spread(3.0, 2.5, 3.5, 2.0)


def test_subjects_take_turns_and_the_warm_up_does_not_count():
    order = []

    def subject(name):
        def work():
            order.append(name)
            return float(len(order))

        return work

    results = in_turns(2, {"a": subject("a"), "b": subject("b")})
    assert "".join(order) == "baabba"
    assert results == {"a": [3.0, 6.0], "b": [4.0, 5.0]}


def test_effort_scales_counts_and_keeps_the_smallest_sizes():
    assert (Effort().times(15), Effort(0.25).times(15), Effort(0.001).times(15)) == (
        15,
        4,
        1,
    )
    assert (Effort().sizes([1, 2, 3, 4]), Effort(0.5).sizes([1, 2, 3, 4])) == (
        [1, 2, 3, 4],
        [1, 2],
    )


def test_ratios_say_how_often_the_package_is_faster_and_slower():
    row = Ratio(
        "a call", {OURS: [0.002], PEER: [0.008], FLOOR: [0.001]}, "`x`", 2.2, 1.35
    )
    assert row.cells()[:3] == ["a call", "2 ms", "8 ms"]
    assert row.cells()[3:5] == ["4.00 (4.00 to 4.00)", "at least 2.2: met"]
    assert row.cells()[5:] == [
        "1 ms `x`",
        "2.00 (2.00 to 2.00)",
        "at most 1.35: MISSED",
    ]
    assert row.to_dict()["times_faster_than_peer"]["median"] == 4.0
    assert (row.meets_peer_goal(), row.meets_floor_goal()) == (True, False)
    alone = Ratio("a call", {OURS: [0.002]})
    assert alone.cells() == ["a call", "2 ms", "", "", "", "", "", ""]
    assert (alone.meets_peer_goal(), alone.meets_floor_goal()) == (None, None)


def test_findings_become_tables_that_line_up():
    findings = [
        Fact("connections", "8", "9", "at most 8", is_met=True),
        Table("Growth", ["n", "time"], [["1", "2 s"]], [{"n": 1}]),
    ]
    assert report.text(findings).splitlines() == [
        "| what        | goal           | ours | 1.7.0 |",
        "| ----------- | -------------- | ---- | ----- |",
        "| connections | at most 8: met | 8    | 9     |",
        "",
        "Growth",
        "",
        "| n | time |",
        "| - | ---- |",
        "| 1 | 2 s  |",
    ]


FINDINGS = [
    Ratio("one", {OURS: [0.002], PEER: [0.008], FLOOR: [0.001]}, "`x`", 3, 1.5),
    Ratio("two & <three>", {OURS: [4.0], FLOOR: [3.0]}, "", None, 1.15),
    Ratio("without a goal", {OURS: [0.002], PEER: [0.008]}),
    Fact("connections", "8", "9", "at most 8", {"all": [8]}, False),
    Table("Growth", ["n", "time"], [["1", "2 s"]], [{"n": 1}]),
]


@pytest.mark.parametrize(
    "finding", FINDINGS, ids=lambda finding: type(finding).__name__
)
def test_a_finding_is_the_same_after_it_was_saved(finding):
    saved = json.loads(json.dumps(report.to_dict(finding)))
    assert report.from_dict(saved) == finding


def bars(picture):
    """The bars of a picture: their classes and widths, below the legend."""
    found = picture.iter("{http://www.w3.org/2000/svg}rect")
    kinds = ("ours", "peer", "floor")
    every = [(bar.get("class"), float(bar.get("width"))) for bar in found]
    return [bar for bar in every if bar[0] in kinds][len(kinds) :]


def test_the_picture_has_a_bar_for_each_in_each_row_with_a_goal():
    picture = ET.fromstring(chart.svg(FINDINGS, "on a machine"))
    (first, *rest) = bars(picture)
    assert [kind for kind, _ in (first, *rest)] == ["ours", "peer", "floor", "ours", "floor"]  # fmt: skip
    (ours, peer, floor, slower, faster) = [width for _, width in (first, *rest)]
    assert (ours * 4, floor * 8) == (
        pytest.approx(peer, 0.01),
        pytest.approx(peer, 0.01),
    )
    assert slower == pytest.approx(peer, 0.01)
    assert faster / slower == pytest.approx(0.75, 0.01)
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"this package", "one", "two & <three>", "4.0 times faster", "2 ms"} <= {*words}  # fmt: skip
    assert "without a goal" not in words
    assert "on a machine" in words[-1]


def test_the_picture_stays_within_its_edges():
    picture = ET.fromstring(chart.svg(FINDINGS, "on a machine"))
    width, height = float(picture.get("width")), float(picture.get("height"))
    for element in picture.iter():
        assert 0 <= float(element.get("x", 0)) + float(element.get("width", 0)) <= width
        assert 0 <= float(element.get("y", 0)) <= height


def luminance(colour):
    """Of a colour (WCAG 2, relative luminance)."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(p * c for p, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colours", [chart.LIGHT, chart.DARK], ids=["light", "dark"])
def test_the_picture_can_be_read_on_light_pages_and_on_dark_ones(colours):
    for name, colour in colours.items():
        darker, lighter = sorted(map(luminance, (colour, colours["page"])))
        least = {"page": 1, "text": 4.5, "quiet": 4.5}.get(name, 3)
        assert (lighter + 0.05) / (darker + 0.05) >= least, name
    text = chart.svg(FINDINGS, "on a machine")
    light, dark = text.split("@media(prefers-color-scheme:dark)")
    assert chart.LIGHT["page"] in light
    assert chart.DARK["page"] in dark


def test_what_is_measured_is_the_copy_and_not_the_project(bench):
    for subject, place in [
        (bench.ours, bench.compiled),
        (bench.python.finding(bench.archive), bench.archive),
    ]:
        code = "import sys, promptjuggler; sys.exit(promptjuggler.__file__)"
        with pytest.raises(Failed, match=str(place)):
            subject.start(code)
    with pytest.raises(Failed, match="No module named 'promptjuggler'"):
        bench.floor.start("import promptjuggler")


def test_a_whole_process_reads_its_first_run(bench, server):
    code, floor = start.FIRST_RUN, start.FIRST_RUN_FLOOR
    before = server.ask("reset")["requests"]
    assert bench.ours.start(code, server.url, RUN_ID) > 0
    assert bench.floor.start(floor, server.url, RUN_ID) > 0
    assert (before, server.ask("count")["requests"]) == (0, 2)


def test_the_floor_of_a_first_run_loads_what_the_package_loads(bench, server):
    shown = (
        "\nimport sys; sys.exit(' '.join({n.partition('.')[0] for n in sys.modules}))"
    )
    loaded = []
    for subject, code in (
        (bench.ours, start.FIRST_RUN),
        (bench.floor, start.FIRST_RUN_FLOOR),
    ):
        with pytest.raises(Failed) as ended:
            subject.start(code + shown, server.url, RUN_ID)
        loaded.append(set(str(ended.value).split()))
    ours, floor = loaded
    # It is a compiler's flag.
    assert ours - floor == {"promptjuggler", "__future__"}


def test_threads_call_as_often_as_they_say(bench, server):
    threads = calls.Threads(server, [str(uuid.uuid4()) for _ in range(3)], 2, 3)
    seconds = threads.measure(bench, server.url, 1)
    assert set(seconds) == {OURS, FLOOR}
    assert threads.calls == {OURS: 9, FLOOR: 9}
    assert threads.errors == {OURS: [], FLOOR: []}
    # The last one, the floor's: its connection for the first call, and one for each thread.
    counted = server.ask("count")
    assert (counted["connections"], counted["requests"]) == (
        threads.connections[FLOOR][-1],
        10,
    )


def test_warm_calls_are_timed_for_all_who_are_there(bench, server):
    row = calls.warm(bench, bench.subjects(), "calls", server.url, 1)
    assert {name: len(values) for name, values in row.seconds.items()} == {
        OURS: 1,
        FLOOR: 1,
    }


def test_decoding_reads_every_item(bench):
    row = decode.decoding(bench, bench.subjects(), "decoding", 30, 1)
    assert {name: len(values) for name, values in row.seconds.items()} == {
        OURS: 1,
        FLOOR: 1,
    }


def test_a_stream_is_read_to_its_last_token(bench, server):
    assert set(stream.tokens(bench, server, server.url, 1000, 1)) == {OURS, FLOOR}
    assert stream._streamed(server, bench.ours, server.url, 3, 5)["tokens"] == 15


def test_of_the_two_processes_of_an_upload_one_sends_the_whole_file(bench, server):
    file = upload._sparse(bench.work, 1)
    server.ask("reset")
    grown = upload._growth(bench.ours, server.url, file, False)
    counted = server.ask("count")
    assert (counted["requests"], counted["posts"]) == (3, 1)
    assert 2**20 < counted["body_bytes"] < 2**20 + 1000
    assert grown["growth"] == max(grown["with"] - grown["without"], 0)


def test_a_process_is_frozen_while_the_server_hangs_up(bench, server):
    task = bench.work / "task"
    task.mkdir()
    (task / "handler.py").write_text(frozen.HANDLER)
    result = frozen.Freezer(bench, server, bench.ours, task, server.url).measure()
    assert result["errors"] == []
    assert (len(result["cold"]), len(result["warm"]), len(result["thawed"])) == (
        1,
        1,
        1,
    )
    assert (result["calls"], result["posts"]) == (3, 3)
    assert server.ask("count")["connections"] == 2


def test_a_worker_tells_what_went_wrong(bench):
    with (
        bench.ours.worker() as worker,
        pytest.raises(Failed, match="FileNotFoundError"),
    ):
        worker.ask("decode", file="nothing.json", count=1)


def test_the_command_writes_json_and_says_that_the_peer_is_left_out(tmp_path, capsys):
    file = tmp_path / "numbers.json"
    main(
        [
            "--no-peer",
            "--only",
            "decode",
            "--effort",
            "0.001",
            "--package",
            str(FOLDER),
            "--json",
            str(file),
        ]
    )
    out = capsys.readouterr().out
    assert "left out (--no-peer)" in out
    assert json.loads(file.read_text())["peer"] == "left out (--no-peer)"
    picture = tmp_path / "picture.svg"
    main(["--from", str(file), "--chart", str(picture)])
    assert capsys.readouterr().out == out
    assert "decoding a run with 3,000 items" in picture.read_text("utf-8")
