"""Each service reads each of its settings from the variable that the reference names."""

import pytest

from kit.reference import SETTINGS
from mailstead.ops.settings import ServiceSettings


@pytest.mark.parametrize("model", SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_come_from_variables_of_our_prefix(model: type[ServiceSettings]) -> None:
    assert model.model_config["env_prefix"] == "MAILSTEAD_"
    assert model.model_config["frozen"] is True
