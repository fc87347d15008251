"""A process of its own from which those that are to die are forked.

A test runner can't be forked safely once some test has loaded a library with threads of its own: now and then such a child
crashes by itself. This process has loaded what its children need, and nothing with threads.

It is asked one line of JSON at a time, `{"job": NAME, ...}`, and answers one line: how the child ended. The jobs are in `tests.campaigns.jobs`.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from engine.model.values.canonical_json import Json
from engine.testing.scenario import Scenario, Shown

DIED, FINISHED, FAILED = "died", "finished", "failed"
_ROOT = Path(__file__).parents[2]
_MAX_SECONDS = 120


class StandIn:
    """The running process. One for all of a test runner is enough: jobs are done one after another."""

    _only: Self | None = None

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.standin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            text=True,
        )

    @classmethod
    def only(cls) -> Self:
        """The one of this process; it ends with it."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    @classmethod
    def dismiss(cls) -> None:
        """End it, so that its CPU time counts as this process's children's."""
        if cls._only is not None:
            cls._only.close()
            cls._only = None

    def ask(self, job: str, **words: Json) -> str:
        """Let a child do a job; how it ended. Nothing of the child's outlives it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"job": job, **words}) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def forked(job: str, **words: Json) -> str:
    """Have a job done by a child of the stand-in; how it ended."""
    return StandIn.only().ask(job, **words)


def ending(
    company: Scenario,
    doing: str,
    what: str | Shown = "",
    *,
    given: Json = None,
    point: str = "",
    nth: int = 1,
) -> str:
    """Let another process `run`, `start` a playbook, `approve` a card, `answer` a question with `given` or `accept` a notebook of that text,
    and die when it reaches `point` for the `nth` time; how it ended.
    """
    return forked(
        "act",
        folder=str(company.folder),
        provider=company.provider,
        now=company.clock.now().isoformat(),
        env=dict(os.environ),
        doing=doing,
        what=what.card.id if isinstance(what, Shown) else what,
        given=given,
        point=point,
        nth=nth,
    )


def _child(work: Callable[[], object]) -> str:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(_MAX_SECONDS)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return DIED
    return FINISHED if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 else FAILED


def main() -> int:
    """Answer until nobody asks any more."""
    from tests.campaigns import jobs

    # What children print is not an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    jobs.warm()
    for line in sys.stdin:
        words = json.loads(line)
        name = words.pop("job")
        # What all later children are to know is learned by their parent.
        ended = _tried(jobs.learn, words) if name == "learn" else _child(partial(jobs.JOBS[name], **words))
        answers.write(ended + "\n")
        answers.flush()
    return 0


def _tried(work: Callable[..., None], words: dict[str, Json]) -> str:
    try:
        work(**words)
    except Exception:
        traceback.print_exc()
        return FAILED
    return FINISHED


if __name__ == "__main__":
    sys.exit(main())
