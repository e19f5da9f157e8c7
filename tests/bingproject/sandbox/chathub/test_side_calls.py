"""Pictures, files and single conversations beside the socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import Chatter, wait_for
from tests.bingproject.sandbox.conftest import Talk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def send_picture(chatter: Chatter, content: bytes = PNG, **changes: Any) -> httpx.Response:
    """Send a picture as the web page does; `changes` replace parts of the request."""
    knowledge = {
        "invokedSkills": ["ImageById"], "subscriptionId": "Bing.Chat.Multimodal",
        "invokedSkillsRequestData": {"enableFaceBlur": True},
        "convoData": {"convoid": chatter.conversation_id, "convotone": "Balanced"},
    }  # fmt: skip
    wanted = json.dumps({"imageInfo": {}, "knowledgeRequest": knowledge | changes})
    parts: Any = {
        "knowledgeRequest": (None, wanted, "application/json"),
        "imageBase64": (None, base64.b64encode(content).decode()),
    }
    return chatter.http.post("/images/kblob", files=parts)


def test_a_picture_is_taken_shown_and_seen(server: SandboxServer, talk: Talk) -> None:
    """Its ids, its bytes, and an answer that names it."""
    alice = talk()
    ids = send_picture(alice).json()
    assert set(ids) == {"blobId", "processedBlobId"}
    shown = alice.http.get("/images/blob", params={"bcid": ids["blobId"]})
    assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
    assert alice.http.get("/images/blob?bcid=nothing").status_code == 404
    invocation = alice.invocation("What is this?")["arguments"][0]["message"]
    url = f"https://www.bing.com/images/blob?bcid={ids['processedBlobId']}"
    heard = alice.ask(
        "", message=invocation | {"imageUrl": url, "originalImageUrl": url}, requestId=invocation["requestId"]
    )
    assert heard.answer.startswith(f"I see the picture {ids['processedBlobId']}. You wrote: “What is this?”")
    assert (server.state.chats["chat"].uploads_asked, server.state.chats["chat"].turns[0].image) == (
        1,
        ids["processedBlobId"],
    )
    assert not server.state.violations


def test_a_picture_by_its_address_is_taken(talk: Talk) -> None:
    """Without bytes, the address alone does."""
    alice = talk()
    knowledge = {"invokedSkills": ["ImageById"], "subscriptionId": "Bing.Chat.Multimodal"}
    wanted = json.dumps({"imageInfo": {"url": "https://example.test/a.png"}, "knowledgeRequest": knowledge})
    reply = alice.http.post("/images/kblob", files={"knowledgeRequest": (None, wanted, "application/json")})
    assert reply.json()["blobId"]


def test_what_is_no_picture_is_refused(server: SandboxServer, talk: Talk) -> None:
    """By an empty id, as are good ones when a rule says so; other rules give statuses or no id at all."""
    alice = talk()
    assert send_picture(alice, b"text").json()["blobId"] == ""
    knowledge = (None, '{"knowledgeRequest":{}}', "application/json")
    parts: Any = {"knowledgeRequest": knowledge, "imageBase64": (None, "no base64!")}
    assert alice.http.post("/images/kblob", files=parts).json()["blobId"] == ""
    expected = {"kblob-refused": 200, "kblob-no-id": 200, "kblob-413": 413, "kblob-html": 200}
    for scenario, status in expected.items():
        httpx.post(f"{server.url}/_sandbox/scenario", json={"scenario": scenario, "next": 1}).raise_for_status()
        reply = send_picture(alice)
        assert reply.status_code == status
        assert '"blobId": "' not in reply.text.replace('"blobId": ""', "")
    assert send_picture(alice).json()["blobId"]


def test_a_wrong_upload_is_a_violation(server: SandboxServer, talk: Talk) -> None:
    """No boundary, no JSON, another skill, another account's conversation; and a picture nobody sent."""
    alice, bob = talk(), talk("bob")
    alice.http.post("/images/kblob", content=b"x", headers={"content-type": "multipart/form-data"})
    send_picture(alice, invokedSkills=["Other"])
    send_picture(alice, convoData={"convoid": bob.conversation_id})
    details = [one["detail"] for one in server.state.violations]
    assert details == [
        "the body is not multipart with a boundary", "knowledgeRequest is not a JSON object",
        "knowledgeRequest asks for something else", "the picture is for another account's conversation",
    ]  # fmt: skip
    message = alice.invocation("a")["arguments"][0]["message"] | {"imageUrl": "https://a.test/images/blob?bcid=none"}
    heard = alice.ask("", message=message, requestId=message["requestId"])
    assert "never uploaded" in heard.item["result"]["message"]


def test_a_file_is_taken_for_a_signature(talk: Talk) -> None:
    """With the conversation's signature; with any other it is 401."""
    alice = talk()
    parts: Any = {"file": ("a.txt", b"hello"), "conversationId": (None, alice.conversation_id)}
    right = {"authorization": f"Bearer {alice.signature}"}
    assert alice.http.post("/sydney/UploadFile", files=parts, headers=right).json()["docId"]
    assert alice.http.post("/sydney/UploadFile", files=parts).status_code == 401


@pytest.mark.parametrize("signed_by", ["token", "signature"])
def test_a_conversation_is_read_renamed_and_deleted(talk: Talk, signed_by: str) -> None:
    """For who has its signature; once deleted it is gone for turns too."""
    alice = talk()
    alice.ask("hi")
    wait_for(
        lambda: alice.server.state.chats["chat"].sockets.open == 0
    )  # by then the answer belongs to the conversation
    signature = getattr(alice, signed_by)
    query = {"conversationId": alice.conversation_id, "source": "cib"}
    said = alice.http.get(
        "/sydney/GetConversation", params=query, headers={"authorization": f"Bearer {signature}"}
    ).json()
    assert [one["author"] for one in said["messages"]] == ["user", "bot"]
    assert alice.http.get("/sydney/GetConversation", params=query).json()["result"]["value"] == "InvalidSession"
    body = query | {"conversationSignature": signature, "participant": {"id": alice.client_id}, "chatName": "Tides"}
    assert alice.http.post("/sydney/RenameChat", json=body).json()["result"]["value"] == "Success"
    assert alice.http.get("/turing/conversation/chats").json()["chats"][0]["chatName"] == "Tides"
    wrong = body | {"participant": {"id": "1"}}
    delete = "/sydney/DeleteSingleConversation"
    assert alice.http.post(delete, json=wrong).json()["result"]["value"] == "InvalidSession"
    assert alice.http.post(delete, json=body).json()["result"]["value"] == "Success"
    assert alice.ask("hi").value == "InvalidSession"


def test_a_call_without_an_object_is_a_violation(server: SandboxServer, talk: Talk) -> None:
    """A body that is no JSON object is answered as if nothing was named."""
    alice = talk()
    assert alice.http.post("/sydney/RenameChat", content=b"no").json()["result"]["value"] == "InvalidSession"
    assert [one["kind"] for one in server.state.violations] == ["chat-call"]
