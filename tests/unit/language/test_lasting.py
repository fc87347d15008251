"""What was compiled and put away is the same when it is taken out again, whatever the language holds."""

import pytest

from engine.language.build.cached_result import CachedCheck, CachedPlan, CacheEntry
from engine.language.passes.resolved import Signature
from tests.golden.test_compile import CASES, HERE, files_of
from tests.unit.language.trees import compiled


@pytest.mark.parametrize("case", [one for one in CASES if (HERE / one / "plan.json").exists()])
def test_every_plan_comes_back_as_it_was(case):
    plan = compiled(files_of(case)).plans["case"]
    cached_plan = CachedPlan(signature=Signature(), provisional=Signature(), plan=plan)

    entry = CacheEntry.read(CacheEntry.from_results(CachedCheck(diagnostics=()), cached_plan).to_bytes())

    assert entry.plan(plan.files) == plan
