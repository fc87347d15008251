"""A run keeps the project it belongs to, from its sender's note or from whoever started it."""

from engine.testing.scenario import letter
from tests.simulate.terminal import environment, plainly

NOTES = {
    "vault/knowledge/projects/harbour.md": "---\ntype: project\ndomains: [harbour.example]\n---\n# Harbour\n",
    "vault/knowledge/contacts/lee.md": "---\ntype: contact\nname: Lee\nemail: lee@elsewhere.example\nproject: harbour\n---\n",
    "playbooks/outer.yaml": "name: Outer\nstage: approval\non: { manual: {} }\ninputs: { project: text }\nsteps:\n  - { id: inner, uses: playbook/inner }\n",
    "playbooks/inner.yaml": "name: Inner\nstage: approval\non: { call: {} }\nsteps:\n  - { id: say, uses: notify/me, with: { text: hello } }\n",
}


def test_letters_calls_and_inputs_give_a_run_its_project_and_the_log_filters_by_it(company):
    company.commit(NOTES)
    for number, sender in enumerate(["new@harbour.example", "lee@elsewhere.example", "x@other.example"]):
        company.drop(str(number), letter(f"Question {number}", "what would it cost?", sender=sender))
    company.run()
    company.start("outer", project="harbour")
    company.start("outer", project="unheard-of")
    assert [run.project for run in company.runs("lead-capture")] == ["harbour", "harbour", ""]
    assert [run.project for run in company.runs("inner")] == ["harbour", ""]
    said = plainly(
        ["log", "--project", "harbour", "-n", "500"], cwd=company.root, env=environment(company.env)
    )
    assert said.code == 0
    assert said.text.count("created by email") == 2
    assert said.text.count("created by call") == 1
