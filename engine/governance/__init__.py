"""Policy, strength of decisions, and secrets: who may do what, and who said so.

Deny wins over ask wins over allow, and what no rule covers asks. Nothing here performs anything; the broker asks
`Rules.judge` before it lets an effect pass, and the loop asks `strength.verify` before it believes a person.
"""
