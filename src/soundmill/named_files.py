"""Settings that are in files which the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from soundmill.model.errors import ConfigurationError


class NamedFiles(PydanticBaseSettingsSource):
    """``SOUNDMILL_…_FILE``: how Docker, systemd and Kubernetes hand over secrets."""

    def __init__(self, settings_cls: type[BaseSettings], *over: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._given: dict[str, str | None] = {}
        for source in over:
            if isinstance(source, EnvSettingsSource):
                self._given |= source.env_vars

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """What the named file holds, without white space around it."""
        path = self._given.get(self._variable(field_name).lower())
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ConfigurationError(f"Can't read {self._variable(field_name).upper()} ({path}): {reason}.") from error

    def __call__(self) -> dict[str, Any]:
        """The settings that are in files."""
        return dict(self._in_files())

    def _in_files(self) -> Iterator[tuple[str, Any]]:
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                yield key, value

    def _variable(self, field_name: str) -> str:
        return f"{self.config.get('env_prefix', '')}{field_name}_file"
