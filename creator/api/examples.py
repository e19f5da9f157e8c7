"""The routes as `GET /` and the home page list them, each with a request to copy."""

from __future__ import annotations

from typing import NamedTuple

ENDPOINTS = {
    "info": "GET /",
    "health": "GET /health",
    "create_image": "POST /create/image",
    "create_video": "POST /create/video",
    "get_task": "GET /task/:taskId",
    "cancel_task": "DELETE /task/:taskId",
    "list_tasks": "GET /tasks",
    "options": "GET /options",
    "images_generations": "POST /v1/images/generations",
    "chat_completions": "POST /v1/chat/completions",
    "models": "GET /v1/models",
    "open_conversation": "POST /v1/create",
    "create_conversation": "POST /create_conversation",
    "chatgpt": "POST /chatgpt",
    "docs": "GET /api/docs/",
}


class Example(NamedTuple):
    """A request as the home page shows it."""

    name: str
    text: str
    method: str
    path: str
    body: str = ""
    needs_key: bool = True


EXAMPLES = (
    Example(
        "POST /create/image", "Pictures; waits for them.", "POST", "/create/image", '{"query": "a red fox in the snow"}'
    ),
    Example(
        "POST /create/video",
        "A video; answers with a task's id.",
        "POST",
        "/create/video",
        '{"query": "a red fox running"}',
    ),
    Example("GET /task/:taskId", "A task: where it stands, and its results.", "GET", "/task/TASK_ID"),
    Example("DELETE /task/:taskId", "Cancels a task.", "DELETE", "/task/TASK_ID"),
    Example("GET /tasks", "Your tasks, newest first.", "GET", "/tasks"),
    Example(
        "POST /v1/images/generations",
        "The same for OpenAI's clients.",
        "POST",
        "/v1/images/generations",
        '{"model": "dall-e-3", "prompt": "a red fox in the snow"}',
    ),
    Example(
        "POST /v1/chat/completions",
        "A chat, for OpenAI's clients; streamed on request.",
        "POST",
        "/v1/chat/completions",
        '{"model": "balanced", "messages": [{"role": "user", "content": "What is a fox?"}]}',
    ),
    Example("GET /v1/models", "The models of a chat.", "GET", "/v1/models"),
    Example("POST /v1/create", "Opens a chat to name later.", "POST", "/v1/create", '{"model": "balanced"}'),
    Example("POST /create_conversation", "The same for a user.", "POST", "/create_conversation", '{"userId": "ID"}'),
    Example(
        "POST /chatgpt",
        "Asks in it, with what create_conversation answered.",
        "POST",
        "/chatgpt",
        '{"prompt": "What is a fox?", "conversationId": "…", "clientId": "…", "conversationSignature": "…", '
        '"invocationId": 0}',
    ),
    Example("GET /options", "Models and aspects.", "GET", "/options", needs_key=False),
    Example("GET /health", "Whether pictures can be made now.", "GET", "/health", needs_key=False),
)
