"""The language by its RFCs' own examples, as text: tests/golden/sieve."""

import pytest

from mailstead.wire.sieve import ScriptError, compile_script
from unit.smtp_in.sieve_golden import Case, cases


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in cases()])
def test_case(case: Case) -> None:
    source = case.script.replace("\n", "\r\n").encode()
    if case.error is not None:
        with pytest.raises(ScriptError) as raised:
            compile_script(source)
        assert str(raised.value) == case.error
        return
    script = compile_script(source)
    assert "\n".join(map(str, script.remarks)) == case.remarks
    assert case.plans
    for name, expected in case.plans.items():
        assert case.plan(script, name) == expected, name


def test_line_ends_make_no_difference() -> None:
    for case in cases():
        if case.error is None:
            dos, unix = (compile_script(case.script.replace("\n", end).encode()) for end in ("\r\n", "\n"))
            assert dos == unix, case.title
