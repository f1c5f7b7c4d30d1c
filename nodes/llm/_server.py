"""A script from an LLM server, through Ollama's own API or the OpenAI API that vLLM, llama.cpp and others offer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from pydantic import ValidationError

from nodes.llm._request import SYSTEM, Request, Script, Unusable
from nodes.sdk import NodeError, NodeUnavailable
from schemas.problem import first_problem

CONNECT_S = 5.0
ANSWER_S = 120.0  # between two bytes of an answer; a cold 70B model takes about a minute to send its first
CONTEXT_TOKENS = 8192
_ANSWER_SHOWN = 400

Dialect = Literal["ollama", "openai"]
_FORM = (
    'Answer with one JSON object and nothing else: {"narration": "the words that are spoken", "stage_prompt": "one '
    'sentence on how the presenter looks and acts"}.'
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"narration": {"type": "string"}, "stage_prompt": {"type": "string"}},
    "required": ["narration", "stage_prompt"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class LlmServer:
    """An LLM server and the model to use there."""

    url: str
    model: str
    api_key: str = ""
    answer_s: float = ANSWER_S

    def write(self, request: Request, accept: Callable[[Script], Script]) -> Script:
        """Ask for a script, and ask once more if the answer is unusable; ``accept`` raises Unusable to reject one.

        Raises NodeUnavailable (which is retried) if the server cannot be reached, times out or fails, and NodeError if
        it rejects the request or gives two unusable answers.
        """
        turns = [
            {"role": "system", "content": f"{SYSTEM} {_FORM}"},
            {"role": "user", "content": request.text(request.max_words)},
        ]
        with httpx.Client(timeout=httpx.Timeout(self.answer_s, connect=CONNECT_S), headers=self._headers()) as http:
            dialect = self.dialect(http)
            problem, answer = "", ""
            for _ in range(2):
                answer = self._ask(http, dialect, turns, request)
                try:
                    return accept(_parsed(answer))
                except Unusable as error:
                    problem = str(error)
                    turns = [
                        *turns[:2],
                        {"role": "assistant", "content": answer or "(empty)"},
                        {"role": "user", "content": f"That cannot be used: {problem}. {_FORM}"},
                    ]
        raise NodeError(
            f"the model {self.model} gave two unusable answers: {problem}",
            code="node.failed",
            where=self._shown(),
            seen=answer[:_ANSWER_SHOWN],
            allowed="a JSON object with narration and stage_prompt",
            remedy="Use a model that follows instructions, lower the temperature, or write the script yourself.",
        )

    def dialect(self, http: httpx.Client) -> Dialect:
        """The API of the server: OpenAI for a URL that ends in /v1, Ollama for a server that returns its version.

        This is checked for every request: the check takes a millisecond and the answer takes seconds, and a different
        server may run at the same URL later.
        """
        if self._base().endswith("/v1"):
            return "openai"
        answer = self._send(http, "GET", f"{self._base()}/api/version")
        try:
            is_ollama = answer.is_success and "version" in answer.json()
        except (ValueError, TypeError):
            is_ollama = False
        if answer.status_code >= 500:
            raise self._failed(answer)
        return "ollama" if is_ollama else "openai"

    def _ask(self, http: httpx.Client, dialect: Dialect, turns: list[dict[str, str]], request: Request) -> str:
        seed = request.seed % 2**31  # the range that both APIs accept
        body: dict[str, Any] = {"model": self.model, "messages": turns, "stream": False}
        if dialect == "ollama":
            url = f"{self._base()}/api/chat"
            body["format"] = _SCHEMA
            body["options"] = {"seed": seed, "temperature": request.temperature, "num_ctx": CONTEXT_TOKENS}
        else:
            url = f"{self._base().removesuffix('/v1')}/v1/chat/completions"
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "script", "strict": True, "schema": _SCHEMA},
            }
            body |= {"seed": seed, "temperature": request.temperature}
        answer = self._send(http, "POST", url, json=body)
        if not answer.is_success:
            raise self._failed(answer)
        try:
            reply = answer.json()
            message = reply["message"] if dialect == "ollama" else reply["choices"][0]["message"]
            content = message["content"]
            if not isinstance(content, str):
                raise TypeError(f"content is {type(content).__name__}")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise NodeUnavailable(
                f"the response is not a valid answer of an {dialect} server",
                where=self._shown(answer.url),
                seen=answer.text[:_ANSWER_SHOWN],
                allowed="Ollama's /api/chat or OpenAI's /v1/chat/completions",
                remedy="Check that WORKBENCH_LLM_URL is the address of an LLM server.",
                problem=f"{type(error).__name__}: {error}",
            ) from error
        return content

    def _send(self, http: httpx.Client, method: str, url: str, **body: Any) -> httpx.Response:
        try:
            return http.request(method, url, **body)
        except httpx.TimeoutException as error:
            connecting = isinstance(error, httpx.ConnectTimeout)
            raise NodeUnavailable(
                "the LLM server did not respond in time",
                where=self._shown(url),
                seen=f"no data for {CONNECT_S if connecting else self.answer_s:g} s",
                remedy="Check the server's load, use a smaller model, or write the script yourself.",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NodeUnavailable(
                "the LLM server cannot be reached",
                where=self._shown(url),
                seen=f"{type(error).__name__}: {error}",
                remedy="Start the server, correct WORKBENCH_LLM_URL, or write the script yourself.",
            ) from error

    def _failed(self, answer: httpx.Response) -> NodeError | NodeUnavailable:
        remedies = {
            401: "Set WORKBENCH_LLM_API_KEY to a key that the server accepts.",
            403: "Set WORKBENCH_LLM_API_KEY to a key that the server accepts.",
            404: f"Install the model {self.model} there (Ollama: ollama pull {self.model}), or select another model.",
        }
        details: dict[str, Any] = {
            "code": "node.model_unavailable",
            "where": self._shown(answer.url),
            "seen": f"HTTP {answer.status_code}: {answer.text[:_ANSWER_SHOWN]}",
            "remedy": remedies.get(answer.status_code, "Check the server's log, or write the script yourself."),
        }
        message = f"the LLM server rejected the request for {self.model}"
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            return NodeUnavailable(message, **details)
        return NodeError(message, **details)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def _base(self) -> str:
        return self.url.strip().rstrip("/")

    def _shown(self, url: httpx.URL | str = "") -> str:
        """The URL for display, without credentials."""
        try:
            return str(httpx.URL(url or self._base()).copy_with(userinfo=b""))
        except httpx.InvalidURL:
            return "WORKBENCH_LLM_URL"


def _parsed(answer: str) -> Script:
    text = answer.strip()
    if text.startswith("```"):  # models without enforced schema often put their JSON into a code fence
        text = text.strip("`").removeprefix("json").strip()
    try:
        return Script.model_validate(json.loads(text))
    except ValidationError as error:
        raise Unusable(f"the answer: {first_problem(error)}") from error
    except ValueError as error:
        raise Unusable("the answer is not JSON") from error
