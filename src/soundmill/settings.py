"""Every setting, typed and documented, from the environment (``SOUNDMILL_…``) or a ``.env`` file. Read once, by the wiring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from soundmill.model.errors import ConfigurationError

_GIGABYTE = 1 << 30


class Settings(BaseSettings):
    """``SOUNDMILL_DATA_DIR`` sets ``data_dir``, and so on. Sizes in bytes, times in seconds unless said otherwise."""

    model_config = SettingsConfigDict(env_prefix="SOUNDMILL_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Annotated[
        Path,
        Field(description="Where files, the SQLite database and the secrets live."),
    ] = Path("data")
    host: Annotated[str, Field(description="The address that the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Its port; 0 takes a free one.")] = 5000
    workers: Annotated[int, Field(ge=0, description="Conversions at a time of `serve`; 0: one a core.")] = 0
    database_url: Annotated[
        str,
        Field(description="postgresql+psycopg://… for a server; empty for SQLite in the data directory."),
    ] = ""
    secret: Annotated[
        SecretStr,
        Field(
            description="At least 32 characters, the same for every API; empty: one is made and kept in the data directory."
        ),
    ] = SecretStr("")
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    upload_limit: Annotated[int, Field(gt=0, description="Largest accepted file.")] = 10 * _GIGABYTE
    storage_reserve: Annotated[int, Field(ge=0, description="Free bytes that uploads leave on the disk.")] = 256 << 20
    queue_cap: Annotated[
        int,
        Field(gt=0, description="Most tasks that may wait; more are refused with 503."),
    ] = 1_000_000

    token_lifetime: Annotated[float, Field(gt=0, description="How long a login lasts.")] = 14 * 86400
    login_limit: Annotated[str, Field(description="Logins to one account from one address.")] = "10/minute"
    login_limit_wide: Annotated[
        str,
        Field(description="Logins to one account from anywhere, and to any account from one address."),
    ] = "100/minute"
    limits_storage: Annotated[
        str,
        Field(description="Where these are counted: memory:// (one process) or redis://…"),
    ] = "memory://"
    proxy_hops: Annotated[
        int,
        Field(
            ge=0,
            description="How many proxies stand before the API, whose X-Forwarded-… headers are believed.",
        ),
    ] = 0
    api_threads: Annotated[int, Field(gt=0, description="Requests that the API serves at a time.")] = 64

    lease: Annotated[
        float,
        Field(gt=0, description="A worker that is silent for so long has lost its task."),
    ] = 30
    most_tries: Annotated[int, Field(gt=0, description="How often a conversion is tried.")] = 3
    retry_pause: Annotated[float, Field(ge=0, description="Before the second try; doubles each time.")] = 5
    sweep_interval: Annotated[
        float,
        Field(gt=0, description="How often the janitor looks for expired leases."),
    ] = 1
    drain_seconds: Annotated[float, Field(ge=0, description="Time that running conversions get at a stop.")] = 20

    conversion_memory: Annotated[int, Field(gt=0, description="Address space of one conversion.")] = 1 * _GIGABYTE
    conversion_cpu: Annotated[float, Field(gt=0, description="CPU time of one conversion.")] = 4 * 3600
    conversion_wall: Annotated[float, Field(gt=0, description="Wall time of one conversion.")] = 4 * 3600
    conversion_output: Annotated[int, Field(gt=0, description="Largest result.")] = 64 * _GIGABYTE
    conversion_hours: Annotated[float, Field(gt=0, description="Longest sound that is decoded, in hours.")] = 100
    allow_weak_sandbox: Annotated[
        bool,
        Field(description="Convert although the kernel can't confine a conversion fully."),
    ] = False

    @property
    def effective_database_url(self) -> str:
        """What SQLAlchemy connects to."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'soundmill.db'}"


def read_settings(**overrides: object) -> Settings:
    """Flags over the environment over ``.env`` over the defaults; ``None`` means not given.

    Raises ``ConfigurationError`` that names each wrong setting.
    """
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"SOUNDMILL_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()
        )
        raise ConfigurationError(f"Wrong settings: {wrong}") from error
