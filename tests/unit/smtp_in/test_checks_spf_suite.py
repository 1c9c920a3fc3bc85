"""SPF by openspf.org's test suite for RFC 7208 (release 2014.04, as pyspf 2.0.14 distributes it; its licence is beside it)."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.answers import feed
from mailstead.model.dns import Answer, Kind, NoRecords, NoSuchName, Question, Records, Trouble
from smtp_in.checks.spf.check_host import check_host

SUITE = Path(__file__).parents[2] / "golden" / "spf" / "rfc7208-tests.yml"
DEFAULT_EXPLANATION = "DEFAULT"


def cases() -> list[Any]:
    scenarios = [scenario for scenario in yaml.safe_load_all(SUITE.read_text()) if scenario]
    return [
        pytest.param(scenario["zonedata"], case, id=name) for scenario in scenarios for name, case in scenario["tests"].items()
    ]


class SuiteZone:
    """Records as the suite writes them: a missing TXT is made from SPF, TIMEOUT stands for a name's every further type."""

    def __init__(self, data: dict[str, list[Any]]) -> None:
        self._data = {name.lower(): records for name, records in data.items()}

    def __call__(self, question: Question) -> Answer:
        name = question.name
        if question.kind is Kind.PTR:
            name = ipaddress.ip_address(name).reverse_pointer
        labels = name.split(".")
        if any(not 0 < len(label) <= 63 for label in labels):
            return NoSuchName()
        return self._records(name.lower(), question.kind)

    def _records(self, name: str, kind: Kind, depth: int = 0) -> Answer:
        if name not in self._data:
            return NoSuchName()
        entries = self._data[name]
        own_txt = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
        values: list[str] = []
        for entry in entries:
            if entry == "TIMEOUT":
                return Trouble("TIMEOUT") if not values else Records(tuple(values))
            ((what, value),) = entry.items()
            if what == "CNAME" and depth < 8:
                return self._records(value.lower().rstrip("."), kind, depth + 1)
            if what == "TIMEOUT" or value == "TIMEOUT":
                if what == kind.value or what == "TIMEOUT":
                    return Trouble("TIMEOUT")
                continue
            if kind is Kind.TXT and (what == "TXT" or (what == "SPF" and not own_txt)) and value != "NONE":
                values.append("".join(value) if isinstance(value, list) else value)
            elif what == kind.value and what != "TXT":
                values.append(str(value[1] if what == "MX" else value).rstrip("."))
        return Records(tuple(values)) if values else NoRecords()


@pytest.mark.parametrize(("zone", "case"), cases())
def test_openspf(zone: dict[str, list[Any]], case: dict[str, Any]) -> None:
    core = check_host(case["host"], case["mailfrom"], case["helo"], receiver="receiver.example", now=1_700_000_000)
    result = feed(core, SuiteZone(zone))
    allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert result.outcome.value in allowed
    if result.outcome.value == allowed[0] and "explanation" in case:
        assert (result.explanation or DEFAULT_EXPLANATION) == case["explanation"]
