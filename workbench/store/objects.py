"""Artifacts in an S3 bucket, named by their SHA-256: ``sha256/<2 hex>/<64 hex>``.

One private bucket contains all of them. An object is written as a whole and verified before anything refers to it. It
never changes afterwards, so writing it twice is harmless and needs no lock. Previews are the exception: they are
short-lived, named by job and node, and overwritten while the node runs.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.error import S3Error

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.settings import Settings
from workbench.store import damage
from workbench.store.retry import ATTEMPTS, disk_full, is_missing, no_space, with_retries

T = TypeVar("T")
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 60.0
POOL_CONNECTIONS = 16
# Larger files are uploaded in parts of this size, this many at a time, all in memory. With three parts of 16 MiB, an
# upload needed 83 MB and was not faster.
PART_BYTES, PARTS_AT_ONCE = 8 * 1024 * 1024, 2
PROBE_FROM_BYTES = 64 * 1024  # for smaller files, an upload costs no more than a check for existence
CHUNK_BYTES = 1024 * 1024
READ_ATTEMPTS = 2  # before checking if the object is damaged, because SeaweedFS takes 13 s to fail to read one
DELETIONS_AT_ONCE = 8
DIGEST_HEADER = "x-amz-meta-sha256"
_HEX64 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class ObjectFacts:
    """The metadata of one object."""

    key: str
    size_bytes: int
    media_type: str
    sha256: str
    etag: str
    modified: float = 0.0  # UTC, seconds since 1970, on the store's clock; to the second


@dataclass(frozen=True)
class UnfinishedUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    begun: float  # UTC, seconds since 1970


class Objects:
    """A client of the object store. Thread-safe and blocking; keeps its connections open."""

    def __init__(self, client: Minio, bucket: str, endpoint: str) -> None:
        self.bucket = bucket
        self.endpoint = endpoint
        self._client = client

    @classmethod
    def connect(cls, settings: Settings) -> Objects:
        """A client for the object store of the settings. Sends no request yet.

        Raises WorkbenchError (settings.invalid) if the URL is missing or not http(s).
        """
        url = urlsplit(settings.s3_url)
        if url.scheme not in ("http", "https") or not url.netloc:
            raise WorkbenchError(
                "settings.invalid",
                "the URL of the object store is missing or not valid",
                where="WORKBENCH_S3_URL",
                seen=settings.s3_url,
                allowed="http://host:port or https://host",
                remedy="Start the deployment with `workbench up`, or set WORKBENCH_S3_URL.",
            )
        secure = url.scheme == "https"
        pool = urllib3.PoolManager(
            maxsize=POOL_CONNECTIONS,
            retries=False,  # with_retries does it, because the SDK's own five retries would hide the cause
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
        )
        client = Minio(
            url.netloc,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            secure=secure,
            region=settings.s3_region,
            http_client=pool,
        )
        return cls(client, settings.s3_bucket, settings.s3_url)

    def ensure_bucket(self) -> None:
        """Create the bucket if it is missing. ``put`` also does so when necessary."""
        self._call("create the bucket", self._make_bucket)

    # Artifacts

    def put(self, path: Path, ref: Ref, *, anew: bool = False) -> bool:
        """Store a file under its digest and verify the stored object. Returns whether bytes were sent.

        Args:
            anew: read an existing object instead of trusting its metadata, and replace damaged bytes.

        Raises WorkbenchError: store.corrupt if the file does not match the reference, or changed during the upload;
        store.unreachable; store.refused.
        """
        size = path.stat().st_size
        if ref.size_bytes is not None and ref.size_bytes != size:
            raise damage.corrupt(ref.sha256, str(path), f"{size} bytes", f"{ref.size_bytes} bytes")
        if size >= PROBE_FROM_BYTES:
            facts = self.stat(ref.sha256)
            alike = facts is not None and facts.size_bytes == size and facts.etag == _etag_of(path, size)
            # A different etag means different bytes, which are replaced. An equal etag shows what was written, but not
            # whether it is still intact.
            if alike and (not anew or damage.discard(self, ref) is damage.Condition.GOOD):
                return False
        etag = self._call(f"store {ref.sha256[:12]}", lambda: self._upload(path, size, ref))
        if etag != _etag_of(path, size):
            # This is no proof, because stores with KMS encryption use different etags. Read the object back.
            self.verify(ref)
        return True

    def get(self, ref: Ref, into: Path) -> None:
        """Write the artifact to ``into``. The file appears complete and verified, or not at all.

        Raises WorkbenchError: store.missing, store.corrupt, store.unreachable, home.disk_full.
        """
        self._reading(ref.sha256, "fetch", lambda: self._download(ref, into))

    def read(self, ref: Ref, limit_bytes: int = 1 << 20) -> bytes:
        """The verified bytes of a small artifact (text, JSON). Raises like ``get``, and ValueError above the limit."""
        return self._reading(ref.sha256, "read", lambda: self._read(ref, limit_bytes))

    def verify(self, ref: Ref) -> None:
        """Read the whole artifact and compare it with its digest. Raises like ``get``."""
        self._reading(ref.sha256, "verify", lambda: self._stream(ref, lambda chunk: None))

    def stat(self, sha256: str) -> ObjectFacts | None:
        """The metadata of the artifact, or None if the store does not have it."""
        return self.stat_key(object_key(sha256))

    def stat_key(self, key: str, bucket: str = "") -> ObjectFacts | None:
        """Like ``stat``, for any key of this or another bucket."""
        return self._call(f"look for {key}", lambda: self._stat(key, bucket or self.bucket))

    def has(self, sha256: str) -> bool:
        """Whether the store has the artifact. One request."""
        return self.stat(sha256) is not None

    def has_all(self, refs: Iterable[Ref]) -> bool:
        """Whether the store has all of them, with up to eight requests at a time."""
        return not self.missing(refs)

    def missing(self, refs: Iterable[Ref]) -> list[Ref]:
        """Those that the store lacks, or has with a different size, in the given order."""
        wanted = list({ref.sha256: ref for ref in refs}.values())
        if len(wanted) <= 1:
            return [ref for ref in wanted if not self._is_whole(ref)]
        with ThreadPoolExecutor(min(8, len(wanted)), thread_name_prefix="objects") as threads:
            present = list(threads.map(self._is_whole, wanted))
        return [ref for ref, there in zip(wanted, present, strict=True) if not there]

    def _is_whole(self, ref: Ref) -> bool:
        facts = self.stat(ref.sha256)
        return facts is not None and ref.size_bytes in (None, facts.size_bytes)

    def presign(
        self, sha256: str, expires_s: int = 3600, filename: str = "", media_type: str = "", attachment: bool = False
    ) -> str:
        """A link that reads the artifact without credentials until it expires. Sends no request.

        Args:
            filename: the name under which a browser saves it.
            media_type: overrides the stored media type, which its writer could choose freely.
            attachment: whether a browser saves the file instead of showing it.
        """
        extra: dict[str, str | list[str] | tuple[str]] = {}
        if filename or attachment:
            name = f"; filename*=UTF-8''{quote(filename, safe='')}" if filename else ""
            extra["response-content-disposition"] = f"{'attachment' if attachment else 'inline'}{name}"
        if media_type:
            extra["response-content-type"] = media_type
        link: str = self._client.get_presigned_url(
            "GET",
            self.bucket,
            object_key(sha256),
            expires=timedelta(seconds=expires_s),
            extra_query_params=extra or None,
        )
        return link

    def delete(self, sha256: str) -> None:
        """Remove the artifact, if it exists."""
        self.delete_key(object_key(sha256))

    def stored(self) -> list[ObjectFacts]:
        """All artifacts in the bucket, ordered by digest, without ``media_type``."""
        return self.listed("sha256/")

    def pages(
        self, prefix: str = "sha256/", bucket: str = "", *, after: str = "", page: int = 1000
    ) -> Iterator[list[ObjectFacts]]:
        """Like ``stored``, page by page, for stores of any size. May miss objects that are added or removed meanwhile.

        Args:
            after: digest of an artifact; the listing starts after it.
        """
        behind = object_key(after) if after else ""
        while found := self._call(f"list {prefix}", functools.partial(self._page, prefix, bucket, behind, page)):
            yield found
            behind = found[-1].key

    def listed(self, prefix: str, bucket: str = "") -> list[ObjectFacts]:
        """All objects below a prefix of this or another bucket; none if the bucket does not exist."""
        # A fault must not truncate a listing, so the retry starts from its beginning.
        found = self._call(f"list {prefix}", lambda: self._list(prefix, bucket or self.bucket))
        return [_facts_of(item) for item in found]

    def delete_keys(self, keys: Iterable[str], bucket: str = "") -> int:
        """Remove objects by key, several at a time. Missing objects are ignored. Returns the number of keys.

        Each request is sent only once, because a repeated one could delete an object that was stored in between.
        Raises WorkbenchError: store.unreachable, store.refused.
        """
        wanted = list(keys)

        def remove(key: str) -> None:
            where = f"{self.endpoint}/{bucket or self.bucket}"
            once = partial(self._client.remove_object, bucket or self.bucket, key)
            with_retries(once, what=f"delete {key}", endpoint=where, attempts=1)

        with ThreadPoolExecutor(DELETIONS_AT_ONCE, thread_name_prefix="objects") as threads:
            for done in [threads.submit(remove, key) for key in wanted]:
                done.result()
        return len(wanted)

    def unfinished(self) -> list[UnfinishedUpload]:
        """Multipart uploads that were neither completed nor aborted."""
        found = self._call("list unfinished uploads", lambda: self._client._list_multipart_uploads(self.bucket))
        return [
            UnfinishedUpload(str(item.object_name), str(item.upload_id), item.initiated_time.timestamp())
            for item in found.uploads
            if item.initiated_time is not None
        ]

    def give_up(self, upload: UnfinishedUpload) -> None:
        """Abort an unfinished upload and remove its parts."""
        abort = partial(self._client._abort_multipart_upload, self.bucket, upload.key, upload.upload_id)
        self._call(f"abort the upload of {upload.key}", abort)

    # Copies and previews

    def copy_to(self, sha256: str, bucket: str, key: str) -> None:
        """Copy an artifact, with its media type, inside the server."""
        source = CopySource(self.bucket, object_key(sha256))
        self._reading(sha256, f"copy to {key}:", lambda: self._client.copy_object(bucket, key, source))

    def put_bytes(self, key: str, data: bytes, media_type: str, bucket: str = "") -> None:
        """Write bytes under a given key. Not for artifacts, which are named by their digest."""
        target = bucket or self.bucket
        self._call(f"write {key}", lambda: self._put(key, io.BytesIO(data), len(data), media_type, {}, target))

    def get_bytes(self, key: str, bucket: str = "") -> bytes:
        """The bytes under a given key. Raises WorkbenchError (store.missing)."""
        return self._call(f"read {key}", lambda: self._get(key, bucket or self.bucket))[0]

    def fetch_key(self, key: str, bucket: str, into: Path) -> None:
        """Write an object of any bucket to a file, unverified. Raises WorkbenchError: store.*"""
        self._call(f"fetch {key}", lambda: self._client.fget_object(bucket, key, str(into)))

    def delete_key(self, key: str) -> None:
        """Remove the object under a given key."""
        self._call(f"delete {key}", lambda: self._client.remove_object(self.bucket, key))

    def put_preview(self, job: str, node: str, data: bytes, media_type: str) -> str:
        """Replace the node's preview and return its key."""
        key = preview_key(job, node)
        self.put_bytes(key, data, media_type)
        return key

    def get_preview(self, key: str) -> tuple[bytes, str]:
        """Bytes and media type of a preview. Raises WorkbenchError (store.missing) if it does not exist."""
        if not key.startswith("preview/"):
            raise WorkbenchError("store.missing", f"{key} is not a preview", where=key, allowed="preview/<job>/<node>")
        return self._call(f"read {key}", lambda: self._get(key, self.bucket))

    def jobs_with_previews(self) -> set[str]:
        """Ids of the jobs that have a preview."""
        return {facts.key.split("/")[1] for facts in self.listed("preview/")}

    def previews(self, job: str) -> list[str]:
        """Keys of the previews of a job."""
        return [facts.key for facts in self.listed(f"preview/{job}/")]

    def delete_previews(self, job: str) -> int:
        """Remove the previews of a job. Returns their number."""
        keys = self.previews(job)
        for key in keys:
            self.delete_key(key)
        return len(keys)

    # One request each, without retries

    def _call(self, what: str, request: Callable[[], T], attempts: int = ATTEMPTS) -> T:
        return with_retries(request, what=what, endpoint=f"{self.endpoint}/{self.bucket}", attempts=attempts)

    def _reading(self, sha256: str, verb: str, request: Callable[[], T]) -> T:
        """Send a request that reads an artifact, and distinguish faults of this object from faults of the store."""
        what = f"{verb} {sha256[:12]}"
        for attempts in (READ_ATTEMPTS, ATTEMPTS - READ_ATTEMPTS):
            try:
                return self._call(what, request, attempts)
            except WorkbenchError as error:
                if error.code == "store.missing":
                    raise damage.missing(sha256, error.where) from error
                if error.code != "store.unreachable":
                    raise
                if damage.fails_for_this_object_only(self, sha256, error):
                    raise damage.unreadable(sha256, error) from error
                fault = error
        raise fault

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self.bucket)
        except S3Error as fault:
            if fault.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _put(self, key: str, data: Any, size: int, media_type: str, metadata: dict[str, str], bucket: str) -> str:
        for first_try in (True, False):
            try:
                written = self._client.put_object(
                    bucket,
                    key,
                    data,
                    size,
                    content_type=media_type,
                    metadata=dict(metadata),
                    part_size=PART_BYTES,
                    num_parallel_uploads=PARTS_AT_ONCE,
                )
                return str(written.etag or "")
            except S3Error as fault:
                if fault.code != "NoSuchBucket" or bucket != self.bucket or not first_try:
                    raise
                self._make_bucket()  # the first write of a new deployment
                data.seek(0)
        raise AssertionError("unreachable")

    def _get(self, key: str, bucket: str) -> tuple[bytes, str]:
        """Bytes and media type of an object."""
        response = self._client.get_object(bucket, key)
        try:
            return response.read(), response.headers.get("content-type", "application/octet-stream")
        finally:
            _give_back(response)

    def _upload(self, path: Path, size: int, ref: Ref) -> str:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != ref.sha256:
                raise damage.corrupt(ref.sha256, str(path), found, ref.sha256)
            file.seek(0)
            return self._put(object_key(ref.sha256), file, size, ref.media_type, {"sha256": ref.sha256}, self.bucket)

    def _stat(self, key: str, bucket: str) -> ObjectFacts | None:
        try:
            found = self._client.stat_object(bucket, key)
        except S3Error as fault:
            if is_missing(fault) or fault.code == "NoSuchBucket":
                return None
            raise
        headers = found.metadata or {}
        return ObjectFacts(
            key=key,
            size_bytes=found.size or 0,
            media_type=found.content_type or "application/octet-stream",
            sha256=headers.get(DIGEST_HEADER, ""),
            etag=(found.etag or "").strip('"'),
            modified=found.last_modified.timestamp() if found.last_modified else 0.0,
        )

    def _list(self, prefix: str, bucket: str) -> list[Any]:
        try:
            return list(self._client.list_objects(bucket, prefix=prefix, recursive=True))
        except S3Error as fault:
            if fault.code == "NoSuchBucket":
                return []
            raise

    def _page(self, prefix: str, bucket: str, after: str, page: int) -> list[ObjectFacts]:
        found = self._client.list_objects(
            bucket or self.bucket, prefix=prefix, recursive=True, start_after=after or None
        )
        return [_facts_of(item) for item in itertools.islice(found, page)]

    def _download(self, ref: Ref, into: Path) -> None:
        try:
            self._write(ref, into)
        except OSError as fault:  # of the local file: urllib3 wraps those of the connection
            if no_space(fault):
                raise disk_full(fault, into.parent) from fault
            raise

    def _write(self, ref: Ref, into: Path) -> None:
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=into.parent, prefix=f".{ref.sha256[:12]}.", delete=False) as file:
            staging = Path(file.name)
            try:
                self._stream(ref, file.write)
                file.flush()
                staging.chmod(0o444)
                staging.replace(into)
            finally:
                staging.unlink(missing_ok=True)

    def _read(self, ref: Ref, limit_bytes: int) -> bytes:
        if ref.size_bytes is not None and ref.size_bytes > limit_bytes:
            raise ValueError(f"{ref.sha256[:12]} has {ref.size_bytes} bytes, more than {limit_bytes}")
        parts: list[bytes] = []
        self._stream(ref, parts.append)
        return b"".join(parts)

    def _stream(self, ref: Ref, write: Callable[[bytes], object]) -> None:
        response = self._client.get_object(self.bucket, object_key(ref.sha256))
        digest = hashlib.sha256()
        try:
            for chunk in response.stream(CHUNK_BYTES):
                digest.update(chunk)
                write(chunk)
        finally:
            _give_back(response)
        if digest.hexdigest() != ref.sha256:
            raise damage.corrupt(ref.sha256, f"{self.endpoint}/{self.bucket}", digest.hexdigest(), ref.sha256)


