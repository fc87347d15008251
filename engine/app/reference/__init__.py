"""What can be written: every key, type, function, action and word, for `explain` and the reference pages."""
