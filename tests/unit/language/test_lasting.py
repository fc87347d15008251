"""What was compiled and put away is the same when it is taken out again, whatever the language holds."""

import pytest

from engine.language.lasting import Known, More, Result
from engine.language.resolved import Signature
from tests.golden.test_compile import CASES, HERE, files_of
from tests.unit.language.trees import compiled


@pytest.mark.parametrize("case", [one for one in CASES if (HERE / one / "plan.json").exists()])
def test_every_plan_comes_back_as_it_was(case):
    plan = compiled(files_of(case)).plans["case"]
    more = More(signature=Signature(), early=Signature(), plan=plan)

    found = Result.read(Result.of(Known(diagnostics=()), more).to_bytes())

    assert found.plan(plan.files) == plan
