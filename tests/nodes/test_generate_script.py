"""llm.generate_script: a person's script wins, the packaged model is repeatable, and server errors are shown."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nodes.llm import generate_script
from nodes.llm._packaged import parsed
from nodes.llm._prose import normalised, shortened, usable
from nodes.llm._request import Request, Script, Unusable
from nodes.llm._server import LlmServer
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import Cancelled, NodeError, NodeUnavailable

MODELS = ModelCache()  # the packaged model is loaded once for all tests of this file
GOOD = {"narration": "Bees feed us. Thank a bee today.", "stage_prompt": "The speaker smiles."}


class FakeLlm(ThreadingHTTPServer):
    """A fake LLM server: it offers both APIs over real HTTP, and answers with the ``replies`` of the test.

    A reply is the model's text, or (status, body) for the whole answer, or None to stay silent until the test ends.
    """

    daemon_threads = True

    def __init__(self, dialect: str, *replies: Any) -> None:
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.dialect = dialect
        self.replies = list(replies)
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class FakeHandler(BaseHTTPRequestHandler):
    server: FakeLlm

    def do_GET(self) -> None:
        known = self.server.dialect == "ollama" and self.path == "/api/version"
        self.answer(200, {"version": "0.99.0"}) if known else self.answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, dict(self.headers)))
        expected = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}[self.server.dialect]
        reply = self.server.replies.pop(0) if self.path == expected else (404, {"error": "no such route"})
        if reply is None:
            self.server.over.wait()
        elif isinstance(reply, tuple):
            self.answer(*reply)
        elif self.server.dialect == "ollama":
            self.answer(200, {"message": {"role": "assistant", "content": reply}, "done": True})
        else:
            self.answer(200, {"choices": [{"message": {"role": "assistant", "content": reply}}]})

    def answer(self, status: int, body: Any) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: pytest shows what matters."""


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[FakeLlm] = []

    def start(dialect: str, *replies: Any) -> FakeLlm:
        server = FakeLlm(dialect, *replies)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def run(
        *, seed: int = 3, models: ModelCache = MODELS, settings: dict[str, str] | None = None, **params: Any
    ) -> Any:
        ctx = local_context(tmp_path / "artifacts", models, seed=seed, settings=settings)
        return run_locally(generate_script.run, ctx, params, {})

    return run


def request(**changed: Any) -> Request:
    return Request(**{"prompt": "bees", "max_words": 60, "temperature": 0.5, "tone": "", "seed": 7} | changed)


# A person's own script


def test_a_persons_script_is_kept_word_for_word_and_loads_no_model(write: Any) -> None:
    models = ModelCache()
    own = "  Hello,\tI am   Ada.\r\n\r\n\n  It’s 3.5 % — “really” {good}! 世界 \n"
    out = write(models=models, script=own, prompt="something else", model="big", max_words=5)
    assert out.narration == "Hello, I am Ada.\n\nIt’s 3.5 % — “really” {good}! 世界"
    assert (out.source, out.model, out.stage_prompt) == ("person", "", "")
    assert models.loads == 0


@pytest.mark.parametrize("given", [{}, {"script": "", "prompt": ""}, {"script": " \n\t "}, {"prompt": "  "}])
def test_neither_script_nor_prompt_is_refused_at_submit(given: dict[str, str], write: Any) -> None:
    with pytest.raises(NodeError) as error:
        generate_script.check(generate_script.Params(**given), {})
    assert "script" in str(error.value.seen)
    assert error.value.remedy
    with pytest.raises(NodeError):
        write(**given)


# The packaged model


@pytest.mark.models
@pytest.mark.parametrize("max_words", [5, 60, 200])
def test_the_packaged_model_writes_a_speakable_script_within_bounds(write: Any, max_words: int) -> None:
    out = write(prompt="why bees matter", max_words=max_words)
    assert out.source == "model"
    assert out.model == "SmolLM2-135M-Instruct"
    assert 3 <= len(out.narration.split()) <= max_words
    assert out.narration[-1] in ".!?"
    assert set(out.narration) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.!?'")
    assert out.stage_prompt == "" or out.stage_prompt.startswith("The speaker ")


