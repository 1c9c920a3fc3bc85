"""Which texts are in the trigram index: the older ones of accounts that have very many.

Reading a text and comparing it takes some microseconds, so a search reads all that an ordinary account has in less time than a
person notices. An index of trigrams costs a hundred times the writing of the text itself, and is for those alone that need it.
"""

from mailstead.store.engine import Connection, Database

RECENT = 20_000  # texts of an account that each search of it reads; those before them are in the index
AT_ONCE = 400  # texts that one statement puts into the index

_IS_LARGE = "SELECT FROM mailboxes WHERE account_id = $1 HAVING sum(messages) > $2"
_INDEX_OLDEST = """
WITH recent AS (
    SELECT count(*) AS texts FROM (
        SELECT FROM search_texts WHERE account_id = $1 AND NOT indexed LIMIT $2::int + $3::int
    ) AS counted
), oldest AS (
    SELECT email_id FROM search_texts WHERE account_id = $1 AND NOT indexed
    ORDER BY email_id LIMIT (SELECT greatest(texts - $2::int, 0) FROM recent) FOR UPDATE SKIP LOCKED
)
UPDATE search_texts t SET indexed = true FROM oldest WHERE t.account_id = $1 AND t.email_id = oldest.email_id
"""


async def index_oldest(database: Database, account_id: int, recent: int = RECENT) -> int:
    """Put texts beyond the newest `recent` of an account into the index; how many were, at most AT_ONCE.

    The count of its messages tells at once that an account is not large. Raises Refused(UNAVAILABLE).
    """

    async def work(connection: Connection) -> int:
        if not await connection.fetch(_IS_LARGE, account_id, recent):
            return 0
        return int((await connection.execute(_INDEX_OLDEST, account_id, recent, AT_ONCE)).rpartition(" ")[2])

    return await database.transact("index trigrams", work)
