"""What all tables share: the naming of their constraints, and moments in time."""

from sqlalchemy import TIMESTAMP, Column, MetaData, text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def moment(name: str, *, nullable: bool = False, default: bool = False) -> Column[object]:
    """A column of a moment in time; with `default`, that of the transaction."""
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable, server_default=text("now()") if default else None)
