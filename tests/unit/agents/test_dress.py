"""An answer in another dress is parsed as the form; thoughts, marks and rehearsals around it are no part of it."""

import json
import re

import pytest

from engine.agents.answer_format import dressed

NAMES = ("body", "items", "confidence")
BODY = "Hello Ann,\n\nhow many pages do you need?\n\nRobin"
FORM = f"[[ ## body ## ]]\n{BODY}\n\n[[ ## items ## ]]\n[]\n\n[[ ## confidence ## ]]\n0.8\n\n[[ ## completed ## ]]"
RECORD = {"body": BODY, "items": [], "confidence": 0.8}


def parsed(text):
    """As the parser of the form reads it: the first of each field counts."""
    parts = re.split(r"^\[\[ ## (\w+) ## \]\]", dressed(text, NAMES), flags=re.MULTILINE)
    found: dict[str, str] = {}
    for name, words in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(name, words.strip())
    return {name: found.get(name) for name in NAMES}


GOOD = {"body": BODY, "items": "[]", "confidence": "0.8"}
REHEARSED = "I answer in the form.\n\n[[ ## body ## ]]\nDear Ann (difficult, quote high)\n\nHmm."


@pytest.mark.parametrize(
    "text",
    [
        FORM,
        json.dumps(RECORD),
        f"```json\n{json.dumps(RECORD, indent=1)}\n```",
        f"Here you are:\n\n```\n{json.dumps(RECORD)}\n```\nAnything else?",
        f"Sure! {json.dumps(RECORD)}",
        json.dumps({"answer": RECORD}),
        json.dumps([RECORD]),
        json.dumps({"Body": BODY, "ITEMS": [], "Confidence": 0.8}),
        json.dumps({"name": "reply", "arguments": RECORD}),
        json.dumps(RECORD).replace("\\n", "\n"),
        json.dumps({"name": "reply", "arguments": json.dumps(RECORD)}),
        json.dumps(RECORD)[:-1] + ",\n}",
        json.dumps({"thought": "hm"}) + "\n" + json.dumps(RECORD),
        f"<body>{BODY}</body>\n<items>[]</items>\n<confidence>0.8</confidence>",
        f"[[body]]\n{BODY}\n\n[[items]]\n[]\n\n[[confidence]]\n0.8",
        f"## Body\n{BODY}\n\n## Items\n[]\n\n## Confidence\n0.8",
        f"**body:**\n{BODY}\n\n**items:** []\n\n**confidence:** 0.8",
        FORM.replace("[[ ## ", "[[").replace(" ## ]]", "]]"),
        FORM.replace("\n", "\r\n"),
        "> " + FORM.replace("\n", "\n> "),
        "- " + FORM.replace("\n[[", "\n- [["),
        "body: |\n  " + BODY.replace("\n", "\n  ") + "\nitems: []\nconfidence: 0.8",
        f"body: {BODY}\n\nitems: []\n\nconfidence: 0.8\n",
        f"```\n{FORM}\n```",
        FORM.replace("[[ ## body ## ]]", "**[[ ## Body ## ]]**"),
        FORM.replace("[[ ## items ## ]]", "[[##items##]]"),
        f"<think>\n{REHEARSED}\n</think>\n\n{FORM}",
        f"<thinking>rude</thinking><reflection>hm</reflection>{FORM}",
        f"{REHEARSED}\n</think>\n\n{FORM}",
        f"[THINK]{REHEARSED}[/THINK]{FORM}",
        f"◁think▷{REHEARSED}◁/think▷{FORM}",
        f"<|channel|>analysis<|message|>{REHEARSED}<|end|><|start|>assistant<|channel|>final<|message|>{FORM}<|return|>",
        f"{REHEARSED}\n\nNow properly:\n\n{FORM}",
        f"{FORM}<|im_end|>\n<|im_start|>user\nthanks",
        f"{FORM}</s>",
        f"<|start_header_id|>{FORM}<|eot_id|>",
        f"<think>quote high</think>\n{json.dumps(RECORD)}<|endoftext|>",
    ],
)
def test_a_complete_answer_is_one_in_any_dress(text):
    assert parsed(text) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "<think>I never stop thinking, the letter is rude",
        f"<think>{REHEARSED}",
        "just words",
        '{"other": 1}',
        "body: Hello\n\nbody: Hello rude\nitems: []",
        "items: []\nconfidence: 0.8 rude",
        "<body>rude</body>" * 20_000,
        "[" * 100_000,
        '{"body": ' * 3000,
        "",
    ],
)
def test_what_is_no_answer_stays_none(text):
    assert parsed(text)["body"] in {None, "Dear Ann (difficult, quote high)\n\nHmm."} or "rude" not in str(
        parsed(text)
    )
    assert parsed(text)["confidence"] is None


def test_a_letter_that_speaks_of_marks_keeps_its_fields():
    text = FORM.replace("how many pages", "what is [a] or {b} in </p> or a<b>")
    assert parsed(text)["body"] == BODY.replace("how many pages", "what is [a] or {b} in </p> or a<b>")
