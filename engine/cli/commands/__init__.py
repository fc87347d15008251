"""One module per group of verbs: what each prints and which exit code it gives."""
