"""One run: its plan in the colours of its state, its steps in time, what went in and out, approved beside sent, and why. Read-only.

Opened by `steward open run ID`.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A run")


@app.cell
def _():
    import marimo as mo

    from engine.app import decide
    from engine.observe import onerun, pages, today

    place = decide.place()
    return decide, mo, onerun, pages, place, today


@app.cell
def _(mo, onerun, place, today):
    asked = str(mo.query_params().get("id") or "")
    with today.look(place.state) as _seen:
        known = onerun.names(_seen)
    options = {f"{one['run'][:8]}  {one['playbook']}  {one['status']}": one["run"] for one in known}
    first = next((name for name, run in options.items() if asked and run.startswith(asked)), None)
    pick = mo.ui.dropdown(options=options, value=first or next(iter(options), None), label="run")
    mo.hstack([pick, mo.Html('<a href="../today/">today</a>')], justify="space-between")
    return asked, first, pick


@app.cell
def _(asked, decide, first, mo, onerun, pick, place, today):
    _given = asked if asked and first is None else pick.value
    mo.stop(not _given, mo.md("Nothing has run yet."))
    with today.look(place.state) as _seen:
        one = onerun.of(_seen, _given, anchored=decide.anchored_at(place))
    return (one,)


@app.cell
def _(mo, one, onerun, pages, place):
    mo.vstack(
        [
            mo.Html(str(pages.title(one, place.config.time_zone))),
            mo.mermaid(onerun.mermaid(one)),
            mo.Html(str(pages.heading("Steps over time") + pages.waterfall(one.steps))),
            mo.Html(str(pages.heading("Approved against sent") + pages.compared(one.effects))),
        ]
    )
    return


@app.cell
def _(mo, one, pages, place):
    mo.accordion(
        {
            "what went in": mo.Html(str(pages.values({"event": one.event, "inputs": one.inputs}))),
            "what came out": mo.Html(
                str(pages.values({step.name: step.outputs for step in one.steps} | {"run": one.outputs}))
            ),
            "why": mo.Html(str(pages.why(one.chains, place.config.time_zone))),
        },
        multiple=True,
    )
    return


if __name__ == "__main__":
    app.run()
