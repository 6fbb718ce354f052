"""Settings: every mistake is named at once, each with where it came from and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.environment import load
from bot.settings import PREFIX, Settings
from core.errors import ConfigError


def problems(environment: dict[str, str], env_file: Path = Path("/nowhere/.env")) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(environment, env_file)
    return list(caught.value.problems)


def given(**values: str) -> Settings:
    return load({PREFIX + name.upper(): value for name, value in values.items()}, Path("/nowhere/.env"))


def test_nothing_needs_to_be_set() -> None:
    settings = given()
    assert settings.database == Path("data/rondan.db")
    assert settings.web_address == ("127.0.0.1", 8765)
    assert (settings.lang, settings.log, settings.feed_allow_private) == ("en", "console", False)


def test_the_key_is_beside_the_database_unless_said() -> None:
    assert given().key == Path("data/rondan.db.key")
    assert given(database="/far/r.db").key == Path("/far/r.db.key")
    assert given(database="/far/r.db", key_file="/safe/key").key == Path("/safe/key")
    assert given(database="postgresql://someone@far/rondan").key == Path("data/rondan.db.key")


def test_all_mistakes_at_once_each_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RONDAN_LANG=fr\nOTHER_PROGRAM=1\nRONDAN_FEEDS_ALLOW_PRIVATE=1\n")
    found = problems(
        {
            "RONDAN_WEB": "0.0.0.0:8765", "RONDAN_DATABSE": "x.db", "RONDAN_ZONE": "Asia/Tokio", "RONDAN_LOG": "loud",
            "RONDAN_STANCES": "agree", "RONDAN_QUITE_ELSE": "", "PATH": "/bin",
        },
        tmp_path / ".env",
    )  # fmt: skip
    expected = {
        "RONDAN_LANG=fr": f"(in {tmp_path}/.env)",
        "RONDAN_FEEDS_ALLOW_PRIVATE": "did you mean RONDAN_FEED_ALLOW_PRIVATE?",
        "RONDAN_DATABSE": "(in the environment) is no setting of Rondan: did you mean RONDAN_DATABASE?",
        "RONDAN_QUITE_ELSE": "remove it; .env.example lists the settings there are",
        "RONDAN_ZONE=Asia/Tokio": "use an IANA name such as Asia/Tokyo",
        "RONDAN_LOG=loud": "'console' or 'json'",
        "RONDAN_STANCES=agree": "",
        "RONDAN_WEB=0.0.0.0:8765": "set RONDAN_WEB_TOKEN to a long secret",
    }
    assert len(found) == len(expected)
    for name, mend in expected.items():
        assert [one for one in found if one.startswith(name) and mend in one], (name, found)


@pytest.mark.parametrize("value", ["8765", "127.0.0.1:", ":8765", "127.0.0.1:99999", "localhost"])
def test_an_address_that_is_none(value: str) -> None:
    assert "HOST:PORT" in problems({"RONDAN_WEB": value})[0]


@pytest.mark.parametrize(
    ("value", "address"),
    [("off", None), ("[::1]:80", ("::1", 80)), ("localhost:0", ("localhost", 0)), ("127.1.2.3:1", ("127.1.2.3", 1))],
)
def test_addresses_that_need_no_secret(value: str, address: tuple[str, int] | None) -> None:
    assert given(web=value).web_address == address


def test_a_secret_opens_other_addresses_and_is_never_printed() -> None:
    settings = given(web="0.0.0.0:8765", web_token="long secret")
    assert settings.web_token is not None
    assert settings.web_token.get_secret_value() == "long secret"
    assert "long secret" not in repr(settings)
    assert not [one for one in problems({"RONDAN_WEB_TOKN": "long secret"}) if "long secret" in one]


def test_the_environment_wins_and_an_empty_value_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RONDAN_LANG=ja\nRONDAN_ZONE=Asia/Tokyo\nRONDAN_LOG=\n")
    settings = load({"RONDAN_LANG": "en", "RONDAN_ZONE": ""}, tmp_path / ".env")
    assert (settings.lang, settings.zone, settings.log) == ("en", "UTC", "console")
    assert load({}, tmp_path / ".env").zone == "Asia/Tokyo"


def test_secrets_come_as_files_from_systemd(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RONDAN_DISCORD_TOKEN=old\nRONDAN_LANG=ja\n")
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / "RONDAN_DISCORD_TOKEN").write_text("from a file\n")
    (handed / "RONDAN_WEB_TOKEN").write_text("from a file\n")
    (handed / "another.service").write_bytes(b"\xff")
    given = {"CREDENTIALS_DIRECTORY": str(handed), "RONDAN_WEB_TOKEN": "from the environment"}
    settings = load(given, tmp_path / ".env")
    assert settings.discord_token is not None
    assert settings.web_token is not None
    assert settings.discord_token.get_secret_value() == "from a file"
    assert settings.web_token.get_secret_value() == "from the environment"
    assert settings.lang == "ja"
    (handed / "RONDAN_DISCORD_TOKE").write_text("x")
    [problem] = problems(given, tmp_path / ".env")
    assert f"RONDAN_DISCORD_TOKE (in {handed}/RONDAN_DISCORD_TOKE) is no setting of Rondan: did you mean" in problem
    (handed / "RONDAN_DISCORD_TOKE").write_bytes(b"\xff")
    assert problems(given, tmp_path / ".env") == [f"can't read {handed}/RONDAN_DISCORD_TOKE: it is no UTF-8 text"]


def test_a_file_of_settings_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("RONDAN_LANG=日本".encode("cp932"))
    assert problems({}, tmp_path / ".env") == [f"can't read {tmp_path}/.env: it is no UTF-8 text"]


def test_a_database_is_a_file_or_on_a_server() -> None:
    assert given(database="~/rondan.db").database == Path.home() / "rondan.db"
    assert given(database="~/rondan.db").server is None
    on_server = given(database="postgresql://rondan:hunter2@db.example/rondan")
    assert on_server.server == "postgresql://rondan:hunter2@db.example/rondan"
    assert "hunter2" not in repr(on_server)
    assert "hunter2" not in str(on_server.database)
    for wrong in ("mysql://rondan:hunter2@localhost/rondan", "postgresql://", "postgresql:///rondan"):
        [problem] = problems({"RONDAN_DATABASE": wrong})
        assert "postgresql://USER:PASSWORD@HOST/NAME" in problem
        assert "hunter2" not in problem


def test_folders() -> None:
    assert given(folders="/a:~/b:").watched == [Path("/a"), Path.home() / "b"]
    assert given().watched == []
