"""SELECTs that nearly every request runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, Select, bindparam, exists

from soundmill.adapters.database.schema import revoked_tokens

IS_NOT_REVOKED = ~exists().where(revoked_tokens.c.token_id == bindparam("token"))
"""True unless the token whose id is the parameter ``token`` was revoked."""


class Lookup:
    """A SELECT that is compiled once, and then goes to the driver as it is: SQLAlchemy's way there and back costs more than the query.

    So the rows are as the driver gives them, and the types of columns and parameters must be ones that it knows: numbers and texts.
    Neither the number of rows nor of parameters may be in the statement's text.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._compiled: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def compiled(self, dialect: Dialect) -> tuple[str, Mapping[str, Any]]:
        """The text, with parameters by their names, and those whose values the statement holds itself."""
        if (known := self._compiled.get(dialect.name)) is None:
            made = self.statement.compile(dialect=dialect)
            constants = {name: bind.value for name, bind in made.binds.items() if not bind.required}
            known = self._compiled[dialect.name] = str(made), constants
        return known
