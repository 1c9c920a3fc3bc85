"""What the reference says is what the code does."""

import pytest

from kit.reference import FOLDER, pages


@pytest.mark.parametrize("page", ["settings.md", "metrics.md", "events.md", "event-types.md", "api.md"])
def test_the_reference_is_true(page: str) -> None:
    assert (FOLDER / page).read_text() == pages()[page], "run `make reference`"
