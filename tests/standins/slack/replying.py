"""What the bot says to one person, or through a response_url."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.standins.slack.answer import Answer, NoAnswer
from tests.standins.slack.api_chat import content
from tests.standins.slack.ask import Ask
from tests.standins.slack.basics import Raw, Refusal
from tests.standins.slack.form import Form, options
from tests.standins.slack.pings import woken
from tests.standins.slack.talk import Talk
from tests.standins.slack.world import Channel, Message, Person

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack

USES, LIFE = 5, 1800.0


class Replying(Talk):
    """`ephemerals`: what only one person sees, and still sees."""

    def __init__(self) -> None:
        super().__init__()
        self.ephemerals: list[Message] = []
        self.response_life = LIFE

    def whisper(self, channel: Channel, person: Person, fields: dict[str, Any]) -> Message:
        """A message that only one person sees; it counts for what that person last asked there."""
        message = Message(channel, self.me, self.stamps.next(), fields["text"])
        message.blocks, message.to, message.app = fields["blocks"], person, self.mine
        message.parse = fields["parse"]
        self.ephemerals.append(message)
        for answer in reversed(self.answers):
            if answer.person is person and answer.channel in (channel, None):
                answer.ephemerals.append(message)
                answer.news()
                break
        return message

    def response(self, token: str, body: Raw) -> None:
        """A post to a response_url; raises `Refusal` with its text."""
        answer = self.responses.get(token)
        if answer is None:
            raise Refusal("no_such_url", status=404)
        if time.monotonic() - answer.began > self.response_life:
            raise Refusal("expired_url", status=404)
        if answer.uses >= USES:
            raise Refusal("used_url", status=404)
        self.show(answer, body, posted=True)
        answer.uses += 1

    def show(self, answer: Answer, body: Raw, posted: bool = False) -> None:
        """What an acknowledgement or a post to the response_url brings about."""
        known = {
            "text", "blocks", "attachments", "response_type", "replace_original", "delete_original", "thread_ts",
            "unfurl_links", "unfurl_media", "metadata", "parse", "link_names", "mrkdwn",
        }  # fmt: skip
        if unknown := body.keys() - known:
            raise Refusal("invalid_payload", unknown=sorted(unknown))
        assert answer.channel is not None
        original = answer.on
        if body.get("delete_original"):
            if original is not None:
                self._remove(original)
        elif body.get("replace_original") and original is not None:
            self._replace(original, self._content(body))
            (answer.ephemerals if original.to else answer.said).append(original)
        else:
            fields = self._content(body)
            if body.get("response_type") == "in_channel":
                self._loud(answer, body, fields)
            elif body.get("response_type", "ephemeral") == "ephemeral":
                message = Message(answer.channel, self.me, self.stamps.next(), fields["text"])
                message.blocks, message.parse, message.to = fields["blocks"], fields["parse"], answer.person
                message.app = self.mine
                message.thread = body.get("thread_ts")
                self.ephemerals.append(message)
                answer.ephemerals.append(message)
            else:
                raise Refusal("invalid_payload")
        if posted:
            answer.posts.append(copy.deepcopy(body))
        answer.news()

    def _content(self, body: Raw) -> dict[str, Any]:
        args: Raw = {key: body[key] for key in ("text", "blocks", "attachments", "parse") if key in body}
        return content(self.slack, Ask(method="response_url", args=args, token=""), 40_000)[0]

    def _loud(self, answer: Answer, body: Raw, fields: dict[str, Any]) -> None:
        assert answer.channel is not None
        if None in (body.get("unfurl_links"), body.get("unfurl_media")):
            self.slack.unfurling.append(body)
        text = fields.pop("text")
        message = self.post(answer.channel, self.me, text, app=self.mine, thread=body.get("thread_ts"), **fields)
        self.slack.pings += woken(text, message.blocks, body, message)
        answer.said.append(message)

    def _replace(self, original: Message, fields: dict[str, Any]) -> None:
        if original.to is None:
            self.change(original, **fields)
            return
        for key, value in fields.items():
            setattr(original, key, value)

    def _remove(self, original: Message) -> None:
        if original.to is None:
            self.erase(original)
        elif original in self.ephemerals:
            self.ephemerals.remove(original)

    @override
    def offered(self, answer: Answer) -> list[Raw]:
        """The options of an acknowledgement, checked."""
        said = answer.ack or {}
        form = Form()
        if said and said.get("options") != []:  # none: the client says that nothing fits
            options(form, said, [], 100)
        if form.problems:
            raise NoAnswer("; ".join(form.problems))
        groups = [said.get("options", []), *(one["options"] for one in said.get("option_groups", []))]
        answer.options = [one for group in groups for one in group]
        answer.news()
        return answer.options

    @property
    @override
    def slack(self) -> Slack:
        raise NotImplementedError
