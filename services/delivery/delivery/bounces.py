"""What a refusal is about (`BounceClass`), from the enhanced code and the words. Pure.

Hosts use codes freely: 5.7.1 means anything, and 5.5.0 and 5.0.0 nothing. So words that say plainly what is the matter come
first, in the order of this table, then the code (RFC 3463 and its registry), then only whether it is for now. Replies of large
providers with their classes are in `tests/golden/bounces/`.
"""

import re

from mailstead.model.bounce import BounceClass

MAX_LOOKED_AT = 1000  # characters of a reply

_WORDS: tuple[tuple[BounceClass, tuple[str, ...]], ...] = (
    # Phrases whose words by themselves would say something else.
    (BounceClass.UNKNOWN_MAILBOX, (
        "recipient address rejected: access denied",
    )),
    (BounceClass.TEMPORARY, (
        "temporarily unavailable",
    )),
    (BounceClass.POLICY, (
        "cannot find your (?:reverse )?hostname", "blocked senders",
    )),
    (BounceClass.MAILBOX_FULL, (
        "over ?quota", "quota (?:is )?(?:exceeded|full)", r"exceed\w* (?:its |the |their |your )?(?:\w+ )?(?:quota|storage)",
        r"(?:mailbox|inbox|account|maildrop)\b.{0,60} (?:is )?full\b", "(?:mailbox|inbox) full", "out of storage",
        "storage (?:is )?full", "insufficient (?:mailbox|disk) (?:space|quota)",
    )),
    (BounceClass.RATE_LIMIT, (
        "rate[ -]?limit", "throttl", "receiving mail (?:too quickly|at a rate)", "unusual rate of",
        "too many (?:connections|messages|emails|concurrent|sessions|errors from your)", "connection rate",
        "sending (?:rate|limit)", "mail flood", "reduce your sending",
        "exceeded the (?:maximum )?number of (?:messages|connections)", "messages? (?:per|an) (?:hour|minute|day) limit",
    )),
    (BounceClass.REPUTATION, (
        "bl(?:ock|ack)[ -]?list", "deny ?list", "spamhaus", "spamcop", "barracuda(?:central| reputation)", "sorbs", "abusix",
        "cloudmark", "senderscore", r"\breputation\b", "banned sending ip",
        r"ip (?:address )?(?:\S+ )?(?:is |has been |was )?(?:temporarily )?(?:blocked|listed|banned)",
        r"(?:blocked|listed|rejected) (?:using|by|in|at) \S*(?:rbl|dnsbl|bl)\b", "user complaints", r"\[(?:tss0\d|ts0[1-4])\]",
        "(?:client host|connecting (?:ip|host)|sending (?:ip|mta|host)).{0,60} (?:blocked|rejected|refused)",
        r"\b(?:dns|r)bl\b", r":blocked\)", r"tobr@rx\.t-online", "blocked - see", "bad dns ptr",
        "not accepting mail from your (?:ip|server|host)", "see .{0,60}(?:unblock|delist|removal)",
    )),
    (BounceClass.CONTENT, (
        "virus", "malware", "phish", r"\bspam (?:content|message|detected|score)",
        r"(?:message|mail|content|it) (?:\S+ )?(?:as|to be|is|like|likely|contains|was (?:classified|identified"
        r"|detected) as) (?:\S+ )?(?:spam|unsolicited|junk|bulk)",
        "likely (?:unsolicited|suspicious)", "suspicion of spam", "spam(?:assassin)? (?:rejected|filter)",
        "rejected (?:as|for) spam", "content (?:rejected|presents|is not|not) ", "prohibited (?:attachment|content|file)",
        "attachment", "suspicious (?:url|link|content)", "looks like spam", "high probability of spam",
    )),
    (BounceClass.POLICY, (
        "dmarc", r"\bspf\b", r"\bdkim\b", "unauthenticated", "authentication (?:required|check|fail|is required)",
        "not authenticated", "relay(?:ing)? (?:access )?(?:denied|not (?:allowed|permitted))", "not permitted to relay",
        "unable to relay", "not authori[sz]ed to",
        r"(?:message|size|mail) (?:\w+ )?(?:too (?:large|big)|exceeds .{0,30}(?:size|limit))", "too large", "reverse dns",
        r"\bptr\b", r"\brdns\b", "polic(?:y|ies)", "tls (?:is )?required", "sender (?:address )?rejected", "sender verif",
        "restricted", "access denied", "administrative prohibition",
    )),
    (BounceClass.UNKNOWN_MAILBOX, (
        r"user (?:\S+ )?(?:is )?(?:unknown|not found|doesn'?t exist|does not exist|invalid)",
        "unknown (?:user|recipient|address|mailbox|account|local[ -]?part)",
        "no (?:such|valid) (?:user|recipient|mailbox|address|person|account|local)", "no mailbox",
        r"(?:recipient|mailbox|account|address|email account|inbox)\b.{0,80} (?:not found|does ?n[o']t exist"
        r"|doesn't exist|unknown|unavailable|disabled|inactive|invalid|not exist|suspended|deactivated|no longer|not known"
        r"|not valid|isn't valid|could not be found|discontinued)",
        "invalid (?:recipient|mailbox|user|address)", "recipientnotfound", r"resolver\.adr\.",
        "not a (?:valid|known) (?:user|mailbox|recipient|account)", "dosn't have", r"doesn't have an? \S+ account",
        "account (?:is )?closed", "mailbox unavailable", "no one by that name", "not our customer", "addressee unknown",
        "recipient (?:address )?rejected: (?:user|undeliv)",
    )),
    (BounceClass.UNKNOWN_HOST, (
        r"domain (?:\S+ )?(?:not found|does not exist|doesn'?t exist|unknown|takes no mail|does not accept)", "no such domain",
        "host (?:not found|unknown)", "unrouteable", "unroutable", "null mx", "name or service not known",
        "bad destination (?:host|system)",
    )),
)  # fmt: skip
_RULES = tuple((kind, re.compile("|".join(words), re.IGNORECASE)) for kind, words in _WORDS)

