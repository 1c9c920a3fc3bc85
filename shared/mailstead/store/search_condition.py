"""A search as one SQL condition. `m` is the message; `e` stands for its email where `asks_email` says that it is needed.

Text is looked up in what `search_index.py` has kept, through the whole account, by trigrams as far as `search_trigrams.py` has
indexed it; or message by message where few come into question or the key is too short for trigrams. Where nothing is kept yet,
the UIDs that a scan has found stand in the SQL.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from mailstead.model.flags import SystemFlag
from mailstead.store.query import (
    All,
    And,
    Before,
    Body,
    EmailIs,
    HasFlag,
    HasKeyword,
    Header,
    Larger,
    ModseqAtLeast,
    Not,
    Or,
    Query,
    SavedBefore,
    SavedSince,
    SentBefore,
    SentSince,
    Since,
    Smaller,
    Text,
    TextQuery,
    ThreadIs,
    Uids,
    Younger,
)
from mailstead.wire.folded import FIELDS, is_served
from mailstead.wire.headers import is_field_name

# Row by row from the primary key, whatever PostgreSQL believes of this account (see `_ADDRESSED` of messages.py).
EMAIL = """CROSS JOIN LATERAL (
    SELECT * FROM emails WHERE account_id = m.account_id AND email_id = m.email_id OFFSET 0
) AS e"""

GRAM = 3  # characters that a key must have to be looked up by trigrams
FEW = 500  # messages that are looked at one by one rather than through all of the account

Hits = dict[TextQuery, list[int]]
"""UIDs that a scan has found."""

_ONE_BY_ONE = """coalesce((
    SELECT {holds} FROM search_texts t WHERE t.account_id = m.account_id AND t.email_id = m.email_id AND t.complete
), false)"""
_BY_ACCOUNT = """m.email_id = ANY(ARRAY(
    SELECT t.email_id FROM search_texts t
    WHERE t.account_id = $1 AND t.indexed AND t.text LIKE {pattern}::text AND t.complete AND {holds}
    UNION ALL SELECT t.email_id FROM search_texts t
    WHERE t.account_id = $1 AND NOT t.indexed AND t.text LIKE {pattern}::text AND t.complete AND {holds}
))"""
_LINE_HOLDS = """EXISTS (
    SELECT FROM string_to_table(left(t.text, t.header_length), E'\\n') AS line
    WHERE starts_with(line, {start}::text) AND strpos(substr(line, length({start}::text) + 1), {wanted}::text) > 0
)"""

_COLUMNS = {name.decode(): number for number, name in enumerate(FIELDS, 1)}
_LIKE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def text_leaves(query: Query) -> list[TextQuery]:
    """What of a query is asked of text."""
    match query:
        case Header() | Body() | Text():
            return [query]
        case Not(inner):
            return text_leaves(inner)
        case And(queries):
            return [leaf for inner in queries for leaf in text_leaves(inner)]
        case Or(left, right):
            return text_leaves(left) + text_leaves(right)
        case _:
            return []


def widened(query: Query) -> Query:
    """A query without text that matches at least what `query` matches."""
    match query:
        case Header() | Body() | Text():
            return All()
        case And(queries):
            return And(tuple(map(widened, queries)))
        case Or(left, right):
            return Or(widened(left), widened(right))
        case Not(inner) if text_leaves(inner):
            return All()
        case _:
            return query


def is_kept(leaf: TextQuery) -> bool:
    """Whether what is stored can answer; else messages have to be read."""
    return is_served(leaf.text) and not (isinstance(leaf, Header) and not is_field_name(leaf.name))


def is_folded(leaf: TextQuery) -> bool:
    """Whether ingest stored the field that is asked for, of most mail (`wire.folded`)."""
    return isinstance(leaf, Header) and leaf.name.lower() in _COLUMNS and is_kept(leaf)


@dataclass(slots=True)
class Condition:
    """Every value travels as an argument. `few`: no more than FEW messages come into question."""

    arguments: list[object]
    hits: Hits
    few: bool = False
    asks_email: bool = field(default=False, init=False)

    def add(self, value: object) -> str:
        """The parameter that stands for `value`."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def of(self, query: Query) -> str:
        match query:
            case All():
                return "true"
            case Not(inner):
                return f"NOT coalesce({self.of(inner)}, false)"
            case And(queries):
                return "(" + " AND ".join(map(self.of, queries)) + ")" if queries else "true"
            case Or(left, right):
                return f"({self.of(left)} OR {self.of(right)})"
            case Uids(uids):
                ranges = [f"m.uid BETWEEN {self.add(a)}::bigint AND {self.add(b)}::bigint" for a, b in uids.ranges]
                return "(" + " OR ".join(ranges) + ")" if ranges else "false"
            case HasFlag(flag):
                return f"m.flags & {int(SystemFlag(flag))} <> 0"
            case HasKeyword(keyword):
                wanted = self.add(keyword)
                return f"EXISTS (SELECT FROM unnest(m.keywords) AS k WHERE lower(k) = lower({wanted}::text))"
            case Larger(octets):
                return f"m.size > {self.add(octets)}::bigint"
            case Smaller(octets):
                return f"m.size < {self.add(octets)}::bigint"
            case Before(day):
                return f"(m.internal_date AT TIME ZONE 'UTC')::date < {self.add(day)}::date"
            case Since(day):
                return f"(m.internal_date AT TIME ZONE 'UTC')::date >= {self.add(day)}::date"
            case Younger(seconds):
                return f"m.internal_date >= now() - make_interval(secs => {self.add(seconds)}::float8)"
            case SavedBefore(day):
                return f"(m.saved_at AT TIME ZONE 'UTC')::date < {self.add(day)}::date"
            case SavedSince(day):
                return f"(m.saved_at AT TIME ZONE 'UTC')::date >= {self.add(day)}::date"
            case SentBefore(day):
                self.asks_email = True
                return f"e.sent_on < {self.add(day)}::date"
            case SentSince(day):
                self.asks_email = True
                return f"e.sent_on >= {self.add(day)}::date"
            case ModseqAtLeast(modseq):
                return f"m.modseq >= {self.add(modseq)}::bigint"
            case EmailIs(email_id):
                return f"m.email_id = {self.add(email_id)}::uuid"
            case ThreadIs(thread_id):
                self.asks_email = True
                return f"e.thread_id = {self.add(thread_id)}::uuid"
            case Header() | Body() | Text():
                return self._text(query)

    def _text(self, leaf: TextQuery) -> str:
        scanned = f"m.uid = ANY({self.add(self.hits.get(leaf, []))}::bigint[])"
        if not is_kept(leaf):
            return scanned
        found = f"({self._kept(leaf)} OR {scanned})"
        if not (isinstance(leaf, Header) and is_folded(leaf)):
            return found
        self.asks_email = True
        column = f"e.folded[{_COLUMNS[leaf.name.lower()]}]"
        holds = f"strpos({column}, {self.add(leaf.text.casefold())}::text) > 0" if leaf.text else f"{column} IS NOT NULL"
        return f"CASE WHEN e.folded IS NULL THEN {found} ELSE {holds} END"

    def _kept(self, leaf: TextQuery) -> str:
        key = leaf.text.casefold()
        grams = f"{leaf.name.lower()}: " if isinstance(leaf, Header) and len(key) < GRAM else key
        if self.few or len(grams) < GRAM:
            return _ONE_BY_ONE.format(holds=self._holds(leaf, key))
        # Of TEXT, LIKE has said all: a long text is taken apart once and not twice.
        holds = "true" if isinstance(leaf, Text) else self._holds(leaf, key)
        return _BY_ACCOUNT.format(holds=holds, pattern=self.add(f"%{grams.translate(_LIKE)}%"))

    def _holds(self, leaf: TextQuery, key: str) -> str:
        match leaf:
            case Header(name, _):
                start, wanted = self.add(f"{name.lower()}: "), self.add(key)
                return _LINE_HOLDS.format(start=start, wanted=wanted)
            case Body():
                return f"strpos(substr(t.text, t.header_length + 1), {self.add(key)}::text) > 0"
            case Text():
                return f"strpos(t.text, {self.add(key)}::text) > 0"


def addresses_few(query: Query) -> bool:
    """Whether a query can match no more than FEW messages, by what it says of UIDs."""
    match query:
        case Uids(uids):
            return sum(last - first + 1 for first, last in uids.ranges) <= FEW
        case And(queries):
            return any(map(addresses_few, queries))
        case Or(left, right):
            return addresses_few(left) and addresses_few(right)
        case EmailIs():
            return True
        case _:
            return False


def only_folded(leaves: Collection[TextQuery]) -> bool:
    """Whether ingest has answered all of these for most mail."""
    return all(map(is_folded, leaves))