def preview_key(job: str, node: str) -> str:
    """The key of a node's newest preview in the bucket."""
    return f"preview/{job}/{node}"


def object_key(sha256: str) -> str:
    """The key of an artifact in the bucket. Raises WorkbenchError (store.missing) if the argument is not a digest."""
    if not _HEX64.match(sha256):
        raise WorkbenchError(
            "store.missing", "this is not the digest of an artifact", seen=sha256, allowed="64 lower-case hex digits"
        )
    return f"sha256/{sha256[:2]}/{sha256}"


def _etag_of(path: Path, size: int) -> str:
    """The etag of S3 servers for these bytes: their MD5, or for parts, the MD5 of the parts' MD5s and their number."""
    with path.open("rb") as file:
        if size <= PART_BYTES:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        parts = [_md5_of(file, PART_BYTES) for _ in range(-(-size // PART_BYTES))]
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _md5_of(file: BinaryIO, length: int) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, length, CHUNK_BYTES):
        digest.update(file.read(min(CHUNK_BYTES, length - start)))
    return digest.digest()


def _facts_of(item: Any) -> ObjectFacts:
    return ObjectFacts(
        key=str(item.object_name),
        size_bytes=item.size or 0,
        media_type="",
        sha256=str(item.object_name).rpartition("/")[2],
        etag=(item.etag or "").strip('"'),
        modified=item.last_modified.timestamp() if item.last_modified else 0.0,
    )


def _give_back(response: Any) -> None:
    # Unread bytes would corrupt the next response on this connection, so close() drops a socket with bytes left.
    response.close()
    response.release_conn()
