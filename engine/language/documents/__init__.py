"""One module per kind of file an author writes: its keys and their values, before anything is resolved."""
