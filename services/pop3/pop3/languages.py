"""LANG (RFC 6856 §3): which languages the text behind +OK and -ERR may be in. It is one."""

from pop3.protocol import END, Reply

LISTING = Reply(True, "languages follow").render() + b"en English\r\n" + END
ENGLISH = Reply(True, "en answers are in English").render()
UNKNOWN = Reply(False, "answers are in English only").render()


def language(wanted: str | None) -> bytes:
    """The answer to LANG. `wanted` is a language range (RFC 4647 §2.1); `*` asks for whatever the server likes best."""
    if wanted is None:
        return LISTING
    primary = wanted.lower().partition("-")[0]
    return ENGLISH if primary in ("*", "en") or wanted.lower() == "i-default" else UNKNOWN
