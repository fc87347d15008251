"""The command. Data to stdout, talk to stderr; every error says what is now true and what to type.

`main` imports nothing but argparse and this package's own table; each verb's module is imported when it is used, and heavy libraries
only once a verb has become the ledger's owner.
"""
