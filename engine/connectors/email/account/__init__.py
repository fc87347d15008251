"""A mail account: how it is configured, who provides it, and how a password is proven."""
