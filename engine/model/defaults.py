"""What counts where a playbook does not say: how long a card stays open, how long an attempt may take, when a firing is absent."""

from datetime import timedelta

DECISION_TIMEOUT = timedelta(days=7)
"""How long a card or a question waits for a person. No answer is a no."""
ATTEMPT_TIMEOUT = timedelta(minutes=10)
"""How long one attempt of a step may take."""
ABSENT_AFTER = timedelta(minutes=1)
"""A schedule's firing that is this late is absent: for the alarm, for `doctor` and on the page of the day."""
