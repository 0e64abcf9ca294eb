"""Every setting, typed and documented, from the environment (``SOUNDMILL_…``) or a ``.env`` file. Read once, by the wiring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from soundmill.model.errors import ConfigurationError
from soundmill.named_files import NamedFiles

_GIGABYTE = 1 << 30
_PREFIX = "SOUNDMILL_"
_DOTENV = ".env"
_SQLITE = "sqlite:///"
_SHORTEST_SECRET = 32
_BUCKET = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]+(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_COUNTERS = frozenset({"redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster"})
_LONGEST_SECONDS = 1e9
"""31 years: what waits (poll(2), timedelta) takes it. Only what nobody meant is longer."""
_LARGEST = 1 << 62
# Kombu takes what has no scheme for a RabbitMQ's host.
_BROKERS = frozenset({"redis", "rediss", "redis+socket", "amqp", "amqps"})


class Settings(BaseSettings):
    """``SOUNDMILL_DATA_DIR`` sets ``data_dir``, and so on. Sizes in bytes, times in seconds unless said otherwise.

    ``SOUNDMILL_SECRET_FILE`` names a file that holds ``SOUNDMILL_SECRET``, and so on for each setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=_DOTENV, extra="ignore", frozen=True, populate_by_name=True
    )

    data_dir: Annotated[
        Path,
        Field(
            description="Where files, the SQLite database and the secrets live; with a bucket, where this machine's workers work."
        ),
    ] = Path("data")
    storage_url: Annotated[
        str,
        Field(
            description="s3://bucket/prefix or gs://bucket/prefix for files in a bucket; empty: the data directory.",
        ),
    ] = ""
    storage_allow_http: Annotated[
        bool, Field(description="Speak to the bucket's server over http:// too, in a network that is trusted.")
    ] = False
    host: Annotated[str, Field(description="The address that the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Its port; 0 takes a free one.")] = 5000
    workers: Annotated[int, Field(ge=0, description="Conversions at a time on this machine; 0: one a core.")] = 0
    database_url: Annotated[
        str,
        Field(
            description="postgresql+psycopg://… for a server; sqlite:////path/soundmill.db for SQLite on another disk than the files; empty for SQLite in the data directory."
        ),
    ] = ""
    database_connections: Annotated[
        int, Field(gt=0, description="Connections to PostgreSQL that one process of an API keeps at the most.")
    ] = 20
    secret: Annotated[
        SecretStr,
        Field(
            description="What the tokens of log-ins are signed with: at least 32 characters, the same for every API; empty, and no bucket: one is made and kept in the data directory."
        ),
    ] = SecretStr("")
    broker_url: Annotated[
        SecretStr,
        Field(
            description="redis://… or amqp://… of several machines; empty: the workers of this machine are woken by themselves."
        ),
    ] = SecretStr("")
    redis_instance_ip: Annotated[
        str,
        Field(
            description="The broker's host, where SOUNDMILL_BROKER_URL isn't given: redis://…:6379/0.",
            validation_alias=AliasChoices("REDIS_INSTANCE_IP", "redis_instance_ip"),
        ),
    ] = ""
    api_url: Annotated[
        str,
        Field(description="http://… where a worker of several machines reaches the API; empty: it uses the database."),
    ] = ""
    api_instance_ip: Annotated[
        str,
        Field(
            description="The API's host, where SOUNDMILL_API_URL isn't given; its port is SOUNDMILL_PORT.",
            validation_alias=AliasChoices("API_INSTANCE_IP", "api_instance_ip"),
        ),
    ] = ""
    worker_secret: Annotated[
        SecretStr,
        Field(
            description="At least 32 characters, the same for every API and worker of several machines; empty: the API has no worker routes."
        ),
    ] = SecretStr("")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="debug, info, warning or error: what is logged."),
    ] = "info"
    log_format: Annotated[Literal["logfmt", "json"], Field(description="logfmt or json: one line of it an event.")] = (
        "logfmt"
    )
    metrics_host: Annotated[str, Field(description="The address where a worker or janitor shows its metrics.")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[
        int,
        Field(
            ge=0,
            le=65535,
            description="Its port; 0: nowhere. Those of an API, and of all that `soundmill serve` runs, are at the API's /metrics.",
        ),
    ] = 0

    upload_limit: Annotated[int, Field(gt=0, description="Largest accepted file.")] = 10 * _GIGABYTE
    storage_reserve: Annotated[int, Field(ge=0, description="Free bytes that uploads leave on the disk.")] = 256 << 20
    queue_cap: Annotated[
        int,
        Field(gt=0, description="Most tasks that may wait; more are refused with 503."),
    ] = 1_000_000
    quota: Annotated[int, Field(ge=0, description="Bytes that one account's files may take; 0: any.")] = 0
    keep: Annotated[
        float,
        Field(ge=0, description="How long a task stays after its end, with its files; 0: until its owner deletes it."),
    ] = 0

    token_lifetime: Annotated[float, Field(gt=0, description="How long a login lasts.")] = 14 * 86400
    login_limit: Annotated[str, Field(description="Logins to one account from one address.")] = "10/minute"
    login_limit_wide: Annotated[
        str,
        Field(
            description="Logins to one account from anywhere; from one address: logins to any account, and sign-ups."
        ),
    ] = "100/minute"
    limits_storage: Annotated[
        str,
        Field(
            description="Where log-ins and sign-ups are counted: memory:// (each API by itself, each of its processes up to its share) or redis://… (all together)."
        ),
    ] = "memory://"
    proxy_hops: Annotated[
        int,
        Field(
            ge=0,
            description="How many proxies stand before the API, whose X-Forwarded-… headers are believed.",
        ),
    ] = 0
    api_processes: Annotated[
        int,
        Field(
            gt=0,
            description="Processes of one API: one runs Python on one core only. Memory, connections and threads are each's own.",
        ),
    ] = 1
    api_threads: Annotated[int, Field(gt=0, description="Requests that each of them serves at a time.")] = 64
    api_patience: Annotated[
        float,
        Field(
            ge=1,
            description="A connection to the API is ended when its client sends nothing of what it owes, or takes nothing of its answer, for so long (Linux). More than a minute, or waiting for a task is cut off.",
        ),
    ] = 300

    lease: Annotated[
        float,
        Field(gt=0, description="A worker that is silent for so long has lost its task."),
    ] = 30
    most_tries: Annotated[int, Field(gt=0, description="How often a conversion is tried.")] = 3
    retry_pause: Annotated[float, Field(ge=0, description="Before the second try; doubles each time.")] = 5
    storage_pause: Annotated[
        float,
        Field(
            ge=0,
            description="A conversion that a full or missing storage stopped is tried again after this, later after a twentieth of its task's age, but never more than forty times this.",
        ),
    ] = 15
    storage_patience: Annotated[float, Field(ge=0, description="How old its task may get by that before it fails.")] = (
        86400
    )
    sweep_interval: Annotated[
        float,
        Field(gt=0, description="How often the janitor looks for expired leases."),
    ] = 1
    ring_after: Annotated[
        float,
        Field(ge=0, description="A task that is due for so long, with no message in the broker, is rung for again."),
    ] = 2
    help: Annotated[
        Literal["idle", "always", "never"],
        Field(
            description="When a worker without a task encodes pieces of others' long files, and has them encode its own: while a core of its machine is idle; always, where it shares a machine whose load says nothing of it; or never."
        ),
    ] = "idle"
    drain_seconds: Annotated[float, Field(ge=0, description="Time that running conversions get at a stop.")] = 20
    orphan_age: Annotated[
        float,
        Field(
            gt=0,
            description="Files without a row and broken-off uploads are removed after this; files to be joined must arrive within half of it.",
        ),
    ] = 3600
    scratch_age: Annotated[
        float,
        Field(gt=0, description="Work directories of dead attempts are removed after this."),
    ] = 60
    file_sweep_interval: Annotated[
        float,
        Field(
            gt=0,
            description="How often the janitor looks for such files and directories, for tasks whose time to be kept is over, and for what may be forgotten; and counts anew how much accounts have.",
        ),
    ] = 60

    conversion_memory: Annotated[int, Field(gt=0, description="Address space of one conversion.")] = 1 * _GIGABYTE
    conversion_cpu: Annotated[float, Field(gt=0, description="CPU time of one conversion.")] = 4 * 3600
    conversion_wall: Annotated[float, Field(gt=0, description="Wall time of one conversion.")] = 4 * 3600
    conversion_output: Annotated[int, Field(gt=0, description="Largest result.")] = 64 * _GIGABYTE
    conversion_hours: Annotated[float, Field(gt=0, description="Longest sound that is decoded, in hours.")] = 100
    one_process_per_file: Annotated[
        bool,
        Field(description="Convert each file in a process of its own, also small ones of one account: slower."),
    ] = False
    allow_weak_sandbox: Annotated[
        bool,
        Field(description="Convert although the kernel can't confine a conversion fully."),
    ] = False

    @field_validator("*")
    @classmethod
    def _can_be_reckoned_with(cls, value: object) -> object:
        if isinstance(value, float | int) and value > (
            most := _LONGEST_SECONDS if isinstance(value, float) else _LARGEST
        ):
            raise ValueError(f"it must be {most:.0f} at the most")
        return value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _is_a_name(cls, value: object) -> object:
        if value == "":
            raise ValueError("it is empty: name a directory; . is the one where soundmill is started")
        return value

    @field_validator("storage_url")
    @classmethod
    def _is_a_bucket_s_address(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError("it must be like s3://bucket/prefix or gs://bucket/prefix")
        return value

    @field_validator("login_limit", "login_limit_wide")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        from limits import parse  # takes a while, and few set it

        try:
            parse(value)
        except ValueError as error:
            raise ValueError("it must be like 10/minute or 100 per 2 hours") from error
        return value

    @field_validator("limits_storage")
    @classmethod
    def _is_a_counter_s_address(cls, value: str) -> str:
        scheme, separator, where = value.partition("://")
        if value != "memory://" and not (separator and where and scheme in _COUNTERS):
            raise ValueError("it must be memory:// or like redis://:password@redis.internal:6379/1")
        return value

    @field_validator("secret", "worker_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if text and len(text) < _SHORTEST_SECRET:
            raise ValueError(f"it needs at least {_SHORTEST_SECRET} characters")
        return SecretStr(text)

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker_s_address(cls, value: SecretStr) -> SecretStr:
        scheme, separator, _ = value.get_secret_value().partition("://")
        if value.get_secret_value() and not (separator and scheme in _BROKERS):
            raise ValueError("it must be like redis://:password@redis.internal:6379/0")
        return value

    @field_validator("api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none
            is_one = False
        if value and not is_one:
            raise ValueError("it must be like http://api.internal:8081")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over the environment over files that it names over ``.env``."""
        return init_settings, env_settings, NamedFiles(settings_cls, dotenv_settings, env_settings), dotenv_settings

    @property
    def effective_broker_url(self) -> str:
        """Celery's broker; empty on one machine."""
        given = self.broker_url.get_secret_value()
        return given or (f"redis://{_host(self.redis_instance_ip)}:6379/0" if self.redis_instance_ip else "")

    @property
    def effective_api_url(self) -> str:
        """The API, seen by a worker; empty on one machine."""
        return self.api_url or (f"http://{_host(self.api_instance_ip)}:{self.port}" if self.api_instance_ip else "")

    @property
    def of_a_fleet(self) -> str:
        """The first setting that says that several machines share the work; empty on one machine."""
        told = {
            "SOUNDMILL_BROKER_URL": self.broker_url.get_secret_value(),
            "REDIS_INSTANCE_IP": self.redis_instance_ip,
            "SOUNDMILL_API_URL": self.api_url,
            "API_INSTANCE_IP": self.api_instance_ip,
        }
        return next((variable for variable, value in told.items() if value), "")

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file; ``None`` for a server."""
        if self.database_url.startswith(_SQLITE) and self.database_url != _SQLITE:
            return Path(self.database_url.removeprefix(_SQLITE)).resolve()
        return None if self.database_url else self.data_dir.resolve() / "soundmill.db"


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def read_settings(**overrides: object) -> Settings:
    """Flags over the environment over ``.env`` over the defaults; ``None`` means not given.

    Raises ``ConfigurationError`` that names each wrong setting, or the file that can't be read.
    """
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"SOUNDMILL_{'_'.join(map(str, each['loc'])).upper()}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        )
        raise ConfigurationError(f"Wrong settings: {wrong}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise ConfigurationError(f"Can't read {Path(_DOTENV).absolute()}: {reason}.") from error


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """One setting, for people: its variable, its default as text, and what it means."""

    variable: str
    default: str
    meaning: str


def describe_settings() -> list[SettingFacts]:
    """Every setting, in the order in which they are declared."""
    return [
        SettingFacts(_variable(name, field), _shown(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else _PREFIX + name.upper()


def _shown(default: object) -> str:
    plain = default.get_secret_value() if isinstance(default, SecretStr) else default
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
