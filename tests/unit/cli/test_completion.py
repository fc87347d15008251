"""`steward completion`: what each shell offers once it has read the printed script, asked of the shell itself."""

import os
import shutil
import subprocess

import pytest

from engine.cli.main import main
from engine.cli.verbs import VERBS
from tests.counterparts import need

ASKED = {
    "steward serv": {"service"},
    "steward un": {"undo"},
    "steward service un": {"uninstall"},
    "steward costs --by ": {"playbook", "project", "model", "week"},
    "steward show --s": {"--save"},
    "steward completion f": {"fish"},
    "steward approve 7F3K --y": {"--yes"},
    "steward $(touch here)": set(),
}
"""A line as it stands when Tab is pressed → all that is offered."""

BASH = """
for line in "$@"; do
  IFS=' ' read -ra COMP_WORDS <<<"$line"; [[ $line == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _shtab_steward 2>/dev/null
  echo "${COMPREPLY[*]}"
done
"""
FISH = 'for line in $argv; echo (complete -C"$line" | string split -f1 \\t); end'
ZSH_INNER = """
autoload -U compinit; compinit -u -D; eval "$(<$PWD/steward.zsh)"; setopt menu_complete
tell() { print -r -- "$BUFFER" >>told; BUFFER=; }; zle -N tell; bindkey '^X' tell; : >ready
"""
ZSH = r"""
zmodload zsh/zpty || exit 1; : >told; zpty inner zsh -f -i
zpty -w inner "source $PWD/inner.zsh"
until [[ -e ready ]]; do zpty -rt inner ignored; sleep 0.02; done
integer lines=0
for line in "$@"; do
  zpty -w -n inner "$line"$'\t\x18'; lines+=1
  until (( $(wc -l <told) == lines )); do zpty -rt inner ignored; sleep 0.02; done
done
cat told
"""
"""Types into a zsh of its own: Tab writes the first that is offered, Ctrl-X says what stands there then."""


@pytest.fixture
def script(capsys, tmp_path):
    """Prints a shell's script into a file."""

    def write(shell):
        assert main(["completion", shell]) == 0
        file = tmp_path / f"steward.{shell}"
        file.write_text(capsys.readouterr().out)
        return file

    return write


def offered(shell, file, program, folder):
    """What a shell that has read the file offers for each line of `ASKED`."""
    argv = [shell, *(["--no-config"] if shell == "fish" else []), "-c", f"source {file}\n{program}"]
    done = subprocess.run(
        [*argv, *(["bash"] if shell == "bash" else []), *ASKED],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {line: set(told.split()) for line, told in zip(ASKED, done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize(("shell", "program"), [("bash", BASH), ("fish", FISH)])
def test_a_shell_offers_verbs_options_and_choices(shell, program, script, tmp_path):
    need(shutil.which(shell), shell)
    assert offered(shell, script(shell), program, tmp_path) == ASKED
    assert not (tmp_path / "here").exists()


@pytest.mark.slow
def test_zsh_writes_what_is_offered(script, tmp_path):
    need(shutil.which("zsh"), "zsh")
    script("zsh")
    (tmp_path / "inner.zsh").write_text(ZSH_INNER)
    asked = [line for line, words in ASKED.items() if words]
    done = subprocess.run(
        ["zsh", "-f", "-c", ZSH, "zsh", *asked],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    written = dict(zip(asked, (line.split()[-1] for line in done.stdout.splitlines()), strict=True))
    assert [line for line in asked if written[line] not in ASKED[line]] == [], done


def test_every_verb_and_every_option_is_in_each_script(script):
    for shell in ("bash", "zsh", "fish"):
        text = script(shell).read_text()
        assert [verb for verb in VERBS if verb not in text] == []
        flags = {
            flag.lstrip("-")
            for verb in VERBS.values()
            for one in verb.options
            for flag in one.flags
            if flag[0] == "-"
        }
        assert [flag for flag in flags if flag not in text] == []
