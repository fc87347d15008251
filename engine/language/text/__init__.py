"""Characters, places and names: what every reader of authored text stands on."""
