import pytest

from sgan_jax.training import clock


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (700, "12 min"), (33_000, "9 h 10 min"), (273_700, "3 days 4 h")],
)
def test_durations_in_words(seconds, words):
    assert clock.duration(seconds) == words
