"""Answer Bing Chat's calls besides the socket: upload pictures and files; read, rename or delete a conversation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from typing import Any

from bingproject.sandbox.chat.chat_state import ChatState, SandboxConversation, Upload
from bingproject.sandbox.chat.pictures import picture_kind
from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import Request, SandboxReply
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.state import SandboxAccount, SandboxState

AT_UPLOAD = frozenset({Stage.UPLOAD})
SUCCESS = {"value": "Success", "message": None}


class SideCalls:
    """The routes besides the socket."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.routes: dict[tuple[str, str], Callable[[Request, bytes], SandboxReply]] = {
            ("POST", "/images/kblob"): self.kblob,
            ("GET", "/images/blob"): self.blob,
            ("POST", "/sydney/UploadFile"): self.upload_file,
            ("POST", "/sydney/DeleteSingleConversation"): self.delete,
            ("POST", "/sydney/RenameChat"): self.rename,
            ("GET", "/sydney/GetConversation"): self.get_conversation,
        }

    @property
    def _chat(self) -> ChatState:
        return self.state.chats["chat"]

    # -- pictures ------------------------------------------------------------------------------------------------

    def kblob(self, request: Request, body: bytes) -> SandboxReply:
        """Store a picture; refuse other files as Bing does, with an empty id."""
        account = self.state.identify(request)
        self._chat.uploads_asked += 1
        chosen = self.state.scenarios.choose(AT_UPLOAD, account.name if account else "")
        if chosen is not None and chosen.scenario.name == "kblob-no-id":
            return SandboxReply.json({"processedBlobId": ""})
        if chosen is not None and chosen.scenario.name != "kblob-refused":
            return answers.answer(chosen.scenario, account)
        parts = self._parts(request, body, account)
        wanted = self._knowledge(parts.get("knowledgeRequest", b""), request, account)
        content = _decoded(parts.get("imageBase64", b""))
        kind = picture_kind(content)
        url = wanted.get("imageInfo", {}).get("url", "") if isinstance(wanted.get("imageInfo"), dict) else ""
        if chosen is not None or not (kind or url):
            return SandboxReply.json({"blobId": "", "processedBlobId": ""})
        name = hashlib.sha256(content or str(url).encode()).hexdigest()[:24]
        conversation = str(_at(wanted, "knowledgeRequest", "convoData", "convoid") or "")
        for blob in (name, name + "-p"):
            self._chat.uploads[blob] = Upload(blob, account.name if account else "", content, kind, conversation)
        return SandboxReply.json({"blobId": name, "processedBlobId": name + "-p"})

    def blob(self, request: Request, _body: bytes) -> SandboxReply:
        """Return an uploaded picture."""
        upload = self._chat.uploads.get(request.query().get("bcid", ""))
        if upload is None:
            return SandboxReply(status=404)
        return SandboxReply(upload.content, content_type=upload.media_type or "image/jpeg", page=False)

    def _knowledge(self, text: bytes, request: Request, account: SandboxAccount | None) -> dict[str, Any]:
        try:
            wanted = json.loads(text)
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict):
            return self._blame("knowledgeRequest is not a JSON object", request, account)
        skills = _at(wanted, "knowledgeRequest", "invokedSkills")
        subscription = _at(wanted, "knowledgeRequest", "subscriptionId")
        if skills != ["ImageById"] or subscription != "Bing.Chat.Multimodal":
            self._blame("knowledgeRequest asks for something else", request, account)
        conversation = self._chat.conversations.get(_at(wanted, "knowledgeRequest", "convoData", "convoid") or "")
        if conversation is not None and account is not None and conversation.owner != account.name:
            self._blame("the picture is for another account's conversation", request, account)
        return wanted

    # -- files and conversations ---------------------------------------------------------------------------------

    def upload_file(self, request: Request, body: bytes) -> SandboxReply:
        """Store a file if the signature of its conversation is right."""
        account = self.state.identify(request)
        parts = self._parts(request, body, account)
        conversation = self._conversation(parts.get("conversationId", b"").decode(errors="replace"))
        bearer = (request.header(b"authorization") or b"").decode("latin-1")
        if conversation is None or bearer != f"Bearer {conversation.signature}":
            return SandboxReply.json(
                {"result": {"value": "UnauthorizedRequest", "message": "No such signature."}}, status=401
            )
        content = parts.get("file", b"")
        return SandboxReply.json(
            {"fileName": "upload.txt", "fileType": "txt", "docId": hashlib.sha256(content).hexdigest()[:24],
             "isLongContext": True, "userId": conversation.client_id, "result": SUCCESS}
        )  # fmt: skip

    def delete(self, request: Request, body: bytes) -> SandboxReply:
        """Delete a conversation."""
        conversation, reply, _wanted = self._own(request, body)
        if conversation is not None:
            del self._chat.conversations[conversation.id]
        return reply

    def rename(self, request: Request, body: bytes) -> SandboxReply:
        """Rename a conversation."""
        conversation, reply, wanted = self._own(request, body)
        if conversation is not None:
            conversation.name = str(wanted.get("chatName", ""))
        return reply

    def get_conversation(self, request: Request, _body: bytes) -> SandboxReply:
        """Return the conversation's messages."""
        query = request.query()
        conversation = self._conversation(query.get("conversationId", ""))
        if conversation is None or not _is_signed(conversation, query.get("conversationSignature", request.bearer)):
            return SandboxReply.json(
                {"result": {"value": "InvalidSession", "message": "There is no such conversation."}}
            )
        messages = [{"author": author, "text": text} for author, text in conversation.said]
        return SandboxReply.json({"conversationId": conversation.id, "messages": messages, "result": SUCCESS})

    def _own(self, request: Request, body: bytes) -> tuple[SandboxConversation | None, SandboxReply, dict[str, Any]]:
        account = self.state.identify(request)
        try:
            wanted = json.loads(body)
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict):
            wanted = self._blame("the body is not a JSON object", request, account)
        conversation = self._conversation(str(wanted.get("conversationId", "")))
        participant = _at(wanted, "participant", "id")
        signature = str(wanted.get("conversationSignature", ""))
        if conversation is None or participant != conversation.client_id or not _is_signed(conversation, signature):
            missing = {"value": "InvalidSession", "message": "There is no such conversation."}
            return None, SandboxReply.json({"result": missing}), wanted
        return conversation, SandboxReply.json({"result": SUCCESS}), wanted

    def _conversation(self, conversation_id: str) -> SandboxConversation | None:
        return self._chat.conversations.get(conversation_id)

    # -- bodies --------------------------------------------------------------------------------------------------

    def _parts(self, request: Request, body: bytes, account: SandboxAccount | None) -> dict[str, bytes]:
        """Return the parts of a multipart body by their names."""
        content_type = request.header(b"content-type") or b""
        if not content_type.startswith(b"multipart/form-data") or b"boundary=" not in content_type:
            self._blame("the body is not multipart with a boundary", request, account)
            return {}
        whole: Message = BytesParser().parsebytes(b"content-type: " + content_type + b"\r\n\r\n" + body)
        parts: dict[str, bytes] = {}
        for part in whole.get_payload() if whole.is_multipart() else []:
            name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
            if isinstance(part, Message) and isinstance(name, str):
                payload = part.get_payload(decode=True)
                parts[name] = payload if isinstance(payload, bytes) else b""
        return parts

    def _blame(self, detail: str, request: Request, account: SandboxAccount | None) -> dict[str, Any]:
        self.state.violation("chat-call", detail, path=request.path, account=account)
        return {}


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _is_signed(conversation: SandboxConversation, signature: str) -> bool:
    return signature in (conversation.signature, conversation.token)


def _at(value: Any, *names: str) -> Any:
    """Return the value under these nested names, None if one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
