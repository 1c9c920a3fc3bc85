"""Whether a test holds (RFC 5228 §5 and its extensions). Tests are taken from the left, no more of them than necessary."""

import hashlib
from collections.abc import Iterable, Iterator

from mailstead.wire.sieve import tree
from mailstead.wire.sieve.tests import ADDRESS_HEADERS
from mailstead.wire.sieve.tree import AddressPart, Comparator, MatchType, Texts, Transform
from smtp_in.sieve.dates import date_in, in_zone, part_of
from smtp_in.sieve.matching import MAX_PATTERN, contains, rank, related, wildcard_match
from smtp_in.sieve.plan import Mark
from smtp_in.sieve.run import Run, ScriptFailed, split_flags

COMPARED_AT_ONCE = 2_000  # octets that one step compares
TAG_SEPARATOR = b"+"  # RFC 5233 §4


def holds(test: tree.Test, run: Run) -> bool:
    """Raises ScriptFailed."""
    run.spend(1)
    match test:
        case tree.Always(value):
            return value
        case tree.Not(inner):
            return not holds(inner, run)
        case tree.AllOf(tests):
            return all(holds(each, run) for each in tests)
        case tree.AnyOf(tests):
            return any(holds(each, run) for each in tests)
        case tree.Exists(headers):
            return all(run.message.raw(name) for name in run.expand_all(headers))
        case tree.Size(over, limit):
            return run.message.size > limit if over else run.message.size < limit
        case tree.Header():
            return compare(run, test.matcher, _header_values(run, test), test.keys)
        case tree.Address():
            return compare(run, test.matcher, _address_values(run, test), test.keys)
        case tree.Envelope():
            return compare(run, test.matcher, _envelope_values(run, test), test.keys)
        case tree.Body():
            # RFC 5173 §6: what wildcards stand for in a body is not remembered
            return compare(run, test.matcher, _body_values(run, test), test.keys, remember=False)
        case tree.String():
            values = run.expand_all(test.source)
            if test.matcher.type is MatchType.COUNT:
                values = [value for value in values if value]  # RFC 5229 §5
            return compare(run, test.matcher, values, test.keys)
        case tree.HasFlag():
            return _has_flag(run, test)
        case tree.Date():
            return compare(run, test.matcher, _date_values(run, test), test.keys)
        case tree.MailboxExists(mailboxes):
            return all(_mailbox(name) in run.occasion.mailboxes for name in run.expand_all(mailboxes))
        case tree.Duplicate():
            return _duplicate(run, test)
        case tree.Environment():
            name = run.expand(test.name).decode("utf-8", "replace").lower()
            item = run.occasion.environment.get(name)
            return compare(run, test.matcher, [] if item is None else [item.encode()], test.keys)


def compare(run: Run, matcher: tree.Matcher, values: Iterable[bytes], keys: Texts, *, remember: bool = True) -> bool:
    """Whether any value matches any key. A successful `:matches` is what `${1}` speaks of from then on."""
    return _compare(run, matcher, values, run.expand_all(keys), remember=remember)


