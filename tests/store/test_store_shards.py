"""The schema can be spread over many servers: what Citus would refuse is not there (promise S1)."""

import re
from pathlib import Path

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint

from mailstead.store.schema import metadata
from store.shards import EVERYWHERE, ONE_PLACE, SHARDS, column_of

SCALING = Path(__file__).parents[2] / "docs" / "scaling.md"
# References between accounts and addresses lead from shard to shard: a distributed schema leaves them out.
LEFT_OUT = {("addresses", "accounts")}
HELD_ELSEWHERE = {("accounts", ("address",))}  # by the key of `addresses`, where each account's own address is too


def test_each_table_has_its_place() -> None:
    assert SHARDS.keys() == metadata.tables.keys()


def test_the_key_of_what_an_account_owns_begins_with_the_account() -> None:
    for name, table in metadata.tables.items():
        if column_of(name) == "account_id":
            assert next(iter(table.primary_key)).name == "account_id", name


def test_every_key_holds_what_its_table_is_spread_by() -> None:
    """Citus can hold unique only what contains the column."""
    without = set()
    for name, table in metadata.tables.items():
        keys = [tuple(c.columns.keys()) for c in table.constraints if isinstance(c, UniqueConstraint | PrimaryKeyConstraint)]
        keys += [tuple(index.columns.keys()) for index in table.indexes if index.unique]
        without |= {(name, key) for key in keys if column_of(name) is not None and column_of(name) not in key}
    assert without == HELD_ELSEWHERE


def test_no_reference_leads_to_another_shard() -> None:
    for name, table in metadata.tables.items():
        for reference in table.constraints:
            if not isinstance(reference, ForeignKeyConstraint):
                continue
            target = reference.referred_table.name
            together = column_of(name) is not None and column_of(name) == column_of(target)
            if not together and (name, target) not in LEFT_OUT:
                assert SHARDS[target] == EVERYWHERE or SHARDS[name] == SHARDS[target] == ONE_PLACE, (name, target)
            if together:
                assert column_of(name) in reference.column_keys, (name, target)


def test_the_page_on_scaling_says_the_same() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ((?:`\w+`(?:, )?)+) \|", SCALING.read_text(), re.MULTILINE)
    said = {table: where.strip("`") for where, tables in rows for table in re.findall(r"`(\w+)`", tables)}
    assert said == SHARDS
