"""Everything that happened, answerable from any process while the engine writes: SQL views over the ledger's own events.

Terms
-----
*segment*   a Parquet file of a full page of committed events, named by its range and the hash of its last event (:mod:`.history`).
*tail*      the committed events behind the last segment, read from the ledger at the moment of asking.
*view*      fixed SQL over both (`views.sql`): events, runs, steps, effects, approvals, intents, costs, triggers, subjects.

Invariants
----------
Segments are a cache: deleting them loses nothing, and one whose name does not fit the ledger's chain is not read. Values stay
sealed in them; whoever shows one decrypts it then, so that erasing a person rewrites nothing. No SQL comes from outside, and the
database can reach no file but the segments and its own tail.

Non-goals: deciding anything, writing to the ledger.
"""
