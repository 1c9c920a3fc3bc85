"""What a subject is about, without what replying and forwarding put around it (RFC 5256 §2.1)."""

import re
from typing import NamedTuple

MAX_SUBJECT = 1000  # characters that are looked at

_WHITE = re.compile(r"\s{2,}|[^\S ]")
_TRAILER = re.compile(r"(?:\(fwd\)|\s)+\Z", re.IGNORECASE)  # subj-trailer, as many as there are
_BLOB = re.compile(r"\[[^\[\]]*\]\s*")  # subj-blob
_LEADER = re.compile(r"(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:\s*", re.IGNORECASE)  # subj-leader
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)  # subj-fwd-hdr and subj-fwd-trl


class BaseSubject(NamedTuple):
    """`is_reply`: something was removed that says reply or forward, so the message answers another (RFC 5256 §3)."""

    text: str
    is_reply: bool


def base_subject(subject: str) -> BaseSubject:
    """From the decoded value of Subject."""
    text = _WHITE.sub(" ", subject[:MAX_SUBJECT]).strip()  # step 1
    is_reply = False
    while True:
        if text.endswith((")", " ")) and (trailer := _TRAILER.search(text)):  # step 2
            is_reply |= ")" in trailer[0]
            text = text[: trailer.start()]
        text, replied = _without_leaders(text)
        is_reply |= replied
        forwarded = _FORWARDED.fullmatch(text) if text.endswith("]") else None
        if forwarded is None:  # step 6
            return BaseSubject(text, is_reply)
        text, is_reply = forwarded[1].strip(), True


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5, and whether a leader was found. A blob stays where nothing else would be left."""
    at, replied = 0, False
    while True:
        if leader := _LEADER.match(text, at):
            at, replied = leader.end(), True
        elif (blob := _BLOB.match(text, at)) and blob.end() < len(text):
            at = blob.end()
        else:
            return text[at:], replied