@pytest.mark.models
def test_the_same_seed_writes_the_same_text_warm_or_cold(write: Any) -> None:
    first = write(prompt="why bees matter", max_words=20, seed=11)
    other = write(prompt="why bees matter", max_words=20, seed=12)
    assert write(prompt="why bees matter", max_words=20, seed=11) == first  # after another request was served
    assert write(prompt="why bees matter", max_words=20, seed=11, models=ModelCache()) == first  # freshly loaded
    assert other.narration != first.narration


@pytest.mark.models
def test_a_prompt_too_long_for_the_packaged_model_is_refused_with_the_count(write: Any) -> None:
    with pytest.raises(NodeError) as error:
        write(prompt="å∂ß " * 1000)
    assert "tokens" in str(error.value.seen)
    assert error.value.where == "prompt"


@pytest.mark.models
def test_a_cancelled_job_stops_the_packaged_model(tmp_path: Path, write: Any) -> None:
    class Stopped(FolderHost):
        """A host whose job is cancelled after a few words."""

        def cancelled(self) -> bool:
            return len(self.progressed) >= 2

    ctx = local_context(tmp_path, MODELS, seed=1)
    ctx.host = Stopped(tmp_path)
    with pytest.raises(Cancelled):
        run_locally(generate_script.run, ctx, {"prompt": "a long story", "max_words": 600}, {})
    assert write(prompt="hello").narration  # the model is fit for the next job


@pytest.mark.parametrize(
    ("written", "narration", "stage"),
    [
        ("Script: One is. Two are.\nStage: The speaker nods.", "One is. Two are.", "The speaker nods."),
        ("Script: One is. Two are.\nStage: The spea", "One is. Two are.", ""),
        ("Script: One is. Two are.\nSta", "One is. Two are.", ""),
        ("Script: One is. Two a", "One is.", ""),
    ],
)
def test_an_incomplete_last_sentence_is_dropped(written: str, narration: str, stage: str) -> None:
    assert parsed(written) == Script(narration=narration, stage_prompt=stage)


@pytest.mark.parametrize("written", ["", "Scr", "Script: One"])
def test_text_without_a_complete_sentence_is_unusable(written: str) -> None:
    with pytest.raises(Unusable):
        parsed(written)


# An LLM server


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
def test_both_apis_are_detected_and_receive_schema_seed_and_key(serve: Any, write: Any, dialect: str) -> None:
    server = serve(dialect, json.dumps(GOOD))
    settings = {"llm_url": server.url + "/", "llm_api_key": "k-1"}
    out = write(prompt="bees", model="tiny", tone="warm", temperature=0.3, seed=5, settings=settings)
    assert out.model_dump() == {**GOOD, "source": "model", "model": "tiny"}
    _, body, headers = server.asked[0]
    assert headers["Authorization"] == "Bearer k-1"
    assert body["model"] == "tiny"
    assert "warm" in body["messages"][-1]["content"]
    sampling = body["options"] if dialect == "ollama" else body
    assert (sampling["seed"], sampling["temperature"]) == (5, 0.3)
    schema = body["format"] if dialect == "ollama" else body["response_format"]["json_schema"]["schema"]
    assert set(schema["required"]) == {"narration", "stage_prompt"}


def test_a_url_that_ends_in_v1_selects_the_openai_api(serve: Any, write: Any) -> None:
    server = serve("openai", json.dumps(GOOD))
    assert write(prompt="bees", model="m", settings={"llm_url": f"{server.url}/v1"}).narration == GOOD["narration"]


@pytest.mark.parametrize(
    "bad", ["Sure! Here is your script.", "{}", '{"narration": "..."}', '{"narration": "# Title"}', ""]
)
def test_an_unusable_answer_is_requested_once_more(serve: Any, write: Any, bad: str) -> None:
    server = serve("openai", bad, f"```json\n{json.dumps(GOOD)}\n```")
    out = write(prompt="bees", model="m", settings={"llm_url": server.url})
    assert out.narration == GOOD["narration"]
    assert "cannot be used" in server.asked[1][1]["messages"][-1]["content"]


def test_two_unusable_answers_are_an_error_that_shows_the_last(serve: Any, write: Any) -> None:
    server = serve("ollama", "no", "still no")
    with pytest.raises(NodeError) as error:
        write(prompt="bees", model="m", settings={"llm_url": server.url})
    assert error.value.seen == "still no"
    assert len(server.asked) == 2


