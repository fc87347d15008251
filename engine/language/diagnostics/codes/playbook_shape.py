"""SW02x: a playbook or SOP that is YAML, but not in the shape of one."""

from collections.abc import Callable, Iterable

from engine.language.text.suggest import did_you_mean, join_names, nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span


def unknown_key(span: Span, *, key: str, of: str, known: Iterable[str]) -> Diagnostic:
    """SW020: a key the language doesn't have.

    A misspelt key that is silently ignored is a rule that silently doesn't hold.

    Wrong: `stages: approval`. Right: `stage: approval`.
    """
    names = list(known)
    best = nearest(key, names)
    fix = None if best is None else Fix(span=span, text=best)
    return Diagnostic(
        code="SW020",
        span=span,
        message=f"{of} has no key `{key}`",
        hint=did_you_mean(key, names, label="keys"),
        fix=fix,
    )


def missing_key(span: Span, *, key: str, of: str, example: str) -> Diagnostic:
    """SW021: a key that has to be there.

    Wrong: a step without `uses:`. Right: `uses: notify/me`.
    """
    return Diagnostic(code="SW021", span=span, message=f"{of} needs `{key}`", hint=f"add `{example}`")


def wrong_shape(
    span: Span, *, expected: str, actual: str, example: str = "", fix: Fix | None = None
) -> Diagnostic:
    """SW022: a list where a map is wanted, or the like.

    Wrong: `needs: draft`. Right: `needs: [draft]`.
    """
    hint = f"write it like `{example}`" if example else ""
    return Diagnostic(
        code="SW022", span=span, message=f"{expected} is wanted here, this is {actual}", hint=hint, fix=fix
    )


def not_one_of(span: Span, *, value: str, options: Iterable[str]) -> Diagnostic:
    """SW023: a word that is none of the words this key takes.

    Wrong: `stage: aproval`. Right: `stage: approval`.
    """
    names = list(options)
    best = nearest(value, names)
    fix = None if best is None else Fix(span=span, text=best)
    return Diagnostic(
        code="SW023",
        span=span,
        message=f"`{value}` is none of {join_names(names)}",
        hint=did_you_mean(value, names),
        fix=fix,
    )


def bad_id(span: Span, *, name: str, kind: str, slug: str, fixable: bool = True) -> Diagnostic:
    """SW025: a name of a step, gate or file that is not kebab-case.

    Names are paths, keys and identifiers at once: lower case letters, digits and single hyphens, at most 64, a letter first.

    Wrong: `id: Draft_Reply`. Right: `id: draft-reply`.
    """
    fix = Fix(span=span, text=slug) if fixable else None
    return Diagnostic(
        code="SW025",
        span=span,
        message=f"`{name}` can't be the name of {kind}",
        hint=f"write `{slug}`",
        fix=fix,
    )


def same_id(span: Span, *, id_: str, other_file: str) -> Diagnostic:
    """SW026: two files would be the same playbook.

    A playbook or SOP is named by its file, without the ending.

    Wrong: playbooks/refund.yaml and vault/sops/refund.md. Right: rename one of them.
    """
    return Diagnostic(
        code="SW026", span=span, message=f"`{id_}` is also {other_file}", hint="rename one of the two files"
    )


def bad_number(span: Span, *, value: str, expected: str, example: str) -> Diagnostic:
    """SW027: not a number, length or date as the place wants it, or out of its range.

    Wrong: `timeout: 5 minutes`. Right: `timeout: 5m`.
    """
    return Diagnostic(
        code="SW027",
        span=span,
        message=f"{expected} is wanted here, this is `{value}`",
        hint=f"write it like `{example}`",
    )


def other_tool(span: Span, *, tool: str, way: str) -> Diagnostic:
    """SW040: a file of another tool: GitHub Actions, n8n, Kestra or Dagu.

    What follows says what is missing here; it is written anew sooner than mended.

    Wrong: a file with `jobs:` and `runs-on:`. Right: `on:` and `steps:`, each with an action of a connector under `uses:`.
    """
    return Diagnostic(
        code="SW040", span=span, message=f"this is {'an' if tool == 'n8n' else 'a'} {tool} file", hint=way
    )


def no_steps(span: Span, *, subject: str, example: str) -> Diagnostic:
    """SW028: nothing to do.

    Wrong: `steps: []`, or a SOP without a `- [ ]` item. Right: at least one step.
    """
    return Diagnostic(
        code="SW028", span=span, message=f"{subject} has no steps", hint=f"add one: `{example}`"
    )


def other_ending(span: Span, *, name: str) -> Diagnostic:
    """SW029: a playbook that ends in .yml (a warning).

    Only .yaml is read, so that a name is one file.

    Wrong: playbooks/refund.yml. Right: playbooks/refund.yaml.
    """
    return Diagnostic(
        code="SW029",
        span=span,
        message="this file is not read: playbooks end in .yaml",
        hint=f"rename it to {name}",
        severity=Severity.WARNING,
    )


