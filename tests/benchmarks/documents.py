"""The documents that the server answers with, in the shapes of the API."""

from __future__ import annotations

import json
from typing import Any

RUN_ID = "0190a5c4-6a1e-7cc3-9d3f-2f6b8c1d4e5f"
PENDING_ID = "0190a5c4-6a1e-7cc3-9d3f-2f6b8c1d4e60"
THREAD_ID = "0190a5c4-7b2f-7dd4-8e40-3a7c9d2e5f60"

_SENTENCE = "The delivery left the warehouse on Tuesday and should arrive within two working days. "


def run(items: int) -> dict[str, Any]:
    """A completed run of a prompt with so many items in its transcript: texts, tools and payloads by turns."""
    price = {
        "input": 0.0021,
        "cachedInput": 0.0003,
        "cacheWrite": 0,
        "output": 0.0105,
        "webSearch": 0,
        "total": 0.0129,
    }
    nothing = dict.fromkeys(price, 0)
    usage = {
        "input": 1200,
        "inputCached": 300,
        "output": 450,
        "reasoning": 64,
        "total": 1650,
        "serviceTier": "default",
    }
    return {
        "id": RUN_ID,
        "status": "completed",
        "createdAt": "2026-01-02T03:04:05.678901+00:00",
        "finishedAt": "2026-01-02T03:04:09+00:00",
        "output": _SENTENCE * 2,
        "emitted": [
            {"tool": "record", "payload": {"order": 1, "tags": ["late", "checked"]}}
        ],
        "transcript": [_item(number) for number in range(items)],
        "error": None,
        "tokenUsage": usage,
        "cost": {"success": price, "retries": nothing, "total": 0.0129},
    }


def _item(number: int) -> dict[str, Any]:
    citations = [
        {"title": f"Page {number}", "url": f"https://example.com/page/{number}"}
    ]
    if number % 3 == 0:
        return {
            "type": "text",
            "content": f"{number}: {_SENTENCE}",
            "citations": citations if number % 2 else [],
        }
    if number % 3 == 1:
        queries = [f"where is order {number}"]
        return {
            "type": "tool",
            "name": "web_search",
            "status": "ok",
            "queries": queries,
            "citations": citations,
        }
    return {
        "type": "data",
        "tool": "record",
        "payload": {"order": number, "late": False, "tags": ["a", "b"]},
    }


def answers() -> dict[str, str]:
    """What the server answers, by name, as JSON texts."""
    document = {
        "id": RUN_ID,
        "status": "pending",
        "fileName": "data.bin",
        "bytes": 1,
        "chunkCount": 0,
    }
    pending = {
        "id": RUN_ID,
        "status": "pending",
        "createdAt": "2026-01-02T03:04:05Z",
        "emitted": [],
        "transcript": [],
    }
    return {
        "run": json.dumps(run(4)),
        "pending": json.dumps(pending),
        "started": json.dumps({"id": RUN_ID, "thread": THREAD_ID}),
        "documents": json.dumps([document]),
    }
