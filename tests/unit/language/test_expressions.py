import threading
import time

import pytest

from engine.language.expressions import functions
from engine.language.expressions.expressions import Expressions, pieces, whole
from engine.language.text.identifiers import variable
from engine.model.definitions.plan import Expr, Read
from engine.model.definitions.types import ANY, BOOL, TEXT, choice, listing
from engine.model.errors import PermanentError
from tests.unit.language.expressing import EUR, NOW, attempt, compiled, value, wrong
from tests.unit.language.trees import playbook


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps.intent.outputs.name == 'spam'", True),
        ("steps.intent.outputs.confidence >= 1", True),
        ("steps.answer.outputs.got != 'nothing'", False),
        ("steps.who.outputs", {"name": "Ana", "email": "a@example.com", "known": True}),
        ("default(steps.payment-link.outputs.url, null)", None),
        ("default(steps.payment-link.outputs.total, '5 EUR')", {"minor": 500, "currency": "EUR"}),
        ("default(steps.who.outputs.company, '-') + '!'", "-!"),
        ("steps.payment-link.status", "skipped"),
        ("gates.offer.verdict == 'approved'", True),
        ("failure()", False),
        ("always()", True),
        ("steps.sops.outputs.notes.map(n, n.found-by).join(', ')", "index, full-text"),
        ("size(steps.sops.outputs.notes.filter(n, n.score > 0.7))", 1),
        ("steps.sops.outputs.notes.exists(n, n.title == 'U')", True),
        ("steps.sops.outputs.notes.all(n, n.title == 'U')", False),
        ("steps.sops.outputs.notes[1].title", "U"),
        ("above(inputs.price, '33.32 EUR') && below(inputs.price, '33.34 EUR')", True),
        ("plus(inputs.price, '0.01 EUR')", {"minor": 3334, "currency": "EUR"}),
        ("minus(inputs.price, inputs.price)", {"minor": 0, "currency": "EUR"}),
        ("times(inputs.price, 1.5)", {"minor": 5000, "currency": "EUR"}),
        ("percent(inputs.price, 30)", {"minor": 1000, "currency": "EUR"}),
        ("sum([inputs.price, inputs.price])", {"minor": 6666, "currency": "EUR"}),
        (
            "sum(steps.sops.outputs.notes.filter(n, n.score > 9).map(n, inputs.price))",
            {"minor": 0, "currency": "EUR"},
        ),
        ("inputs.price == '33.33 EUR' && inputs.price != '1 EUR'", True),
        ("text(inputs.price) + ' ' + text(inputs.share) + ' ' + text(inputs.rush)", "33.33 EUR 2 false"),
        ("inputs.count / 2", 1.5),
        ("inputs.count % 2 + 1", 2),
        ("-inputs.count + 0.5 < 0", True),
        ("inputs.share * 2 == 4", True),
        ("size('añ😀')", 3),
        ("event.text.contains('two') || event.subject.startsWith('x')", True),
        ("inputs.words + ['c']", ["a", "b", "c"]),
        ("(inputs.rush ? ['x'] : []) + inputs.words", ["a", "b"]),
        ("{'a': inputs.count, 'b': [inputs.share, 1.5]}", {"a": 3, "b": [2.0, 1.5]}),
        ("steps.answer.outputs.event.a + 1", 2.0),
        ("steps.answer.outputs.event['b'] == 'x'", True),
        ("event.subject in ['Hi', 'Ho']", True),
        ("event.auth.aligned && event.auth.dmarc == 'pass'", True),
        ("event.message-id", "<1@example.com>"),
        ("today()", "2026-03-29"),
        ("month(event.at, 0)", {"first": "2026-03-01", "last": "2026-03-31", "name": "2026-03"}),
        ("month(event.at, -13).name + ' ' + text(month(inputs.due, 11).last)", "2025-02 2027-02-28"),
        ("week(event.at, 0)", {"first": "2026-03-23", "last": "2026-03-29", "name": "2026-W13"}),
        ("week(inputs.due, -13).name + ' ' + text(week(inputs.due, 1).first)", "2025-W52 2026-03-30"),
        ("days(inputs.due, event.at) + days(inputs.due, day(ahead('3d')))", 3),
        ("days(month(event.at, 0).last, month(event.at, 0).first)", -30),
        ("plus(inputs.due, '3d')", "2026-04-01"),
        ("minus(inputs.due, inputs.wait)", "2026-03-26"),
        ("plus(event.at, '1d')", "2026-03-29T22:30:00.000000Z"),
        ("minus(event.at, '90m') < event.at", True),
        ("inputs.due <= month(event.at, 0).last && event.at >= ago('1s')", True),
        ("day(event.at) == inputs.due", True),
        ("day(ago('1d'))", "2026-03-28"),
        ("ahead('1d')", "2026-03-29T22:30:00.000000Z"),
        ("ahead('24h')", "2026-03-29T23:30:00.000000Z"),
        ("event.at <= now()", True),
        ("'it\\'s \\u00e9' + \"\\n\"", "it's é\n"),
        ("1 == 1.0", True),
        ("inputs.count == 3 ? 'three' : 'other'", "three"),
    ],
)
def test_gives(text, expected):
    found = value(text)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "pointed", "fix"),
    [
        ("evnt.from", "SW101", "evnt", "event"),
        ("now_", "SW101", "now_", None),
        ("steps.whom.outputs", "SW102", "whom", "who"),
        ("event.form", "SW103", "form", "from"),
        ("steps.who.output.name", "SW103", "output", "outputs"),
        ("steps.who.outputs.nam", "SW103", "nam", "name"),
        ("steps.intent.outputs.confidence-1 > 0", "SW103", "confidence-1", "confidence - 1"),
        ("event.subject.length > 3", "SW103", "length", None),
        ("steps.sops.outputs.notes.map(n, n.titel)", "SW103", "titel", "title"),
        ("{'a': 1}.b", "SW103", "b", None),
        ("steps.who", "SW104", "steps.who", "steps.who.outputs"),
        ("gates.offer == 'approved'", "SW104", "gates.offer", "gates.offer.verdict"),
        ("steps.later.outputs", "SW105", "later", None),
        ("gates.ofer.verdict", "SW106", "ofer", "offer"),
        ("length(event.text)", "SW107", "length", "size"),
        ("event.text.matches('(a+)+$')", "SW107", "matches", None),
        ("has(event.text)", "SW107", "has", None),
        ("contains(event.text, 'a')", "SW108", "contains", "event.text.contains('a')"),
        ("event.text.size(1)", "SW108", "size", None),
        ("above(inputs.price)", "SW108", "above", None),
        ("steps.sops.outputs.notes.map(event, 1)", "SW108", "map", None),
        ("default(event.subject, 1)", "SW108", "default", None),
        ("inputs.price > '5 EUR'", "SW109", ">", "above(inputs.price, '5 EUR')"),
        ("inputs.price + inputs.price", "SW109", "+", "plus(inputs.price, inputs.price)"),
        ("inputs.price * 2", "SW109", "*", "times(inputs.price, 2)"),
        ("inputs.price > 500", "SW109", ">", None),
        ("'a' + inputs.count", "SW109", "+", "text(inputs.count)"),
        ("event.subject == 1", "SW109", "==", None),
        ("inputs.due < event.at", "SW109", "<", None),
        ("steps.who.outputs == null", "SW109", "==", None),
        ("inputs.rush ? 1 : 'a'", "SW109", "inputs.rush ? 1 : 'a'", None),
        ("'a' in event.subject", "SW109", "in", None),
        ("!event.subject", "SW110", "event.subject", None),
        ("event.subject && true", "SW110", "event.subject", None),
        ("size(inputs.count)", "SW110", "inputs.count", None),
        ("above(inputs.price, '5 Euro')", "SW110", "'5 Euro'", None),
        ("day(event.subject)", "SW110", "event.subject", None),
        ("ago('soon')", "SW110", "'soon'", None),
        ("steps.who.outputs.company + 'x'", "SW111", "steps.who.outputs.company", "default(steps.who.outputs.company, '')"),
        ("event.subject = 'x'", "SW112", "=", "=="),
        ("true and false", "SW112", "and", "&&"),
        ("event.subject == 'x", "SW112", "'x", None),
        ("1 +", "SW112", "+", None),
        ("event.text.__class__", "SW112", "_", None),
        ("b'abc'", "SW112", "'abc'", None),
        ("[1, 2", "SW112", "2", None),
        ("{a: 1}", "SW112", "a", None),
        ("9" * 16, "SW112", "9" * 16, None),
        ("'" + "x" * 500 + "'", "SW113", "'" + "x" * 500 + "'", None),
        ("(" * 25 + "1" + ")" * 25, "SW113", "(", None),
        ("+".join(["1"] * 40), "SW113", "+".join(["1"] * 40), None),
        ("steps.answer.outputs.got == 'nohting'", "SW114", "'nohting'", "'nothing'"),
        ("steps.who.status in ['done']", "SW114", "'done'", None),
        ("text(inputs.words)", "SW115", "inputs.words", None),
        ("default(size(inputs.words), 0)", "SW116", "size(inputs.words)", "size(default(inputs.words, []))"),
        ("item.x", "SW117", "item", None),
        ("secrets.KEY", "SW118", "secrets.KEY", "''"),
    ],
)  # fmt: skip
def test_refuses_with_a_place_and_a_fix_that_works(text, code, pointed, fix):
    assert wrong(text) == (code, pointed, fix)
    if fix is not None:
        at = one.span if (one := attempt(text)[1][0].fix) else None
        assert at is not None
        found, diagnostics = attempt(text[: at.column - 1] + fix + text[at.end_column - 1 :])
        assert (diagnostics, found is None) == ((), False)


