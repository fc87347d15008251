"""The broker (the one choke point of effects) and the executors that carry attempts.

``proposed → gated → intended (durable) → called with its key → succeeded | failed | unknown``. A connector's `perform` is called
from `broker.Broker.perform` only, and that only against an intent the ledger has made durable.
"""
