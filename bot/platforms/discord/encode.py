"""From what the core shows to what Discord takes: Components V2, embeds where those are not to be had, modals.

Pure: dicts in, dicts out. Every payload forbids mentions except the one that it is asked to make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from bot.platforms.discord.markdown import ZWSP, address, block, escape
from core import paging
from core.document import Heading, List, words_of
from core.errors import Poison
from core.message import (
    Action,
    Divider,
    Field,
    File,
    Form,
    Message,
    MessageBlock,
    Picture,
    Small,
    as_drawn,
    pictures_of,
)
from core.text import cut, length, shorten

__all__ = ["carries", "embedded", "escape", "files", "fits", "modal", "paged", "posted"]

V2 = 1 << 15
UNITS = 4000
"""Most UTF-16 units of all text of a message; Discord counts code points, which are never more."""
BYTES = 9000
"""Most UTF-8 bytes of all strings of a message: above about 10,170 Discord answers 500, and Japanese takes 3 a sign."""
COMPONENTS = 40

_KEPT = 128  # messages of which is kept what was written: each is weighed, then made, often for many places or people
_SPARE = 40  # units and bytes kept free for the mention of a role
_RULE = "―――"  # a divider where there is no component for it
_ROW, _BUTTON, _SELECT, _INPUT, _TEXT, _GALLERY, _FILE, _SEPARATOR, _CONTAINER, _LABEL = (
    1,
    2,
    3,
    4,
    10,
    12,
    13,
    14,
    17,
    18,
)
_ALT = 1024  # characters
_STYLES = {"primary": 1, "plain": 2, "danger": 4}


# --- messages ---


def posted(message: Message, key: str | None = None, *, mention: str | None = None) -> dict[str, Any]:
    """The body that creates or edits a message, in Components V2.

    `key` (24 hex digits) rides as ids of the container and its first text; give it on edits too, or it is lost.
    `mention` is the id of a role to ping. Raises `Poison` for a message that does not fit.
    """
    inner = _inner(message)
    _refuse_if_too_big(_weigh(inner), message)
    container: dict[str, Any] = {"type": _CONTAINER, "components": inner}
    if key is not None:
        container["id"], first = _ids(key)
        next(one for one in inner if one["type"] == _TEXT)["id"] = first
    return {
        "flags": V2,
        "components": [*([_text(f"<@&{_role(mention)}>")] if mention else []), container],
        "allowed_mentions": _mentions(mention),
        **_attached(message),
    }


def embedded(message: Message, key: str | None = None, *, mention: str | None = None) -> dict[str, Any]:
    """The same as an embed, for servers without Components V2. `key` rides at the end of the embed's address.

    A heading with a link at the top becomes the embed's title. Raises `Poison` as `posted` does.
    """
    _refuse_if_too_big(_weigh(_inner(message)), message)
    title, at, blocks = _title_of(message.blocks)
    embed: dict[str, Any] = {"title": title} if title else {}
    if key is not None:
        embed["url"] = f"{(at or 'https://rondan.invalid/').partition('#')[0]}#rondan-{key}"
    elif at:
        embed["url"] = at
    runs = [one for one in _runs(blocks) if not isinstance(one, Picture)]
    text = "\n\n".join(_RULE if run is None else run for run in runs)
    if text or not embed.get("title"):
        embed["description"] = text or _nothing(message)
    if named := files(message)[:1]:  # an embed has room for one
        embed["image"] = {"url": f"attachment://{named[0][0]}"}
    return {
        "content": f"<@&{_role(mention)}>" if mention else "",
        "embeds": [embed],
        "components": _rows(message.actions)[:5],
        "allowed_mentions": _mentions(mention),
        **_attached(message),
    }


def files(message: Message) -> list[tuple[str, bytes]]:
    """What is sent along with the body: (name, PNG) of each picture, in the order in which the body speaks of them."""
    return [(_named(number), one.png) for number, one in enumerate(pictures_of(message))]


def handing(
    body: dict[str, Any], sent: Sequence[tuple[str, bytes]], given: Sequence[File]
) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """A body and what is sent along, with files for who asked besides; Components V2 shows only what it names."""
    if not given:
        return body, list(sent)
    listed = [
        *body.get("attachments", []),
        *({"id": number, "filename": one.name} for number, one in enumerate(given, len(sent))),
    ]
    shown = [{"type": _FILE, "file": {"url": f"attachment://{one.name}"}} for one in given]
    more = {"components": [*body["components"], *shown]} if body.get("flags", 0) & V2 else {}
    return {**body, **more, "attachments": listed}, [*sent, *((one.name, one.content) for one in given)]


def _named(number: int) -> str:
    return f"rondan-{number}.png"


def _attached(message: Message) -> dict[str, Any]:
    """What a body says of its files: an edit that leaves this out would keep old ones and not find the new."""
    listed = [
        {"id": number, "filename": _named(number), "description": shorten(one.alt, _ALT)}
        for number, one in enumerate(pictures_of(message))
    ]
    return {"attachments": listed} if listed else {}


def _title_of(blocks: tuple[MessageBlock, ...]) -> tuple[str, str | None, tuple[MessageBlock, ...]]:
    """(title, its address, the other blocks): only a linked heading is one, since a key makes every title a link."""
    match blocks:
        case (Heading() as head, *rest):
            at = address(next((span.link for span in head.spans), None))
            title = escape(" ".join(words_of(head.spans).split()))
            if at and title and length(title) <= 256:
                return title, at, tuple(rest)
    return "", None, blocks


def fits(message: Message) -> bool:
    """Whether `posted` and `embedded` take the message, its pictures drawn."""
    return _small_enough(*_weigh(_inner(as_drawn(message))))


def _inner(message: Message, written: Callable[[MessageBlock], str] | None = None) -> list[dict[str, Any]]:
    """What stands in the container: texts, dividers, rows of buttons. At least one text. `written`: as `block`."""
    runs = [*_kept(message.blocks)] if written is None else _runs(message.blocks, written)
    if not any(isinstance(run, str) for run in runs):
        runs.insert(0, _nothing(message))
    inner: list[dict[str, Any]] = []
    shown = 0
    for run in runs:
        match run:
            case None:
                inner.append({"type": _SEPARATOR, "divider": True, "spacing": 1})
            case Picture():
                item = {"media": {"url": f"attachment://{_named(shown)}"}, "description": shorten(run.alt, _ALT)}
                inner.append({"type": _GALLERY, "items": [item]})
                shown += 1
            case _:
                inner.append(_text(run))
    return [*inner, *_rows(message.actions)]


def _nothing(message: Message) -> str:
    """What stands for a message without any text; Discord takes no empty one."""
    return escape(shorten(message.title, 500)).strip() or "…"


def _text(content: str) -> dict[str, Any]:
    return {"type": _TEXT, "content": content}


@lru_cache(_KEPT)
def _kept(blocks: tuple[MessageBlock, ...]) -> tuple[str | Picture | None, ...]:
    """`_runs`: writing Markdown is most of the work on an answer."""
    return tuple(_runs(blocks))


def _runs(blocks: Sequence[MessageBlock], written: Callable[[MessageBlock], str] = block) -> list[str | Picture | None]:
    """The text between dividers and pictures that were drawn, a divider being None."""
    runs: list[str | Picture | None] = []
    before: MessageBlock | None = None
    for one in blocks:
        if isinstance(one, Divider):
            runs.append(None)
            before = one
        elif isinstance(one, Picture):
            if one.png:
                runs.append(one)
                before = one
        elif shown := written(one):
            last = runs[-1] if runs else None
            if isinstance(last, str):
                runs[-1] = last + _gap(before, one) + shown
            else:
                runs.append(shown)
            before = one
    stripped = (run.strip() if isinstance(run, str) else run for run in runs)
    return [run for run in stripped if not isinstance(run, str) or run.strip(f"{ZWSP} \t\u3000\n")]


def _gap(before: MessageBlock | None, after: MessageBlock) -> str:
    """What stands between two blocks; headings bring their own distance, small print belongs to what is above."""
    close = isinstance(before, Heading) or isinstance(after, Small)
    return "\n" if close or (isinstance(before, List) and isinstance(after, List)) else "\n\n"


def _rows(actions: Sequence[Action]) -> list[dict[str, Any]]:
    """Buttons in rows of five. A link that Discord would refuse, and a second button of one id, are left out."""
    buttons: dict[str, dict[str, Any]] = {}
    for action in actions:
        label = shorten(action.label, 80) or "…"
        if action.url is not None:
            at = address(action.url)
            if at is not None and length(at) <= 512:
                buttons.setdefault(at, {"type": _BUTTON, "style": 5, "label": label, "url": at})
        else:
            custom_id = _checked_id(action.id)
            buttons.setdefault(
                custom_id,
                {"type": _BUTTON, "style": _STYLES[action.style], "label": label, "custom_id": custom_id},
            )
    all_ = list(buttons.values())
    return [{"type": _ROW, "components": all_[at : at + 5]} for at in range(0, len(all_), 5)]


def _checked_id(custom_id: str) -> str:
    if not 1 <= len(custom_id) <= 100:
        raise ValueError(f"custom_id {custom_id!r} has {len(custom_id)} characters, Discord takes 1 to 100")
    return custom_id


def _role(mention: str) -> str:
    if not mention.isdecimal():
        raise ValueError(f"{mention!r} is not the id of a role")
    return mention


def _mentions(mention: str | None) -> dict[str, Any]:
    return {"parse": [], "replied_user": False, **({"roles": [mention]} if mention else {})}


# --- sizes ---


def _weigh(inner: list[dict[str, Any]]) -> tuple[int, int, int]:
    """(components, UTF-16 units of text, UTF-8 bytes of all strings), a mention and the embed form allowed for."""
    components, units, size = 2, _SPARE, _SPARE  # the container and the mention
    for one in inner:
        components += 1 + len(one.get("components", ()))
        units += length(one.get("content", "")) + (8 if one["type"] == _SEPARATOR else 0)
        size += 12  # each text costs about that on top; a divider becomes text in an embed
        for string in (one, *one.get("components", ()), *one.get("items", ())):
            size += sum(len(value.encode()) for value in string.values() if isinstance(value, str))
    return components, units, size


def _small_enough(components: int, units: int, size: int) -> bool:
    return components <= COMPONENTS and units <= UNITS and size <= BYTES


def _refuse_if_too_big(weight: tuple[int, int, int], message: Message) -> None:
    if not _small_enough(*weight):
        components, units, size = weight
        raise Poison(
            f"“{shorten(message.title, 60)}” is too long for Discord: {units:,} of {UNITS:,} characters, "
            f"{size:,} of {BYTES:,} bytes, {components} of {COMPONENTS} components. Split it with `paged`."
        )


@lru_cache(_KEPT)
def paged(message: Message) -> tuple[Message, ...]:
    """The message as one or more that each fit. `Poison` if its buttons alone do not."""
    written = cache(block)  # every block is weighed again and again, among others

    def small(one: Message) -> bool:
        return _small_enough(*_weigh(_inner(as_drawn(one), written)))

    return (message,) if small(message) else tuple(paging.paged(message, small))


# --- forms ---


def modal(form: Form) -> dict[str, Any]:
    """A form as the `data` of an interaction response of type 9. ValueError for ids that Discord refuses.

    Files are attached to commands, so a form asks for none.
    """
    fields = [field for field in form.fields if field.kind != "file"]
    if not 1 <= len(fields) <= 5:
        raise ValueError(f"form {form.id!r} has {len(fields)} fields, Discord takes 1 to 5")
    return {
        "custom_id": _checked_id(form.id),
        "title": shorten(form.title, 45) or "…",
        "components": [_labelled(field) for field in fields],
    }


def _labelled(field: Field) -> dict[str, Any]:
    label: dict[str, Any] = {"type": _LABEL, "label": shorten(field.label, 45) or "…"}
    if length(field.label) > 45:
        label["description"] = shorten(field.label, 100)
    label["component"] = _select(field) if field.kind == "choice" else _input(field)
    return label


def _input(field: Field) -> dict[str, Any]:
    most = min(max(field.limit, 1), 4000)
    value = cut(field.value, most)[0] if field.value else ""
    return {
        "type": _INPUT,
        "custom_id": _checked_id(field.key),
        "style": 2 if field.kind == "text" else 1,
        "required": field.required,
        "max_length": most,
        **({"value": value} if value else {}),
    }


def _select(field: Field) -> dict[str, Any]:
    if not 1 <= len(field.choices) <= 25 or any(not 1 <= len(value) <= 100 for value, _ in field.choices):
        raise ValueError(f"field {field.key!r} offers what Discord refuses: 1 to 25 choices of 1 to 100 characters")
    options = [
        {"value": value, "label": shorten(label, 100) or value, **({"default": True} if value == field.value else {})}
        for value, label in field.choices
    ]
    return {
        "type": _SELECT,
        "custom_id": _checked_id(field.key),
        "options": options,
        "required": field.required,
        "min_values": 1 if field.required else 0,
        "max_values": 1,
    }


# --- the key that rides in a message ---


def _ids(key: str) -> tuple[int, int]:
    """The ids of the container and of its first text: 28 bits of the key each, never 0 and never the same."""
    container, text = int(key[0:7], 16) + 1, int(key[7:14], 16) + 1
    return container, text + (text == container)


def carries(raw_message: dict[str, Any], key: str) -> bool:
    """Whether a message object, as REST gives it, was made with this key."""
    if any(str(embed.get("url") or "").endswith(f"#rondan-{key}") for embed in raw_message.get("embeds") or ()):
        return True
    return _ids(key) in _id_pairs(raw_message)


def _id_pairs(raw_message: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """(container, its first text) ids of every container, however deep."""
    waiting = list(raw_message.get("components") or ())
    while waiting:
        one = waiting.pop(0)
        inner = one.get("components") or ()
        if one.get("type") == _CONTAINER:
            first = next((each for each in inner if each.get("type") == _TEXT), None)
            if first is not None and "id" in one and "id" in first:
                yield one["id"], first["id"]
        waiting += inner
