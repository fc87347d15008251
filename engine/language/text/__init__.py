"""Characters, places and names: what every reader of authored text is built on."""
