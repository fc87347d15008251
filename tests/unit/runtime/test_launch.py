"""What starts a sandbox is a file that a move or a renaming can lose without any import noticing."""

import os

from engine.runtime.sandbox import launch


def test_the_script_that_confines_itself_is_where_the_command_says():
    command = launch.start(1, program="engine.agents.dspy_program", code=(), control=3, env={}).command
    scripts = [word for word in command if word.endswith(".py")]
    assert len(scripts) == 1
    assert os.path.isfile(scripts[0])
