"""Verifies a file: whether its signature holds, what its manifest states, and whether its digest is known here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.delivery import KnownFile, SignatureState, Statement, Verification
from schemas.errors import WorkbenchError
from workbench.client.delivery.issuer import certificates
from workbench.client.delivery.manifest import STATEMENT
from workbench.client.delivery.signature import read_manifests
from workbench.client.deployment import Deployment
from workbench.settings import Settings
from workbench.store.deliveries import Deliveries

_NO_STACK = ("stack.not_running", "sql.unreachable")


def verify(file: Path, settings: Settings, *, issuers: str = "") -> Verification:
    """The verification of a file on this machine. Works without a stack, but then does not look its digest up. Blocks.

    Args:
        issuers: PEM of certificates to trust, beside those of this home.

    Raises WorkbenchError: node.bad_input if there is no such file; delivery.no_library; settings.invalid.
    """
    try:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise WorkbenchError(
            "node.bad_input",
            "the file cannot be read",
            where=str(file),
            seen=error.strerror,
            remedy="Give the path of a file.",
        ) from error
    found = Verification(file=str(file), sha256=sha256, state=SignatureState.UNSIGNED, looked_up=False)
    _read_manifest(found, file, certificates(settings) + issuers)
    try:
        found.known = known_file(Deployment(settings), sha256, owner=None)
        found.looked_up = True
    except WorkbenchError as error:
        if error.code not in _NO_STACK:
            raise
    return found


def signed_statement(file: Path, settings: Settings) -> tuple[SignatureState, Statement | None]:
    """The state of a file's signature, and what its manifest states; None if it has none of ours.

    Raises WorkbenchError: delivery.no_library, settings.invalid.
    """
    found = Verification(file=str(file), sha256="", state=SignatureState.UNSIGNED, looked_up=False)
    _read_manifest(found, file, certificates(settings))
    return found.state, found.statement


def known_file(deployment: Deployment, sha256: str, *, owner: str | None) -> KnownFile | None:
    """The file with this digest, if it left this deployment or is one of its results.

    Args:
        owner: whose jobs may be named; None for all owners.

    Raises WorkbenchError: sql.unreachable.
    """
    deliveries = Deliveries(deployment.store.database)
    delivered = deliveries.find(sha256)
    artifact = delivered.artifact if delivered else sha256
    jobs = deliveries.making_jobs(artifact, owner)
    if delivered is None:
        made = jobs or (owner is not None and deliveries.making_jobs(artifact, None))
        return KnownFile(artifact=artifact, job=jobs[0] if jobs else None) if made else None
    job = delivered.job if delivered.job in jobs else next(iter(jobs), None)
    return KnownFile(artifact=artifact, job=job, delivered_at=delivered.at)


def _read_manifest(found: Verification, file: Path, trusted: str) -> None:
    try:
        read = read_manifests(file, trusted)
    except WorkbenchError as error:
        if error.code != "delivery.unreadable":
            raise
        found.state, found.problems = SignatureState.ALTERED, [str(error.seen)]
        return
    if read is None:
        return
    active: dict[str, Any] = read["manifests"][read["active_manifest"]]
    failures = (read.get("validation_results") or {}).get("activeManifest", {}).get("failure", [])
    found.state = _state(str(read.get("validation_state")), [str(failure.get("code")) for failure in failures])
    if not found.state.holds:
        found.problems = [_problem(str(failure.get("code")), str(failure.get("explanation"))) for failure in failures]
    signed_by = active.get("signature_info") or {}
    found.issuer = ", ".join(signed_by[key] for key in ("issuer", "common_name") if signed_by.get(key)) or None
    program = (active.get("claim_generator_info") or [{}])[0]
    found.generator = " ".join(str(program[key]) for key in ("name", "version") if program.get(key)) or None
    for assertion in active.get("assertions") or []:
        if str(assertion.get("label")).startswith("c2pa.actions"):
            types = [action.get("digitalSourceType") for action in assertion["data"].get("actions", [])]
            found.source_type = next((kind for kind in types if kind), None)
        elif assertion.get("label") == STATEMENT:
            found.statement = _statement(assertion.get("data"))


def _state(state: str, failures: list[str]) -> SignatureState:
    if state == "Trusted":
        return SignatureState.TRUSTED
    if state == "Valid":
        return SignatureState.OTHER_ISSUER
    # The other failures say that bytes differ from those that were signed.
    only_credential = failures and all(code.startswith("signingCredential.") for code in failures)
    return SignatureState.INVALID if only_credential else SignatureState.ALTERED


def _problem(code: str, explanation: str) -> str:
    """A failure in plain words, with its code in the C2PA specification (section 15.2.2)."""
    kind = code.partition(".")[0]
    if kind == "assertion":
        text = "the content differs from what was signed"
    elif kind == "claimSignature":
        text = "the manifest differs from what was signed"
    else:
        text = "the certificate has expired" if code == "signingCredential.expired" else explanation
    return f"{text} ({code})"


def _statement(data: object) -> Statement | None:
    try:
        return Statement.model_validate(data)
    except ValidationError:  # of another version of the workbench
        return None