def _compare(run: Run, matcher: tree.Matcher, values: Iterable[bytes], keys: list[bytes], *, remember: bool) -> bool:
    comparator = matcher.comparator
    match matcher.type:
        case MatchType.COUNT:
            count = b"%d" % sum(1 for _ in values)
            assert matcher.relation is not None
            return any(related(count, matcher.relation, key, comparator) for key in keys)
        case MatchType.VALUE:
            assert matcher.relation is not None
            for value in values:
                run.spend(1 + len(keys) * (1 + len(value) // COMPARED_AT_ONCE))
                if any(related(value, matcher.relation, key, comparator) for key in keys):
                    return True
            return False
        case MatchType.IS:
            wanted = {rank(key, comparator) for key in keys}
            for value in values:
                run.spend(1 + len(value) // COMPARED_AT_ONCE)
                if rank(value, comparator) in wanted:
                    return True
            return False
        case MatchType.CONTAINS:
            for value in values:
                for key in keys:
                    run.spend(1 + len(value) // COMPARED_AT_ONCE)
                    if contains(value, key, comparator):
                        return True
            return False
        case MatchType.MATCHES:
            return _matches(run, values, keys, comparator, remember=remember)


def _matches(run: Run, values: Iterable[bytes], keys: list[bytes], comparator: Comparator, *, remember: bool) -> bool:
    for key in keys:
        if len(key) > MAX_PATTERN:
            raise ScriptFailed(f'a key of ":matches" has more than {MAX_PATTERN} octets')
        run.spend(1 + len(key) // 16)
    for value in values:
        for key in keys:
            run.spend(1 + len(value) * len(key) // COMPARED_AT_ONCE)
            found = wildcard_match(value, key, comparator)
            if found is not None:
                if remember:
                    run.matched = found
                return True
    return False


# ---- what is compared


def _chosen(run: Run, names: list[bytes], index: tree.Index | None, *, decoded: bool) -> list[bytes]:
    """The values of all fields of these names, or of the one that `:index` chooses (RFC 5260 §6)."""
    found = [value for name in names for value in (run.message.values(name) if decoded else run.message.raw(name))]
    run.spend(1 + len(found))
    if index is None:
        return found
    if index.number > len(found):
        return []
    return [found[-index.number if index.last else index.number - 1]]


def _header_values(run: Run, test: tree.Header) -> list[bytes]:
    return _chosen(run, run.expand_all(test.headers), test.index, decoded=True)


def _address_values(run: Run, test: tree.Address) -> Iterator[bytes]:
    names = run.expand_all(test.headers)
    for name in names:
        if name.lower() not in ADDRESS_HEADERS:
            raise ScriptFailed(f"header field {name.decode('utf-8', 'replace')!r} holds no addresses")
    for raw in _chosen(run, names, test.index, decoded=False):
        run.spend(1 + len(raw) // COMPARED_AT_ONCE)
        for address in run.message.addresses(raw):
            run.spend(1)
            assert address.mailbox is not None
            assert address.host is not None
            value = address_part(address.mailbox, address.host, test.part)
            if value is not None:
                yield value


def address_part(local_part: bytes, domain: bytes, part: AddressPart) -> bytes | None:
    """RFC 5228 §2.7.4. None for the detail of an address that has none (RFC 5233 §4)."""
    match part:
        case AddressPart.ALL:
            return local_part + b"@" + domain
        case AddressPart.LOCALPART:
            return local_part
        case AddressPart.DOMAIN:
            return domain
        case AddressPart.USER:
            return local_part.partition(TAG_SEPARATOR)[0]
        case AddressPart.DETAIL:
            _, separator, detail = local_part.partition(TAG_SEPARATOR)
            return detail if separator else None


def _envelope_values(run: Run, test: tree.Envelope) -> Iterator[bytes]:
    for part in run.expand_all(test.parts):
        match part.lower():
            case b"from":
                address = run.occasion.sender.encode()
            case b"to":
                address = run.occasion.recipient.encode()
            case other:
                raise ScriptFailed(f"an envelope has no {other.decode('utf-8', 'replace')!r}")
        if not address:
            yield b""  # the null reverse-path, whatever part is asked for (RFC 5228 §5.4)
            continue
        local_part, _, domain = address.rpartition(b"@")
        value = address_part(local_part, domain, test.part)
        if value is not None:
            yield value


def _body_values(run: Run, test: tree.Body) -> Iterable[bytes]:
    match test.transform:
        case Transform.RAW:
            return [run.message.raw_body]
        case Transform.TEXT:
            wanted: tuple[bytes, ...] = (b"text",)
        case Transform.CONTENT:
            wanted = tuple(kind for kind in run.expand_all(test.types) if _names_type(kind))
    return _charged(run, run.message.parts(wanted) if wanted else ())


def _names_type(kind: bytes) -> bool:
    """RFC 5173 §5.2: what begins or ends with a slash, or has several, matches nothing."""
    return kind.count(b"/") <= 1 and not kind.startswith(b"/") and not kind.endswith(b"/")


def _charged(run: Run, texts: Iterable[bytes]) -> Iterator[bytes]:
    """Decoding takes steps too."""
    for text in texts:
        run.spend(1 + len(text) // COMPARED_AT_ONCE)
        yield text


def _has_flag(run: Run, test: tree.HasFlag) -> bool:
    flags = [flag for variable in (test.variables or (None,)) for flag in run.flags_of(variable)]
    keys = run.expand_all(test.keys)
    if test.matcher.type is not MatchType.COUNT:
        keys = list(split_flags(keys))
    return _compare(run, test.matcher, flags, keys, remember=True)


def _date_values(run: Run, test: tree.Date) -> list[bytes]:
    if test.header is None:
        moment = run.occasion.now
    else:
        index = test.index or tree.Index(1, last=False)  # RFC 5260 §4: the first field
        chosen = _chosen(run, [run.expand(test.header)], index, decoded=False)
        found = date_in(chosen[0]) if chosen else None
        if found is None:
            return []
        moment = found
    moved = in_zone(moment, test.zone)
    return [] if moved is None else [part_of(moved, test.part).encode()]


def _mailbox(name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    return "INBOX" if text.upper() == "INBOX" else text


def _duplicate(run: Run, test: tree.Duplicate) -> bool:
    """RFC 7352 §3. The mark becomes part of the plan; it is set in the transaction that the plan belongs to."""
    if test.unique is not None:
        unique = run.expand(test.unique)
    else:
        values = run.message.values(run.expand(test.header))
        if not values:
            return False
        unique = values[0]
    seconds = min(run.bounds.duplicate_seconds if test.seconds is None else test.seconds, run.bounds.most_seconds)
    if seconds == 0:
        return False
    handle = None if test.handle is None else run.expand(test.handle)
    key = mark_key(b"duplicate", handle, unique)
    seen = key in run.occasion.seen
    if not seen or test.last:
        before = run.marks.get(key)
        run.marks[key] = Mark(key, max(seconds, before.seconds if before else 0), renew=seen)
        if len(run.marks) > run.bounds.actions:
            raise ScriptFailed(f"more than {run.bounds.actions} things to be remembered")
    return seen


def mark_key(kind: bytes, *values: bytes | None) -> bytes:
    """A digest of counted strings, so that none can be mistaken for another (RFC 5230 §4.2)."""
    digest = hashlib.sha256(kind)
    for value in values:
        digest.update(b"-" if value is None else b"%d:" % len(value) + value)
    return digest.digest()