def test_three_lists_within_each_other_are_refused():
    deep = "inputs.words.exists(a, inputs.words.exists(b, inputs.words.exists(c, a == c)))"

    assert wrong(deep)[0] == "SW113"


def test_every_mistake_of_an_expression_is_found():
    _, diagnostics = attempt("event.form == 'a' && steps.whom.outputs.x == 1")

    assert [one.code for one in diagnostics] == ["SW103", "SW102"]


def test_failure_stands_in_an_if_only():
    assert wrong("failure()", in_if=False)[0] == "SW108"


def test_a_path_read_through_default_is_marked_so_and_a_strict_reading_wins():
    (soft,) = compiled("default(steps.payment-link.outputs.url, null)").expr.reads
    (both,) = compiled("default(event.subject, '') + event.subject").expr.reads

    assert soft == Read(
        path="steps.payment-link.outputs.url",
        variable="steps.payment_link.outputs.url",
        type=soft.type,
        through_default=True,
    )
    assert not both.through_default


@pytest.mark.parametrize(
    ("text", "type_", "flows"),
    [
        ("event.subject + 'x'", TEXT, {"event.subject": True}),
        ("event.subject == 'x'", BOOL, {"event.subject": False}),
        ("event.subject == 'x' ? 'a' : 'b'", choice("a", "b"), {}),
        ("event.subject == 'x' ? event.text : 'b'", TEXT, {"event.text": True}),
        ("steps.sops.outputs.notes.map(n, n.title)", listing(TEXT), {"steps.sops.outputs.notes": True}),
        ("default(steps.answer.outputs.got, 'nothing')", choice("reply", "nothing"), {"steps.answer.outputs.got": False}),
    ],
)  # fmt: skip
def test_says_whose_data_travels_in_the_value(text, type_, flows):
    found = compiled(text)

    assert (found.expr.type, dict(found.flows)) == (type_, flows)


