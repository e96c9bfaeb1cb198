import pytest
import tiny_processes


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Yield what starts small runs of the program, each in its own process."""
    with tiny_processes.nursery(tmp_path_factory.mktemp("compiled")) as runs:
        yield runs


@pytest.fixture(scope="session")
def whole(runs, tmp_path_factory):
    """Return the outcome of an undisturbed small run."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    runs.train_to_the_end(workdir)
    return tiny_processes.outcome(workdir)
