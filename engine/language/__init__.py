"""Source to diagnostics to plan.

Terms
-----
*source*      a playbook (YAML) or SOP (Markdown), read into one shape: :mod:`engine.language.documents.ast`.
*pass*        a function over frozen data that gives more data and diagnostics: read, shape, resolve, order, trust, lower.
*diagnostic*  a code, a place, a message, a hint and perhaps a fix. All are collected, none is raised. A fix is tried out on the file
              before it is printed.
*expression*  what stands in ``${{ … }}``: parsed and typed here (:mod:`engine.language.expressions.checker`), kept in the plan as a lowered text, and
              run as closures by :mod:`engine.language.expressions.evaluator`.
*scope*       every path an expression may read at its place, with its type. What isn't in it can't be read.

Invariants
----------
- Nothing a workspace contains is executed; no file can hold the reader up or fill the memory.
- What isn't understood, or isn't run by this version, is refused by name and never ignored.
- Data is never read again as a template or an expression.
- A plan's digest follows its meaning: places, comments and the order of keys don't count.

Non-goals: deciding what runs (``engine.kernel``), judging effects (``engine.governance``), knowing connectors (their actions come as data).
"""
