"""The day on one page: what waits, ran, failed, is absent, was spent. The one thing written from here is a decision on a card.

Opened by `steward open`; read-only but for `notebook_decisions`, which names the digest of exactly the bytes that were shown.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Today")


@app.cell
def _():
    from datetime import UTC, datetime

    import marimo as mo

    from engine.app.commands import notebook_decisions
    from engine.observe import html, today_page

    place = notebook_decisions.place()
    return UTC, datetime, notebook_decisions, mo, html, place, today_page


@app.cell
def _(mo):
    turn, next_turn = mo.state(0)
    told, tell = mo.state("")
    return next_turn, tell, told, turn


@app.cell
def _(UTC, datetime, notebook_decisions, mo, next_turn, html, place, turn):
    turn()
    now = datetime.now(UTC)
    page = notebook_decisions.day(place, now)
    again = mo.ui.button(label="Look again", on_change=lambda _: next_turn(lambda n: n + 1))
    mo.vstack(
        [
            mo.hstack([mo.md(f"# {html.day(now, place.config.time_zone)}"), again], justify="space-between"),
            mo.Html(str(html.headline(page.rows, page.spent))),
        ]
    )
    return (page,)


@app.cell
def _(mo, page, today_page):
    playbook = mo.ui.dropdown(
        options={"all": "", **{one: one for one in sorted({row.playbook for row in page.rows} - {""})}},
        value="all",
        label="playbook",
    )
    state = mo.ui.dropdown(
        options={"all": "", **{one: one for one in today_page.STATES}}, value="all", label="state"
    )
    mo.hstack([playbook, state], justify="start")
    return playbook, state


@app.cell
def _(mo, page, html, place, playbook, state, today_page):
    shown = today_page.filtered(page.rows, playbook=playbook.value, state=state.value)
    cells = html.cells(shown, place.config.time_zone)
    table = (
        mo.ui.table(
            cells,
            selection="single",
            page_size=15,
            show_column_summaries=False,
            show_data_types=False,
            show_download=False,
            label="Choose a row to see it whole.",
        )
        if shown
        else None
    )
    mo.md("Nothing waits, ran, failed or is absent today.") if table is None else table
    return cells, shown, table


@app.cell
def _(cells, mo, html, place, shown, table, today_page):
    chosen = shown[cells.index(table.value[0])] if table is not None and table.value else None
    card, form, view = None, None, None
    if chosen is not None and chosen.card:
        card, view = today_page.card(place.state, chosen.id)
    if card is not None:
        words = {"reject: nothing is sent": "reject"}
        if card.strength == 1:
            words = {"approve: exactly these bytes leave": "approve", **words}
        form = (
            mo.md("{say}\n\n{because}")
            .batch(
                say=mo.ui.radio(options=words, label="notebook_decisions"),
                because=mo.ui.text(label="why not (kept for later)", max_length=500),
            )
            .form(submit_button_label="Decide", bordered=True)
        )
        proof = mo.md(
            f"To approve, type `steward approve {card.id[:8]}` in a terminal: it takes your passphrase or code."
        )
        view = mo.vstack(
            [
                mo.Html(str(html.card(card, place.config.time_zone, chosen.changed))),
                *([proof] if card.strength > 1 else []),
                form,
            ]
        )
    elif chosen is not None and view is None:
        parts = [html.text(one) for one in (chosen.what, chosen.about, chosen.needs) if one]
        whole = f'<p><a href="../run/?id={chosen.run}">its run</a></p>' if chosen.run else ""
        view = mo.Html(f"<p>{'<br/>'.join(parts)}</p>{whole}")
    view
    return card, form


@app.cell
def _(card, notebook_decisions, form, next_turn, tell):
    if form is not None and form.value is not None and form.value["say"]:
        tell(notebook_decisions.said(card.id, card.digest, **form.value))
        next_turn(lambda n: n + 1)
    return


@app.cell
def _(mo, html, told):
    mo.Html(str(html.block(told()))) if told() else None
    return


if __name__ == "__main__":
    app.run()
