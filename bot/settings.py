"""What an operator can set: `RONDAN_…` in the environment or in `.env`, which `bot.environment` reads."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import RondanError
from core.stances import DEFAULT, Scale, parse_scale
from storage import keyfile

PREFIX = "RONDAN_"


class Settings(BaseSettings):
    """Everything an operator can set. The description of each field is what `.env.example` and the docs say of it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)
    _postgres: SecretStr | None = PrivateAttr(default=None)

    database: Path = Field(
        default=Path("data/rondan.db"),
        description="Where everything is kept: a path to an SQLite file, whose folder is made if it is missing, or "
        "postgresql://USER:PASSWORD@HOST/NAME, which several processes may share (docs/scale.md).",
    )
    key_file: Path | None = Field(
        default=None,
        description="The key with which people's accounts are hashed, made at the first start. By default beside the "
        "database, NAME.key. Back it up apart from the database: each is little use without the other.",
    )
    erasures: Path | None = Field(
        default=None,
        description="A file where erasures, opt-outs and what moderators hid are noted as hashes: a restored backup "
        "follows it. By default beside the key, NAME.erasures. Never restore it from a backup.",
    )
    backup_dir: Path | None = Field(
        default=None,
        description="Where daily copies of the database are kept; by default `backups` beside it.",
    )
    backup_hour: int = Field(
        default=3, ge=0, le=23, description="Hour of the publication's day (RONDAN_ZONE) from which the copy is made."
    )
    backup_keep: int = Field(
        default=7, ge=0, le=1000, description="How many of these copies are kept; 0 makes none by itself."
    )
    operator: str = Field(
        default="",
        description="Who runs this and how to reach them: shown by /privacy and in the notice of `rondan privacy`.",
    )
    keep_comments: int = Field(
        default=365,
        ge=0,
        le=36_500,
        description="Days after which readers' comments are erased; 0 keeps them until somebody erases them.",
    )
    keep_reactions: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="Days after which it is forgotten who reacted; the counts stay. 0 keeps it.",
    )
    leave_days: int = Field(
        default=14,
        ge=0,
        le=20,
        description="Days after which what was said in a channel, server or workspace is erased that the bot was "
        "removed from, unless it is back by then.",
    )
    web: str = Field(
        default="127.0.0.1:8765",
        description="Address of the playground page, HOST:PORT, or `off`. Other than loopback needs RONDAN_WEB_TOKEN.",
    )
    web_token: SecretStr | None = Field(
        default=None,
        description="Secret that a browser must show (/?token=…) when the page is reachable from other machines.",
    )
    web_hosts: str = Field(
        default="",
        description="Further names that the page answers to, with commas, such as forum.example behind a proxy: under "
        "any other name it answers nothing, so that no foreign page can lead a browser to it.",
    )
    health: str = Field(
        default="off",
        description="HOST:PORT where /healthz (is it alive) and /readyz (does it work) answer, or `off`. They tell "
        "nothing of what was said; keep them inside all the same.",
    )
    metrics: bool = Field(
        default=False, description="1 answers /metrics there too, for Prometheus: counts only, no names and no texts."
    )
    ping: str = Field(
        default="",
        description="Address that is asked for every minute while all works, as a monitor that raises the alarm when "
        "nothing comes wants it.",
    )
    disk_least: int = Field(
        default=500,
        ge=0,
        description="Megabytes that should be free on the disk of the database; `rondan doctor` warns below it.",
    )
    lang: Literal["en", "ja"] = Field(
        default="en", description="Language of answers and posts where a place or person says nothing else: en or ja."
    )
    zone: str = Field(default="UTC", description="Time zone of the publication, an IANA name such as Asia/Tokyo.")
    stances: Annotated[Scale, NoDecode] = Field(
        default=DEFAULT,
        description="What readers' emoji mean, KEY=EMOJI[,EMOJI]…: agree=👍 disagree=👎 learned=💡 reply=❓.",
    )
    discord_token: SecretStr | None = Field(
        default=None, description="The bot's token from Discord's developer portal; turns Discord on."
    )
    discord_api: str = Field(
        default="https://discord.com/api/v10",
        description="Where Discord's REST interface is: another address for a proxy or a compatible server.",
    )
    discord_gateway: str = Field(
        default="", description="Address of the gateway (ws:// or wss://), if it is not what the interface tells."
    )
    discord_rate: float = Field(
        default=50,
        gt=0,
        le=10_000,
        description="Requests a second that Discord allows this bot in all; Rondan stays a little below it.",
    )
    discord_home: str = Field(
        default="",
        description="Id of the publication's own Discord server, whose moderators moderate pieces everywhere; "
        "empty: the server of the first place, or the only one.",
    )
    slack_bot_token: SecretStr | None = Field(
        default=None, description="The app's bot token (xoxb-…); turns Slack on, with one of the next two."
    )
    slack_app_token: SecretStr | None = Field(
        default=None, description="App-level token (xapp-…): Slack is heard by Socket Mode, no open port is needed."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Instead of the app token: Slack sends its events by HTTP, signed with this secret."
    )
    slack_listen: str = Field(
        default="127.0.0.1:3000", description="HOST:PORT where events by HTTP are heard, at /slack/events."
    )
    slack_api: str = Field(
        default="https://slack.com/api/",
        description="Where Slack's Web API is: another address for another server.",
    )
    slack_moderators: str = Field(
        default="",
        description="Who moderates beside the workspace's admins: ids of people (U…), user groups (S…), with commas.",
    )
    authors: str = Field(
        default="", description="Who are authors, with commas: discord:ROLE, discord:PERSON, slack:PERSON, slack:GROUP."
    )
    slack_aliases: str = Field(
        default="digest,search",
        description="Commands that also work without /rondan, with commas; `off` for none.",
    )
    slack_page: int = Field(
        default=200, ge=1, le=999, description="Messages a call when looking back; 15 for apps that Slack restricts."
    )
    slack_pause: float = Field(
        default=0, ge=0, description="Seconds between two calls when looking back; 61 for apps that Slack restricts."
    )
    feed_allow_private: bool = Field(
        default=False, description="1 lets feeds be read from private and loopback addresses (an intranet, a test)."
    )
    folders: str = Field(
        default="", description="Folders whose Markdown, HTML and text files are pieces, separated by `:`; watched."
    )
    recall_days: int = Field(
        default=7,
        ge=0,
        le=365,
        description="After an absence, what people did meanwhile to messages younger than this many days is looked up.",
    )
    pictures: bool = Field(
        default=True,
        description="0 leaves the pictures of digests away. They are drawn with Debian's fonts-noto-cjk and "
        "fonts-noto-color-emoji; `rondan status` says when these are missing.",
    )
    digest_least: int = Field(
        default=3, ge=1, le=1000, description="Fewest people of whom a digest tells stances and sections in numbers."
    )
    think_idle: float = Field(
        default=60, gt=0, le=86_400, description="Seconds without work until the process that reads ends (300 MB)."
    )
    model_url: str = Field(
        default="",
        description="Base address of an OpenAI-compatible server, such as http://127.0.0.1:11434/v1: its language "
        "model puts digests into prose. Empty: there is none, and none is needed.",
    )
    model_name: str = Field(default="", description="What that server calls the model, such as gemma3 or gpt-5-mini.")
    model_key: SecretStr | None = Field(default=None, description="Key for that server, if it wants one.")
    model_daily: int = Field(
        default=200_000,
        ge=0,
        description="Tokens that the model may use a day (UTC), of questions and answers together.",
    )
    model_limit: float = Field(
        default=30,
        gt=0,
        le=600,
        description="Seconds that an answer of the model may take; posted digests wait that long.",
    )
    model_hurry: float = Field(
        default=4,
        ge=0,
        le=60,
        description="Seconds that somebody who asks for a digest waits for the model; after that they get it without.",
    )
    model_slack_text: bool = Field(
        default=False,
        description="1 lets comments made on Slack be sent to that server: only with the consent of the workspace.",
    )
    log: Literal["console", "json"] = Field(default="console", description="How log lines look: console or json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important log lines to show: debug, info, warning or error."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _server_apart(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """The address of a server holds a password, and is no path; what else is in files stays where it would be."""
        address = values.get("database") if isinstance(values, dict) else None
        if not (isinstance(address, str) and address.startswith(("postgresql://", "postgres://"))):
            return handler(values)
        if not urlsplit(address).hostname and "host=" not in address:
            return handler(values)  # where it is found wanting
        made = handler({name: value for name, value in values.items() if name != "database"})
        made._postgres = SecretStr(address)  # noqa: SLF001 - its own
        return made

    @field_validator("database", mode="before")
    @classmethod
    def _file(cls, value: Any) -> Any:
        if isinstance(value, str) and "://" in value:
            raise ValueError(
                "must be the path of a file, such as data/rondan.db, or postgresql://USER:PASSWORD@HOST/NAME"
            )
        return Path(value).expanduser()

    @field_validator("key_file", "erasures", "backup_dir", mode="before")
    @classmethod
    def _beside(cls, value: Any) -> Any:
        return Path(value).expanduser() if isinstance(value, str) else value

    @field_validator("stances", mode="before")
    @classmethod
    def _scale(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse_scale(value)
        except RondanError as error:
            raise ValueError(str(error)) from error

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("no such time zone; use an IANA name such as Asia/Tokyo or Europe/Berlin") from error
        return value

    @field_validator("web", "health")
    @classmethod
    def _address(cls, value: str) -> str:
        if value != "off":
            split_address(value)
        return value

    @field_validator("discord_api", "discord_gateway")
    @classmethod
    def _base(cls, value: str, info: ValidationInfo) -> str:
        schemes = ("http", "https") if info.field_name == "discord_api" else ("ws", "wss")
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"must be an address that begins with {schemes[0]}:// or {schemes[1]}://")
        bare = info.field_name == "discord_api" and parts.path in ("", "/")
        return f"{value.rstrip('/')}/api/v10" if bare else value.rstrip("/")

    @field_validator("slack_api")
    @classmethod
    def _slack(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError("must be an address that begins with https:// or http://")
        return value.rstrip("/") + "/"

    @field_validator("model_url")
    @classmethod
    def _server_of_a_model(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
            raise ValueError(
                "must be an address that begins with https:// or http://, without a name or password in it"
            )
        return value.rstrip("/")

    @field_validator("ping")
    @classmethod
    def _monitor(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an address that begins with https:// or http://")
        return value

    @field_validator("slack_listen")
    @classmethod
    def _heard_at(cls, value: str) -> str:
        split_address(value)
        return value

    @field_validator("discord_home")
    @classmethod
    def _server(cls, value: str) -> str:
        if value and not value.isdecimal():
            raise ValueError("must be the server's id, a long number (Discord: developer mode, Copy Server ID)")
        return value

    @property
    def server(self) -> str | None:
        """The address of the PostgreSQL server that holds everything; None: `database` does, a file."""
        return None if self._postgres is None else self._postgres.get_secret_value()

    @property
    def key(self) -> Path:
        """Where the key is: as said, or beside the database."""
        return self.key_file or keyfile.beside(self.database)

    @property
    def web_address(self) -> tuple[str, int] | None:
        """Host and port of the page. None when it is off, as it is beside a real platform unless it was asked for."""
        if self.web == "off" or ("web" not in self.model_fields_set and (self.discord_token or self.slack_bot_token)):
            return None
        return split_address(self.web)

    @property
    def health_address(self) -> tuple[str, int] | None:
        """Host and port where health is told. None when it is off."""
        return None if self.health == "off" else split_address(self.health)

    @property
    def web_names(self) -> list[str]:
        """Further names of the page."""
        return _listed(self.web_hosts)

    @property
    def aliases(self) -> list[str]:
        """Commands that also work without `/rondan` on Slack."""
        return [] if self.slack_aliases == "off" else _listed(self.slack_aliases)

    @property
    def slack_moderating(self) -> list[str]:
        """Ids of people and groups that moderate on Slack."""
        return _listed(self.slack_moderators)

    @property
    def watched(self) -> list[Path]:
        """The folders to watch."""
        return [Path(one).expanduser() for one in self.folders.split(":") if one]


def _listed(value: str) -> list[str]:
    return [one.strip().lstrip("/") for one in value.split(",") if one.strip()]


def split_address(value: str) -> tuple[str, int]:
    """`HOST:PORT` (IPv6 in brackets) as a pair. ValueError with the mend."""
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8765, or `off`")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
