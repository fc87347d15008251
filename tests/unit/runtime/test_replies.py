"""What a provider's answer says: an error is that error wherever it stands, a wait is heard, and an answer in another dress is one."""

import json
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest

from engine.model.errors import PermanentError, TransientError
from engine.model.rate_limited import RateLimited
from engine.runtime.model_replies import read

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)


def told(**headers):
    found = Message()
    for name, text in headers.items():
        found[name.replace("_", "-")] = text
    return found


def reading(body, status=200, **headers):
    raw = body if isinstance(body, str) else json.dumps(body)
    return read("default", status, told(**headers), raw, now=NOW)


def answer(content, finish="stop", **more):
    return {"model": "m", "choices": [{"message": {"content": content}, "finish_reason": finish}], **more}


@pytest.mark.parametrize(
    "body",
    [
        answer("Good day"),
        answer([{"type": "text", "text": "Good "}, {"type": "text", "text": "day"}]),
        answer([{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "Good day"}]),
        answer([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "Good day"}]),
        answer({"type": "text", "text": {"value": "Good day"}}),
        {"choices": [{"text": "Good day", "finish_reason": "stop"}]},
        'data: {"model": "m", "choices": [{"delta": {"content": "Good "}}]}\n\ndata: {"choices": [{"delta": {"content": "day"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n',
        {"choices": [{"message": {"content": "Good day", "reasoning_content": "rude"}, "finish_reason": "STOP"}]},
    ],
    ids=["text", "parts", "after reasoning", "after thoughts", "one part", "completion", "events", "reasoning field"],
)  # fmt: skip
def test_an_answer_in_another_dress_is_an_answer(body):
    found = reading(body)
    assert (found.text, found.trouble, found.cut) == ("Good day", None, False)


@pytest.mark.parametrize(
    "finish",
    [
        "length",
        "max_tokens",
        "model_length",
        "content_filter",
        "error",
        "safety",
        "tool_calls",
        "abort",
        None,
    ],
)
def test_an_answer_that_did_not_end_by_itself_is_cut(finish):
    assert reading(answer("Good day", finish)).cut


@pytest.mark.parametrize("finish", ["stop", "eos", "end_turn", "stop_sequence", "COMPLETE"])
def test_an_answer_that_ended_by_itself_is_whole(finish):
    assert not reading(answer("Good day", finish)).cut


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "word"),
    [
        (200, {"error": {"message": "Insufficient credits. Add more", "code": 402}}, PermanentError, "model-money", "credits"),
        (200, {"error": "model overloaded, too many requests"}, RateLimited, "rate-limited", "overloaded"),
        (200, {"object": "error", "message": "no such model", "code": 404}, PermanentError, "model-missing", "no such"),
        (200, {"choices": [{"error": {"code": 502, "message": "upstream"}, "finish_reason": "error"}]}, TransientError, "model-down", "upstream"),
        (200, {"error": {"message": "Invalid API key", "type": "authentication_error"}}, PermanentError, "model-key", ""),
        (200, {"detail": "Bad request: unsupported"}, PermanentError, "model-request", "unsupported"),
        (200, {"errors": [{"message": "rate limit exceeded"}]}, RateLimited, "rate-limited", "rate limit"),
        (200, {"error": {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded"}}, PermanentError, "model-request", "context"),
        (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, PermanentError, "model-money", "balance"),
        (200, {"choices": None, "error": {"message": "No endpoints found"}}, PermanentError, "model-missing", "endpoints"),
        (429, {"error": {"message": "Your account is not active, please check your billing details"}}, PermanentError, "model-money", "active"),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, PermanentError, "model-money", "quota"),
        (402, {"error": {"message": "Insufficient Balance"}}, PermanentError, "model-money", "Balance"),
        (400, {"error": {"message": "Your credit balance is too low"}}, PermanentError, "model-money", "credit balance"),
        (403, {"error": {"message": "billing_not_active"}}, PermanentError, "model-money", "billing"),
        (429, {"error": {"message": "You exceeded your current quota, check your plan and billing. Please retry in 22.5s."}}, RateLimited, "rate-limited", "retry"),
        (403, {"error": {"message": "region not allowed"}}, PermanentError, "model-key", ""),
        (408, {"error": {"message": "Request timed out"}}, RateLimited, "rate-limited", "timed out"),
        (425, "early", RateLimited, "rate-limited", "early"),
        (503, {"error": "Model is loading", "estimated_time": 20.0}, RateLimited, "rate-limited", "loading"),
        (529, {"error": {"message": "Overloaded"}}, TransientError, "model-down", "Overloaded"),
    ],
)  # fmt: skip
def test_an_error_is_that_error_wherever_it_stands(status, body, kind, code, word):
    trouble = reading(body, status).trouble
    assert trouble is not None
    assert (type(trouble), trouble.code) == (kind, code)
    assert word in trouble.message
    assert '{"' not in trouble.message


@pytest.mark.parametrize(
    ("words", "headers", "seconds"),
    [
        ("Rate limit reached: requests per min. Please try again in 20s.", {}, 20.0),
        ("Please try again in 1m30s.", {}, 90.0),
        ("Please try again in 850ms. Visit https://example.com", {}, 0.85),
        ("Retry after 30 seconds", {}, 30.0),
        ("Please wait for 2 minutes", {}, 120.0),
        ('x", "retryDelay": "39s', {}, 39.0),
        ("slow down", {"x_ratelimit_reset_requests": "6m0s"}, 360.0),
        ("slow down", {"retry_after_ms": "1500"}, 1.5),
        ("try again in 20s", {"Retry_After": "5"}, 5.0),
        ("slow down", {"Retry_After": f"{NOW + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} GMT"}, 90.0),
        ("try again in 90000 hours", {}, 86_400.0),
        ("Limit 20 requests per 60 s", {}, 0.0),
        ("slow down", {}, 0.0),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_heard_in_headers_and_words(words, headers, seconds):
    raw = f'{{"error": {{"message": "{words}"}}}}'
    trouble = reading(raw, 429, **headers).trouble
    assert isinstance(trouble, RateLimited)
    assert trouble.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": "9"}, {"prompt_tokens": -1, "completion_tokens": 1}, 7]
)
def test_what_usage_does_not_say_is_not_counted(usage):
    assert reading(answer("x", usage=usage)).counted is None
    good = {"prompt_tokens": 9, "completion_tokens": 1}
    assert reading(answer("x", usage=good)).counted == (9, 1)
    assert reading({"error": {"message": "no"}, "usage": good}).counted == (9, 1)
