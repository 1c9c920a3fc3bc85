"""RFC 6238 appendix B, and what is near in time."""

from mailstead.wire.otp import code_at, step_of, uri_of

SECRET = b"12345678901234567890"


def test_the_vectors_of_the_rfc() -> None:
    for seconds, code in ((1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")):
        assert code_at(SECRET, seconds // 30) == code
        assert step_of(SECRET, code, seconds) == seconds // 30
        assert step_of(SECRET, code, seconds + 30) == step_of(SECRET, code, seconds - 30) == seconds // 30
        assert step_of(SECRET, code, seconds + 90) is None
    assert code_at(SECRET, 1) == "287082"
    assert step_of(SECRET, "", 59) is step_of(SECRET, "28708é", 59) is None


def test_what_programs_read() -> None:
    uri = uri_of(SECRET, "alice@a.test", "Mail stead")
    assert uri == "otpauth://totp/Mail%20stead:alice@a.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Mail+stead"
