"""Scenario tests of playbooks and SOPs: what `steward test` and the pytest plugin run.

The working folder is compiled as `check` does. Each case runs with the real loop, ledger, policy, broker and readers, in a temporary
folder, under a clock that only moves when the case says so. Connectors are replaced: the real ones make the previews, so that cards are
real, and what would be performed is only written down. Nothing is sent, no secret is read, nothing outside the temporary folder is
written.

Terms
-----
*case*       one story: how a run begins, what happens then, what is expected.
*move*       one thing that happens afterwards: a decision, an answer, an arrival, time.
*given*      outputs a test makes up for a step, which then isn't performed.
*stand-in*   a made-up output of a performed effect that the card didn't show already, of the declared type.
"""