def no_item_id(span: Span, *, slug: str) -> Diagnostic:
    """SW030: an item of a SOP without `^id` (a warning).

    Its name is made of its words then, and changes when they do: runs under way would not find it.

    Wrong: `- [ ] Was it our fault?`. Right: `- [ ] Was it our fault? ^fault`.
    """
    return Diagnostic(
        code="SW030",
        span=span,
        message=f"this item has no id; it is called `{slug}` until its words change",
        hint=f"end it with ` ^{slug}`",
        severity=Severity.WARNING,
        fix=Fix(span=span, text=f" ^{slug}"),
    )


def one_choice(span: Span, *, word: str) -> Diagnostic:
    """SW031: a single bold word in an item (a warning).

    Two or more bold words are choices; one alone is none, and is read as emphasis.

    Wrong: `- [ ] Is it **ours**?`. Right: `- [ ] Is it **ours** or **theirs**?`, or *ours* for emphasis.
    """
    return Diagnostic(
        code="SW031",
        span=span,
        message=f"one bold word (`{word}`) is no choice",
        hint="write a second one, or *emphasis* with single stars",
        severity=Severity.WARNING,
        fix=Fix(span=span, text=f"*{word}*"),
    )


def loose_fence(span: Span) -> Diagnostic:
    """SW032: a ```` ```yaml step ```` that stands in no item.

    A step belongs to the item whose words name it: indent the fence by two spaces below it.

    Wrong: the fence at the left margin below the item. Right: the fence indented like the item's text.
    """
    return Diagnostic(
        code="SW032",
        span=span,
        message="this step belongs to no item",
        hint="indent it by two spaces below its item",
    )


def two_fences(span: Span) -> Diagnostic:
    """SW033: an item with two steps.

    Wrong: two ```` ```yaml step ```` blocks below one item. Right: an item for each.
    """
    return Diagnostic(code="SW033", span=span, message="one item is one step", hint="make it two items")


def same_choice(span: Span, *, word: str) -> Diagnostic:
    """SW034: the same choice or field twice in one item.

    Wrong: `**yes** or **yes**`. Right: `**yes** or **no**`.
    """
    return Diagnostic(
        code="SW034", span=span, message=f"`{word}` stands here twice", hint="give them different names"
    )


def too_many_mistakes(span: Span, *, limit: int) -> Diagnostic:
    """SW035: a file with more mistakes than are looked for.

    The first ones are shown; the rest shows once these are mended.

    Wrong: two hundred steps with the same misspelt key. Right: mend it in all of them, and check again.
    """
    return Diagnostic(
        code="SW035",
        span=span,
        message=f"more than {limit} mistakes; the first {limit} are shown",
        hint="mend these and check again",
    )


def asks_and_runs(span: Span) -> Diagnostic:
    """SW036: an item of a SOP that asks something and runs another playbook or SOP.

    A link to a playbook or SOP runs it; choices and fields ask a person. One item is one step.

    Wrong: `- [ ] **yes** or **no**, then [refund](../playbooks/refund.yaml) ^refund`. Right: two items.
    """
    return Diagnostic(
        code="SW036",
        span=span,
        message="this item asks something and runs another one",
        hint="make it two items: the question, then the link",
    )


def two_people(span: Span, *, first: str, second: str) -> Diagnostic:
    """SW037: an item of a SOP that asks two people.

    One answer settles an item, so one person gives it; the second name would look like a second look and be none.

    Wrong: `- [ ] @partner and @bookkeeper agree ^agree`. Right: an item for each of them.
    """
    return Diagnostic(
        code="SW037",
        span=span,
        message=f"this item asks `{first}`; `{second}` would never be asked",
        hint="make it two items, one for each person",
    )


def no_sop(span: Span, *, why: str, write: str) -> Diagnostic:
    """SW038: a note that looks like a SOP and is none (a warning).

    A note compiles when its first line is `---` and the front matter below it says `type: sop`, in these letters. Anything else is
    knowledge: it is recalled and never run.

    Wrong: `Type: SOP`, or a first line that is `---` and a space. Right: `---`, and below it `type: sop`.
    """
    return Diagnostic(
        code="SW038",
        span=span,
        message=f"this looks like a SOP and is none: {why}",
        hint=f"write {write}, or leave it as a note that is read and never run",
        severity=Severity.WARNING,
    )


def unbuilt_stage(span: Span, *, value: str) -> Diagnostic:
    """SW039: a stage that is planned and that nothing carries out yet.

    It would look like a half measure and be `approval` in all but name, so it is refused until it acts.

    Wrong: `stage: canary`. Right: `stage: approval`.
    """
    return Diagnostic(
        code="SW039",
        span=span,
        message=f"the stage `{value}` is not built yet",
        hint="write `approval`: what reaches a customer waits for you",
        fix=Fix(span=span, text="approval"),
    )


SHAPE: dict[str, Callable[..., Diagnostic]] = {
    "SW020": unknown_key,
    "SW021": missing_key,
    "SW022": wrong_shape,
    "SW023": not_one_of,
    "SW025": bad_id,
    "SW026": same_id,
    "SW027": bad_number,
    "SW028": no_steps,
    "SW029": other_ending,
    "SW030": no_item_id,
    "SW031": one_choice,
    "SW032": loose_fence,
    "SW033": two_fences,
    "SW034": same_choice,
    "SW035": too_many_mistakes,
    "SW036": asks_and_runs,
    "SW037": two_people,
    "SW038": no_sop,
    "SW039": unbuilt_stage,
    "SW040": other_tool,
}
