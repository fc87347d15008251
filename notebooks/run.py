"""One run: its plan in the colours of its state, its steps in time, what went in and out, approved beside sent, and why. Read-only.

Opened by `steward open run ID`.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A run")


@app.cell
def _():
    import marimo as mo

    from engine.app.commands import notebook_decisions
    from engine.observe import html, run_page, today_page

    place = notebook_decisions.place()
    return notebook_decisions, mo, run_page, html, place, today_page


@app.cell
def _(mo, run_page, place, today_page):
    asked = str(mo.query_params().get("id") or "")
    with today_page.look(place.state) as _seen:
        known = run_page.names(_seen)
    options = {f"{one['run'][:8]}  {one['playbook']}  {one['status']}": one["run"] for one in known}
    first = next((name for name, run in options.items() if asked and run.startswith(asked)), None)
    pick = mo.ui.dropdown(options=options, value=first or next(iter(options), None), label="run")
    mo.hstack([pick, mo.Html('<a href="../today/">today</a>')], justify="space-between")
    return asked, first, pick


@app.cell
def _(asked, notebook_decisions, first, mo, run_page, pick, place, today_page):
    _given = asked if asked and first is None else pick.value
    mo.stop(not _given, mo.md("Nothing has run yet."))
    with today_page.look(place.state) as _seen:
        one = run_page.of(_seen, _given, anchored=notebook_decisions.anchored_at(place))
    return (one,)


@app.cell
def _(mo, one, run_page, html, place):
    mo.vstack(
        [
            mo.Html(str(html.title(one, place.config.time_zone))),
            mo.mermaid(run_page.mermaid(one)),
            mo.Html(str(html.heading("Steps over time") + html.waterfall(one.steps))),
            mo.Html(str(html.heading("Approved against sent") + html.compared(one.effects))),
        ]
    )
    return


@app.cell
def _(mo, one, html, place):
    mo.accordion(
        {
            "what went in": mo.Html(str(html.values({"event": one.event, "inputs": one.inputs}))),
            "what came out": mo.Html(
                str(html.values({step.name: step.outputs for step in one.steps} | {"run": one.outputs}))
            ),
            "why": mo.Html(str(html.why(one.chains, place.config.time_zone))),
        },
        multiple=True,
    )
    return


if __name__ == "__main__":
    app.run()
