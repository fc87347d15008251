"""What people ask of the scheduler: approve, edit, retry, redraft, take up, vouch."""
