"""A Hub on this machine: create-repo, preupload, LFS, commit and download over HTTP, with faults to order.

A plugin of pytest, which gives the fixtures `fake_hub` and `hub` to the tests of every folder. Repositories of data
sets have "datasets/" before their name, as in the Hub's addresses.

The client that speaks to it is huggingface_hub's own. What the server answers follows that client's expectations and
the LFS batch API; repositories live in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_secret"
USER = "ada"
ORGANISATION = "lab"


@dataclass
class Commit:
    """A state of a repository; `files` maps a path to its content."""

    oid: str
    message: str
    files: dict[str, bytes]


@dataclass
class Repository:
    private: bool
    commits: list[Commit]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1].files


@dataclass
class Fault:
    """What goes wrong with a call, the first `times` times that one begins so.

    Attributes:
        call: method and beginning of the path, such as "PUT /storage".
        kind: "status" answers with `status`; "cut" closes the connection in the middle of the request's body; "lost"
            does the work and closes the connection instead of answering.
        after: such calls that go well before.
    """

    call: str
    kind: str
    status: int = 503
    times: int = 1
    after: int = 0

    def strikes(self, call: str) -> bool:
        """Whether this call goes wrong; it counts the calls."""
        if not self.times or not call.startswith(self.call):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class FakeHub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    storage: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    token_role: str = "write"
    part_size: int | None = None  # of multipart uploads; None uploads each file in one request

    def order(self, call: str, kind: str, **settings: int) -> None:
        """Adds a `Fault`."""
        self.faults.append(Fault(call, kind, **settings))

    def calls_that_begin(self, beginning: str) -> list[str]:
        return [call for call in self.calls if call.startswith(beginning)]

    def create(self, repo_id: str, private: bool = False, files: dict[str, bytes] | None = None) -> Repository:
        files = {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", **(files or {})}
        repository = Repository(private, [Commit(oid_of(repo_id), "initial commit", files)])
        self.repositories[repo_id] = repository
        return repository


def oid_of(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def blob_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        """Silence: pytest shows what matters."""

    def do_GET(self) -> None:
        self.serve()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def serve(self) -> None:
        self.path_only = unquote(urlsplit(self.path).path)
        call = f"{self.command} {self.path_only}"
        self.hub.calls.append(call)
        fault = next((fault for fault in self.hub.faults if fault.strikes(call)), None)
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.kind == "cut":
            self.rfile.read(length // 2)
            self.hang_up()
            return
        self.body = self.rfile.read(length) if length else self.chunks()
        if fault is not None and fault.kind == "status":
            self.answer(fault.status, {"error": "ordered fault"})
            return
        is_signed = self.path_only.startswith(("/storage/", "/lfs-complete/"))  # addresses that need no token
        if not is_signed and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
            return
        self.is_lost = fault is not None and fault.kind == "lost"
        self.dispatch()

    is_lost = False

    def chunks(self) -> bytes:
        content = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return content

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, content: Any = None, headers: dict[str, str] | None = None) -> None:
        if self.is_lost:
            self.hang_up()
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def dispatch(self) -> None:
        path = self.path_only
        if path == "/api/whoami-v2":
            organisations = [{"name": ORGANISATION, "type": "org"}]
            auth = {"accessToken": {"role": self.hub.token_role}}
            self.answer(200, {"type": "user", "name": USER, "orgs": organisations, "auth": auth})
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self.create_repository(json.loads(self.body))
        elif path.startswith("/storage/"):
            self.store(path.split("/")[2:])
        elif path.endswith("/info/lfs/objects/batch"):
            self.lfs_batch(json.loads(self.body))
        elif path.startswith("/lfs-complete/"):
            self.complete(path.rsplit("/", 1)[-1], json.loads(self.body))
        elif path.startswith("/api/models/"):
            self.repository_call("", path.split("/")[3:])
        elif path.startswith("/api/datasets/"):
            self.repository_call("datasets/", path.split("/")[3:])
        elif "/resolve/" in path:
            self.resolve(path)
        else:
            self.answer(404, {"error": f"no such call: {path}"})

    def create_repository(self, request: dict[str, Any]) -> None:
        kind = "datasets/" if request.get("type") == "dataset" else ""
        repo_id = f"{kind}{request.get('organization') or USER}/{request['name']}"
        if repo_id in self.hub.repositories:
            self.answer(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo_id}"})
            return
        self.hub.create(repo_id, request.get("visibility") == "private" or bool(request.get("private")))
        self.answer(200, {"url": f"{self.hub.url}/{repo_id}", "id": repo_id, "name": repo_id})

    def repository_call(self, kind: str, parts: list[str]) -> None:
        repo_id, call = kind + "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
        repository = self.hub.repositories.get(repo_id)
        if repository is None:
            self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif call in ("", "revision"):
            siblings = [{"rfilename": name} for name in sorted(repository.files)]
            info = {
                "id": "/".join(parts[:2]),
                "modelId": "/".join(parts[:2]),
                "private": repository.private,
                "sha": repository.commits[-1].oid,
            }
            self.answer(200, {**info, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0})
        elif call == "tree":
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": blob_oid(content)}
                for name, content in sorted(repository.files.items())
            ]
            self.answer(200, entries)
        elif call == "preupload":
            self.preupload(repository, json.loads(self.body))
        elif call == "commit":
            self.commit(repo_id, repository)
        else:
            self.answer(404, {"error": f"no such call: {call}"})

    def preupload(self, repository: Repository, request: dict[str, Any]) -> None:
        answers = []
        for file in request["files"]:
            is_large = file["path"].endswith((".safetensors", ".parquet"))
            present = repository.files.get(file["path"])
            oid = None
            if present is not None:
                oid = hashlib.sha256(present).hexdigest() if is_large else blob_oid(present)
            mode = "lfs" if is_large else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.answer(200, {"files": answers})

    def lfs_batch(self, request: dict[str, Any]) -> None:
        objects: list[dict[str, Any]] = []
        for wanted in request["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            entry: dict[str, Any] = {"oid": oid, "size": size}
            if oid not in self.hub.storage:
                if self.hub.part_size is None:
                    upload: dict[str, Any] = {"href": f"{self.hub.url}/storage/{oid}"}
                else:
                    num_parts = -(-size // self.hub.part_size)
                    header = {str(n): f"{self.hub.url}/storage/{oid}/{n}" for n in range(1, num_parts + 1)}
                    header["chunk_size"] = str(self.hub.part_size)
                    upload = {"href": f"{self.hub.url}/lfs-complete/{oid}", "header": header}
                entry["actions"] = {"upload": upload}
            objects.append(entry)
        transfer = "basic" if self.hub.part_size is None else "multipart"
        self.answer(200, {"transfer": transfer, "objects": objects})

    def store(self, parts: list[str]) -> None:
        key = "/".join(parts)
        if len(parts) == 1 and hashlib.sha256(self.body).hexdigest() != key:
            self.answer(400, {"error": "the content is not what its oid says"})
            return
        self.hub.storage[key] = self.body
        self.answer(200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})

    def complete(self, oid: str, request: dict[str, Any]) -> None:
        content = b"".join(self.hub.storage[f"{oid}/{part['partNumber']}"] for part in request["parts"])
        if hashlib.sha256(content).hexdigest() != oid:
            self.answer(400, {"error": "the parts are not what the oid says"})
            return
        self.hub.storage[oid] = content
        self.answer(200, {})

    def commit(self, repo_id: str, repository: Repository) -> None:
        files = dict(repository.files)
        message = ""
        for line in self.body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.storage:
                    self.answer(400, {"error": f"{value['path']} was never uploaded"})
                    return
                files[value["path"]] = self.hub.storage[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        oid = oid_of(f"{repo_id} {len(repository.commits)}")
        repository.commits.append(Commit(oid, message, files))
        self.answer(200, {"commitUrl": f"{self.hub.url}/{repo_id}/commit/{oid}", "commitOid": oid})

    def resolve(self, path: str) -> None:
        repo_id, _, rest = path[1:].partition("/resolve/")
        repository = self.hub.repositories.get(repo_id)
        if repository is None:
            self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return
        content = repository.files.get(rest.partition("/")[2])
        if content is None:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": repository.commits[-1].oid}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            self.answer(200, content, headers)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.answer(206, content[first : last + 1], headers)


@pytest.fixture
def fake_hub() -> Iterator[FakeHub]:
    """A running Hub without repositories, for `TOKEN` of `USER`, who belongs to `ORGANISATION`."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hub(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[FakeHub]:
    """`fake_hub` as the Hub of this process, logged in, with short waits between tries."""
    import huggingface_hub
    import transformers.utils.hub
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils import _http

    from depth_anything import hub_retries

    monkeypatch.setattr(constants, "ENDPOINT", fake_hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", fake_hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(hub_retries, "WAITS_S", (0.01,) * 4)
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)
    if hasattr(transformers.utils.hub, "_hf_api"):
        monkeypatch.setattr(transformers.utils.hub, "_hf_api", HfApi(endpoint=fake_hub.url))
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", fake_hub.url)
    huggingface_hub.HfFileSystem.clear_instance_cache()  # fsspec keeps those that other tests made
    yield fake_hub
    huggingface_hub.HfFileSystem.clear_instance_cache()
