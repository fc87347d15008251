import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", default=False, help="write what comes out as what is expected"
    )


@pytest.fixture
def update_golden(request):
    """Whether expected files are to be written: `pytest tests/golden --update-golden`."""
    return bool(request.config.getoption("--update-golden", default=False))