@pytest.mark.parametrize(
    ("text", "changed", "message"),
    [
        ("inputs.count / (inputs.count - inputs.count)", {}, "division by zero"),
        ("inputs.count % (inputs.count - inputs.count)", {}, "division by zero"),
        ("inputs.words[7]", {}, "no entry"),
        ("steps.answer.outputs.event.c", {}, "isn't there"),
        ("plus(inputs.price, '1 USD')", {}, "EUR and USD"),
        ("inputs.price == '1 USD'", {}, "EUR and USD"),
        ("event.subject + 'x'", {"event__subject": None}, "event.subject has no value"),
        ("event.subject + 'x'", {"event__subject": 3}, "event.subject is not text"),
        ("size(inputs.words)", {"inputs__words": ["x"] * 1001}, "1,001 entries"),
        ("inputs.count + 1", {"inputs__count": 2**63 - 1}, "too large"),
        ("steps.answer.outputs.event == 1", {"steps__answer__outputs__event": 10**30}, "too large"),
        ("inputs.words.map(a, inputs.words.map(b, a + b))", {"inputs__words": ["x"] * 1000}, "10,000 rounds"),
        ("inputs.words.map(a, inputs.words.map(b, event.text))", {"inputs__words": ["x"] * 90, "event__text": "y" * 60_000}, "too large"),
        ("inputs.words.join(event.text)", {"inputs__words": ["x"] * 900, "event__text": "y" * 60_000}, "1,000,000 characters"),
    ],
)  # fmt: skip
def test_a_run_time_error_is_one_kind_of_error_and_soon(text, changed, message):
    began = time.process_time()

    with pytest.raises(PermanentError, match=message) as caught:
        value(text, **changed)

    assert caught.value.code == "expression"
    assert time.process_time() - began < 1


