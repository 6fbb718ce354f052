"""Reads the settings from the environment and `.env`. All mistakes are reported at once, each with its mend."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from bot.settings import PREFIX, Settings, is_loopback, split_address
from core.errors import ConfigError


def load(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> Settings:
    """Read the settings; the environment wins over systemd's credentials, these over `.env`. ConfigError names every
    problem and its mend.
    """
    values = _collected(dict(os.environ if environment is None else environment), env_file)
    problems: list[str] = []
    fields: dict[str, str] = {}
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    for name, (value, where) in values.items():
        if not name.startswith(PREFIX):
            continue  # .env may serve other programs too
        if name not in known:
            bare = name.removeprefix(PREFIX)  # the prefix would make everything alike
            close = difflib.get_close_matches(bare, [one.removeprefix(PREFIX) for one in known], n=1)
            hint = (
                f"did you mean {PREFIX}{close[0]}?" if close else "remove it; .env.example lists the settings there are"
            )
            problems.append(f"{name} (in {where}) is no setting of Rondan: {hint}")
        elif value != "":
            fields[known[name]] = value
    settings = None
    try:
        settings = _build(fields)
    except ValidationError as error:
        for one in error.errors():
            name = PREFIX + str(one["loc"][0]).upper()
            value, where = values.get(name, ("", "the environment"))
            secret = any(one in name for one in ("TOKEN", "SECRET", "KEY")) or "@" in value
            shown = "…" if secret else value
            reason = one["msg"].removeprefix("Value error, ")
            problems.append(f"{name}={shown} (in {where}): {reason}")
    if _open_to_all(fields):
        problems.append(
            f"RONDAN_WEB={fields['web']} can be reached from other machines: set RONDAN_WEB_TOKEN to a long secret, "
            "or use 127.0.0.1"
        )
    if (
        settings is not None
        and settings.slack_bot_token
        and not (settings.slack_app_token or settings.slack_signing_secret)
    ):
        problems.append(
            "RONDAN_SLACK_BOT_TOKEN alone can post and hears nothing: set RONDAN_SLACK_APP_TOKEN (Socket Mode) or "
            "RONDAN_SLACK_SIGNING_SECRET (HTTP) too"
        )
    if settings is not None and settings.model_url and not settings.model_name:
        problems.append("RONDAN_MODEL_URL alone names no model: set RONDAN_MODEL_NAME to what its server calls it")
    if problems or settings is None:
        raise ConfigError(*problems)
    return settings


def _collected(given: Mapping[str, str], env_file: Path) -> dict[str, tuple[str, str]]:
    """Each value by its name, with where it came from; what wins is put in last."""
    values: dict[str, tuple[str, str]] = {}
    for name, value in _in_file(env_file).items():
        values[name.upper()] = (value or "", f"{env_file}")
    for path in _credentials(given.get("CREDENTIALS_DIRECTORY")):
        values[path.name.upper()] = (_content(path), f"{path}")
    for name, value in given.items():
        if name.upper().startswith(PREFIX):
            values[name.upper()] = (value, "the environment")
    return values


def _in_file(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _credentials(folder: str | None) -> list[Path]:
    """Files that are named as settings, in the folder in which systemd (`LoadCredential=`) hands over secrets."""
    there = sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else []
    return [one for one in there if one.is_file() and one.name.upper().startswith(PREFIX)]


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    return ConfigError(f"can't read {path}: {error.strerror if isinstance(error, OSError) else 'it is no UTF-8 text'}")


def _open_to_all(fields: Mapping[str, str]) -> bool:
    """Whether the page would be reachable from other machines without a secret; asked of bad settings too."""
    if fields.get("web", "off") == "off" or fields.get("web_token"):
        return False
    try:
        return not is_loopback(split_address(fields["web"])[0])
    except ValueError:
        return False  # reported already


class _Given(Settings):
    """Settings from what `load` collected only; the environment was read there, to say where each value came from."""

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, **_others: Any) -> tuple[Any, ...]:  # type: ignore[override, explicit-override]
        return (init_settings,)


def _build(fields: dict[str, str]) -> Settings:
    return _Given(**fields)  # type: ignore[arg-type]
