"""A model's raw answer in the dress that is parsed: without its thoughts and marks, JSON as the form, a rehearsed form dropped.

Only what is certain is done here. Thoughts are recognised by the marks models put around them; text outside such marks is the answer.
"""

import json
import re
import textwrap
from collections.abc import Collection

from engine.model.values.canonical_json import Json

_NAMES = r"think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|seed:think|antthinking|inner_monologue"
_THOUGHTS = (
    re.compile(rf"<({_NAMES})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"\[THINK\].*?\[/THINK\]", re.DOTALL | re.IGNORECASE),
    re.compile(r"◁think▷.*?◁/think▷", re.DOTALL),
    re.compile(
        r"<\|channel\|>\s*(?:analysis|commentary)\b.*?(?=<\|channel\|>\s*final\b|<\|end\|>|\Z)", re.DOTALL
    ),
)
_OPENED = re.compile(rf"(?:<(?:{_NAMES})\b[^<>]*>|\[THINK\]|◁think▷)", re.IGNORECASE)
_CLOSED = re.compile(rf"(?:</(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷)", re.IGNORECASE)
END_MARK = re.compile(
    r"<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|eom_id|end|return|assistant|user|system|start_header_id|end_header_id|begin_of_text)\|>"
    r"|<\uff5c[^<>\uff5c]{1,40}\uff5c>|</s>|<end_of_turn>|<start_of_turn>|\[/?INST\]|<EOS>|<eos>"
)
"""A mark of a model's own protocol: it ends the model's turn."""
_FINAL = re.compile(r"<\|channel\|>\s*final\s*<\|message\|>|<\|(?:start|message)\|>(?:assistant)?")
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?```", re.DOTALL)
_WHOLE_FENCE = re.compile(r"\s*```[\w-]*[ \t]*\n(.*?)\n?```\s*", re.DOTALL)
_HEADER = re.compile(
    r"^[ \t>*_#`-]*\[\[[ \t]*#{1,3}[ \t]*([A-Za-z][\w -]*?)[ \t]*#{0,3}[ \t]*\]\][*_`]*", re.MULTILINE
)
_LAST = "completed"
_COMMA = re.compile(r",(\s*[}\]])")
_ENDED = re.compile(rf"\n[\s\[#*_<]*{_LAST}[\]#*_>:\s]*\Z", re.IGNORECASE)
# How a field may begin, and end, with its name in place of {}.
_LABELS = tuple(
    (f"(?ims:{begin})", end)
    for begin, end in (
        (r"<{}>", r"(?i:</{}>)"),
        (r"^\[\[[ \t]*{}[ \t]*\]\][ \t]*$", ""),
        (r"^#{{1,6}}[ \t]*{}[ \t]*:?[ \t]*$", ""),
        (r"^[*_]{{2}}{}[ \t]*:?[*_]{{2}}[ \t]*:?", ""),
        (r"^{}[ \t]*:", ""),
    )
)
# A record inside another that says nothing of its own: {"answer": {…}}.
_DEPTH = 3


def dressed(text: str, names: Collection[str]) -> str:
    """The answer as the form of `names` (the outputs as they are asked for), as far as it is one in another dress."""
    words = _unquoted(_without_marks(_without_thoughts(text.replace("\r\n", "\n"))))
    if (whole := _WHOLE_FENCE.fullmatch(words)) is not None and "```" not in whole[1]:
        words = whole[1]
    known = {_plain(name): name for name in (*names, _LAST)}
    words = _HEADER.sub(lambda header: f"[[ ## {known.get(_plain(header[1]), header[1])} ## ]]\n", words)
    if "[[ ## " in words:
        return _last_form(words, names)
    return _from_json(words, known) or _labelled(words, names) or words


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def _unquoted(words: str) -> str:
    """Without the quote mark, where nearly every line begins with one."""
    lines = words.split("\n")
    marked = sum(line.startswith(">") for line in lines)
    return re.sub(r"(?m)^> ?", "", words) if marked > 2 and marked >= len(lines) - 1 else words


def _without_thoughts(text: str) -> str:
    for pattern in _THOUGHTS:
        text = pattern.sub("", text)
    # Where a template opens the thoughts itself, the text has only their end mark; what precedes the answer is not part of it.
    if ((closed := list(_CLOSED.finditer(text))) and "[[" in text[closed[-1].end() :]) or (
        closed and "[[" not in text[: closed[-1].start()]
    ):
        text = text[closed[-1].end() :]
    opened = _OPENED.search(text)
    # Thoughts that never end hold no answer.
    return text[: opened.start()] if opened is not None and "[[" not in text[: opened.start()] else text


def _without_marks(text: str) -> str:
    """Without the marks around it. A mark between two fields stays for the parser, which knows where a field ends."""
    words = _FINAL.sub("", text).strip()
    while (mark := END_MARK.match(words)) is not None:
        words = words[mark.end() :].lstrip()
    end_mark = next((match for match in END_MARK.finditer(words) if "[[" not in words[match.end() :]), None)
    return words[: end_mark.start()].rstrip() if end_mark is not None else words


def _last_form(words: str, names: Collection[str]) -> str:
    """From the last place on at which every field is written that is written at all: before it, it was rehearsed."""
    places = [
        (header.start(), header[1])
        for header in re.finditer(r"\[\[ ## (\w+) ## \]\]", words)
        if header[1] in set(names)
    ]
    there = {name for _, name in places}
    for start, _ in reversed(places):
        if {name for place, name in places if place >= start} == there:
            return words[start:]
    return words


def _from_json(words: str, known: dict[str, str]) -> str:
    """A JSON record with fields that are asked for, as the form; empty when there is none."""
    for candidate in (
        words,
        *(fence[1] for fence in _FENCED.finditer(words)),
        _between(words),
        *_lines(words),
    ):
        parsed = _json(candidate)
        if parsed is None:
            continue
        record = _record(parsed, known)
        if record is not None:
            parts = [
                f"[[ ## {known[_plain(name)]} ## ]]\n{_written(value)}" for name, value in record.items()
            ]
            return "\n\n".join([*parts, f"[[ ## {_LAST} ## ]]"])
    return ""


def _json(text: str) -> Json:
    for words in (text, _COMMA.sub(r"\1", text)):
        try:
            return json.loads(words, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _lines(words: str) -> list[str]:
    """The lines of an answer in JSON lines, the last one first."""
    return [
        line for line in reversed(words.splitlines()) if line.startswith("{") and line.rstrip().endswith("}")
    ][:20]


def _labelled(words: str, names: Collection[str]) -> str:
    """As the form: an answer that has every requested field once, in order, after its name or between its marks."""
    patterns = [re.escape(name).replace("_", "[ _-]") for name in names]
    for begin, end in _LABELS:
        pattern = r"\s*".join(f"{begin.format(name)}((?s:.*?)){end.format(name)}" for name in patterns)
        labels = [re.findall(begin.format(name), words) for name in patterns]
        if all(len(matches) == 1 for matches in labels) and (whole := re.search(rf"{pattern}\s*\Z", words)):
            parts = [
                f"[[ ## {name} ## ]]\n{_block(text)}"
                for name, text in zip(names, whole.groups(), strict=True)
            ]
            return "\n\n".join([*parts, f"[[ ## {_LAST} ## ]]"])
    return ""


def _block(text: str) -> str:
    """The text after a label, without the end label; a YAML block as its words."""
    words = _ENDED.sub("", text).strip()
    mark, _, block = words.partition("\n")
    return textwrap.dedent(block).strip() if re.fullmatch(r"[|>][+-]?\d?", mark.strip()) else words


def _between(words: str) -> str:
    first, last = words.find("{"), words.rfind("}")
    return words[first : last + 1] if 0 <= first < last else ""


def _record(parsed: Json, known: dict[str, str]) -> dict[str, Json] | None:
    for _ in range(_DEPTH):
        if isinstance(parsed, list) and len(parsed) == 1:
            parsed = parsed[0]
        if not isinstance(parsed, dict):
            return None
        record = {name: value for name, value in parsed.items() if _plain(str(name)) in known}
        if record:
            return record
        inner = [value for value in map(_opened, parsed.values()) if isinstance(value, dict)]
        if len(inner) != 1:
            return None
        parsed = inner[0]
    return None


def _opened(value: Json) -> Json:
    """What a tool was called with may be JSON in a string."""
    return _json(value) if isinstance(value, str) and value.lstrip().startswith("{") else value


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