def test_too_long_an_answer_is_cut_at_a_sentence_end(serve: Any, write: Any) -> None:
    server = serve(
        "openai", json.dumps({"narration": "One two three. Four five six seven. Eight.", "stage_prompt": ""})
    )
    assert write(prompt="x", model="m", max_words=7, settings={"llm_url": server.url}).narration == (
        "One two three. Four five six seven."
    )


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (500, NodeUnavailable, "log"),
        (503, NodeUnavailable, "log"),
        (429, NodeUnavailable, "log"),
        (401, NodeError, "WORKBENCH_LLM_API_KEY"),
        (404, NodeError, "ollama pull m"),
        (400, NodeError, "log"),
    ],
)
def test_a_rejection_shows_url_answer_and_remedy(
    serve: Any, write: Any, status: int, kind: type[Exception], remedy: str
) -> None:
    server = serve("ollama", (status, {"error": "it is out of order"}))
    with pytest.raises(kind) as error:
        write(prompt="bees", model="m", settings={"llm_url": server.url})
    assert error.value.code == "node.model_unavailable"
    assert error.value.where == f"{server.url}/api/chat"
    assert f"HTTP {status}" in error.value.seen and "out of order" in error.value.seen
    assert remedy in error.value.remedy


@pytest.mark.parametrize("body", ["<html>", {"no": "message"}, {"message": {"content": None}}, []])
def test_a_server_that_is_not_an_llm_server_is_named(serve: Any, write: Any, body: Any) -> None:
    server = serve("ollama", (200, body))
    with pytest.raises(NodeUnavailable) as error:
        write(prompt="bees", model="m", settings={"llm_url": server.url})
    assert "WORKBENCH_LLM_URL" in error.value.remedy


def test_a_silent_server_times_out(serve: Any) -> None:
    server = serve("openai", None)
    with pytest.raises(NodeUnavailable) as error:
        LlmServer(server.url, "m", answer_s=0.2).write(request(), lambda script: script)
    assert "in time" in error.value.message
    assert server.url in error.value.where


def test_a_wrong_port_is_unavailable_and_credentials_in_the_url_stay_secret(write: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(NodeUnavailable) as error:  # bound but not listening: refused
            write(prompt="bees", model="m", settings={"llm_url": f"http://ada:secret@127.0.0.1:{port}"})
    assert str(port) in error.value.where
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://host", "http://[", "http://"])
def test_an_invalid_url_is_unavailable(write: Any, url: str) -> None:
    with pytest.raises(NodeUnavailable):
        write(prompt="bees", model="m", settings={"llm_url": url})


def test_a_named_model_without_a_server_is_not_replaced_by_another(write: Any) -> None:
    models = ModelCache()
    with pytest.raises(NodeError) as error:
        write(models=models, prompt="bees", model="qwen3:8b")
    assert "WORKBENCH_LLM_URL" in error.value.remedy
    assert models.loads == 0


@pytest.mark.models
def test_an_empty_model_is_the_packaged_one_even_if_a_server_is_configured(serve: Any, write: Any) -> None:
    """The parameter is part of the result's identity; the setting of one worker is not."""
    server = serve("openai", json.dumps(GOOD))
    out = write(prompt="bees", max_words=10, settings={"llm_url": server.url})
    assert out.model == "SmolLM2-135M-Instruct"
    assert server.asked == []


# Prose


def test_white_space_is_all_that_changes() -> None:
    assert normalised(" a  b \n c\n \n\n d ") == "a b\nc\n\nd"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("One two. Three four.", 4, "One two. Three four."),
        ("One two. Three four.", 3, "One two."),
        ("One two three, four five six seven", 5, "One two three."),
        ("One, two three four five six seven", 5, "One, two three four five."),
    ],
)
def test_long_texts_end_at_a_sentence_or_a_clause(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short


def test_quotes_around_the_whole_text_are_removed() -> None:
    assert usable(Script(narration='"Hello there."'), 60).narration == "Hello there."
    assert usable(Script(narration='"Yes" and "no"'), 60).narration == '"Yes" and "no"'


@pytest.mark.parametrize("text", ['{"narration": "hi"}', "```python", "<|im_end|>", "12 ... 34", "narration: hi"])
def test_markup_is_not_spoken(text: str) -> None:
    with pytest.raises(Unusable):
        usable(Script(narration=text), 60)