# Subject and detail of RFC 3463 §3, RFC 7372, RFC 7504, RFC 7505, RFC 7293 and their registry.
_CODES: dict[str, BounceClass] = {
    code: kind
    for kind, codes in {
        BounceClass.UNKNOWN_MAILBOX: "1.1 1.3 1.6 2.1 7.17",
        BounceClass.MAILBOX_FULL: "2.2",
        BounceClass.UNKNOWN_HOST: "1.2 1.10 4.4 7.18",
        BounceClass.RATE_LIMIT: "7.28",
        BounceClass.CONTENT: "6.0 6.1 6.3 6.6",
        BounceClass.POLICY: "1.7 1.8 2.3 3.4 7.0 7.1 7.2 7.5 7.8 7.9 7.20 7.21 7.22 7.23 7.24 7.25 7.26 7.27 7.29 7.30",
        BounceClass.TEMPORARY: "3.1 3.2 4.1 4.2 4.3 4.5 4.7 5.3",
    }.items()
    for code in codes.split()
}
_FOR_GOOD = frozenset({"2.1", "4.4", "7.0", "7.1"})  # of these a temporary code says no more than that it is temporary


def classify(status: str, reply: str) -> BounceClass:
    """Of a recipient that was deferred or failed: `status` is an enhanced code, `reply` what was said, on one line or several."""
    words = " ".join(reply[:MAX_LOOKED_AT].split())
    for kind, pattern in _RULES:
        if pattern.search(words):
            return kind
    digit, _, code = status.partition(".")
    if code in _CODES and not (digit == "4" and code in _FOR_GOOD):
        return _CODES[code]
    return BounceClass.TEMPORARY if digit == "4" else BounceClass.OTHER
