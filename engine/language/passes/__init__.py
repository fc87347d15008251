"""From a document to a plan: resolve names, check types, order steps, follow taint, lower."""