PAYLOADS = [
    "${{ 7 * 7 }}", "{{ 7 * 7 }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{% for x in y %}", "#{7*7}", "%{7*7}",
    "={{ $json }}", "{{ $env }}", "${jndi:ldap://x}", "__import__('os').system('id')", "{0.__class__}", "%s%n", "a" * 50_000 + "!",
    "'); drop table x; --", "' || true || '", "\\u0027 + steps.who", "\x00", "\ud800", "`id`", "$(id)", "!!python/object:x", "&a *a",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_data_is_never_read_as_an_expression(payload):
    expressions = Expressions()
    sound = payload.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    assert value("event.subject + ''", event__subject=payload) == sound
    assert value("'<' + event.subject + '>'", event__subject=payload) == f"<{sound}>"
    assert value("steps.answer.outputs.event.b", steps__answer__outputs__event={"b": payload}) == sound
    assert expressions.as_text([payload, {"a": payload}]).count(payload) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ""), (True, "true"), (3, "3"), (3.0, "3"), (0.1, "0.1"), (1e300, "1e+300"), ("a", "a"), (EUR, "33.33 EUR"),
        (["a", None, 2], "a, 2"), ({"a": 1, "b": "x"}, "a: 1, b: x"), ("2026-03-29", "2026-03-29"),
    ],
)  # fmt: skip
def test_renders_values_as_text(given, expected):
    assert Expressions().as_text(given) == expected


def test_a_value_that_is_only_read_is_handed_on_untouched():
    deep = {"a": [10**40, {"b": [None] * 5000}]}

    assert value("steps.answer.outputs.event", steps__answer__outputs__event=deep) is deep


def test_the_same_expression_in_eight_threads():
    expr = compiled("'<' + event.subject + '>'").expr
    expressions, wrong_ones = Expressions(), []

    def work(n):
        for _ in range(200):
            found = expressions.evaluate(expr, {"event.subject": str(n)}, now=NOW, zone="UTC")
            if found != f"<{n}>":
                wrong_ones.append(found)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert wrong_ones == []


def test_a_plan_of_another_day_cannot_smuggle_code():
    for cel in ("__import__('os')", "now_.__class__", "open('/etc/passwd')", "text(text)"):
        with pytest.raises(PermanentError) as caught:
            Expressions().evaluate(Expr(cel=cel, written=cel, type=ANY), {}, now=NOW, zone="UTC")
        assert caught.value.code == "expression"


def test_expressions_in_text_are_found_whatever_they_hold():
    text = "a ${{ {'b': '}}'} }} c ${{ \"}}\" }} d ${{ x"

    assert [text[one.inner : one.inner_end] for one in pieces(text)[:2]] == [" {'b': '}}'} ", ' "}}" ']
    assert pieces(text)[2].inner_end == -1
    assert whole(" ${{ x }} \n") is not None
    assert whole("${{ x }}${{ y }}") is None


@pytest.mark.parametrize(("a", "b"), [("a-b", "a_b"), ("a-b-c", "a_b-c"), ("in", "in_"), ("if", "if-x")])
def test_two_names_are_never_one_variable(a, b):
    assert variable(f"event.{a}") != variable(f"event.{b}")


def test_reserved_words_can_be_names():
    from engine.language.types.scope import TypeScope
    from engine.model.definitions.types import record

    scope = TypeScope(inputs=record(**{"in": TEXT, "for": TEXT, "null": TEXT}))

    assert compiled("inputs.in + inputs.for", scope=scope).expr.cel == "(inputs.in_ + inputs.for_)"


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        ("3d", 3 * 86_400.0),
        ("90m", 5_400.0),
        ("2026-03-28T23:31:00.000000Z", 60.0),
        ("2026-03-30", 22 * 3_600.0 + 1_800.0),  # midnight in Warsaw, where the night was an hour short
        ("2026-03-01", 0.0),
    ],
)
def test_a_wait_is_a_length_or_until_a_moment_or_a_day(waited, expected):
    assert functions.seconds(waited, "2026-03-28T23:30:00.000000Z", "Europe/Warsaw") == expected


@pytest.mark.parametrize(
    "text",
    [
        "month(inputs.due, 1000000)",
        "month(inputs.due, -100000)",
        "week(inputs.due, 10000000)",
    ],
)
def test_days_beyond_the_calendar_are_an_error_of_the_expression(text):
    with pytest.raises(PermanentError) as caught:
        value(text)

    assert caught.value.code == "expression"


def test_a_computed_wait_gives_seconds():
    found = playbook(
        "name: Case\non: { manual: {} }\ninputs: { gap: length }\n"
        "steps:\n  - { id: gap, uses: wait/for, with: { time: '${{ inputs.gap }}' } }\n"
    )

    until = found.plans["case"].node("gap").until
    assert isinstance(until, Expr)
    assert Expressions().evaluate(until, {"inputs.gap": "2d"}, now=NOW, zone="UTC") == 172_800.0
