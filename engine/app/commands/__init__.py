"""What changes something: requests to the owner of the ledger, `steward up`, corrections, history with git beside it."""
