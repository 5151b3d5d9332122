import json
import shutil
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from depth_anything import checkpoint_lookup
from depth_anything.checkpoint_lookup import CONNECT_DEADLINE_S, CheckpointError, find_checkpoint
from depth_anything.released_checkpoints import licence_notice, licence_of

REPOSITORY = "nobody/Depth-Anything-Test-hf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache, and a machine that no test can leave."""
    folder = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(checkpoint_lookup, "is_offline_mode", lambda: False)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return folder


def refuse(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


def put_into_cache(cache: Path, checkpoint: Path) -> None:
    repository = cache / f"models--{REPOSITORY.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(checkpoint, repository / "snapshots" / COMMIT)


def connect(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """A Hub that takes connections and gives `answer` to the question for a repository."""

    def model_info(*_: object, **__: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(checkpoint_lookup, "_hub_accepts_connections", lambda: True)
    monkeypatch.setattr(checkpoint_lookup, "HfApi", lambda: SimpleNamespace(model_info=model_info))


def hub_error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "as the Hub words it\nand more")
    return error


def test_a_folder_is_used_as_it_is(tiny_checkpoint: Path) -> None:
    checkpoint = find_checkpoint(tiny_checkpoint)
    assert (checkpoint.folder, checkpoint.revision, checkpoint.is_from_cache) == (tiny_checkpoint, None, False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./missing", "folder './missing' does not exist, and that is no Hub id"),
        ("a/b/c", "folder 'a/b/c' does not exist, and that is no Hub id"),
        ("a--b/c..d", "folder 'a--b/c..d' does not exist, and that is no Hub id"),
    ],
)
def test_a_name_that_is_neither_a_folder_nor_an_id_is_refused(name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        find_checkpoint(name)


def test_a_file_is_refused_with_what_to_give_instead(tmp_path: Path) -> None:
    (tmp_path / "model.pth").touch()
    with pytest.raises(CheckpointError, match=r"model\.pth' is a file: give the folder"):
        find_checkpoint(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("missing", "message"),
    [("config.json", r"has no config\.json"), ("model.safetensors", r"has no weights \(model\*\.safetensors")],
)
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(tiny_checkpoint: Path, missing: str, message: str) -> None:
    (tiny_checkpoint / missing).unlink()
    with pytest.raises(CheckpointError, match=message):
        find_checkpoint(tiny_checkpoint)


def test_a_checkpoint_of_another_kind_is_refused(tiny_checkpoint: Path) -> None:
    (tiny_checkpoint / "config.json").write_text(json.dumps({"model_type": "dpt"}))
    with pytest.raises(CheckpointError, match="has model_type 'dpt', but this program runs 'depth_anything' alone"):
        find_checkpoint(tiny_checkpoint)


def test_without_a_network_the_sentence_says_what_was_wanted_and_what_to_do() -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(REPOSITORY)
    assert str(caught.value) == (
        f"The checkpoint '{REPOSITORY}' is neither a folder here nor in the local cache, and the Hugging Face Hub "
        f"({constants.ENDPOINT}) cannot be reached: give --model (in Python: model) the folder of a checkpoint, or "
        "connect to the network."
    )


def test_a_resolver_that_hangs_costs_no_more_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: released.wait(60))
    started = time.monotonic()
    with pytest.raises(CheckpointError, match="cannot be reached"):
        find_checkpoint(REPOSITORY)
    elapsed_s = time.monotonic() - started
    released.set()
    assert CONNECT_DEADLINE_S <= elapsed_s < CONNECT_DEADLINE_S + 1


def test_the_connection_is_tried_through_the_proxy_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = []
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://huggingface.co")
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: addresses.append(address) or refuse())
    with pytest.raises(CheckpointError, match="cannot be reached"):
        find_checkpoint(REPOSITORY)
    assert addresses == [("proxy.example", 3128)]


def test_offline_mode_does_not_try_to_connect_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_lookup, "is_offline_mode", lambda: True)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE forbids asking"):
        find_checkpoint(REPOSITORY)


def test_without_a_network_the_cache_is_used_and_gives_the_commit(cache: Path, tiny_checkpoint: Path) -> None:
    put_into_cache(cache, tiny_checkpoint)
    checkpoint = find_checkpoint(REPOSITORY)
    assert (checkpoint.name, checkpoint.revision, checkpoint.is_from_cache) == (REPOSITORY, COMMIT, True)
    assert (checkpoint.folder / "model.safetensors").is_file()


def test_a_cached_commit_is_used_without_asking(
    cache: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into_cache(cache, tiny_checkpoint)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    assert find_checkpoint(REPOSITORY, COMMIT).revision == COMMIT


def test_a_download_that_was_cut_short_does_not_count_as_cached(cache: Path, tiny_checkpoint: Path) -> None:
    (tiny_checkpoint / "model.safetensors").unlink()
    put_into_cache(cache, tiny_checkpoint)
    with pytest.raises(CheckpointError, match="nor in the local cache"):
        find_checkpoint(REPOSITORY)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (RepositoryNotFoundError, "neither a folder here nor on the Hub, or it is private and you are not logged in"),
        (GatedRepoError, "is gated: accept its terms at .*nobody/Depth-Anything-Test-hf and log in"),
        (RevisionNotFoundError, "has no revision 'v9'"),
        (ConnectionError, r"did not deliver it \(as the Hub words it\)"),
    ],
)
def test_each_refusal_of_the_hub_has_its_own_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], message: str
) -> None:
    connect(monkeypatch, hub_error(kind))
    with pytest.raises(CheckpointError, match=message) as caught:
        find_checkpoint(REPOSITORY, "v9")
    assert "\n" not in str(caught.value)


def test_a_repository_in_another_format_is_refused_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = SimpleNamespace(rfilename="depth_anything_v2_vits.pth")
    connect(monkeypatch, SimpleNamespace(sha=COMMIT, siblings=[weights]))
    monkeypatch.setattr(checkpoint_lookup, "snapshot_download", lambda *_, **__: pytest.fail("downloaded"))
    with pytest.raises(CheckpointError, match=r"has no config\.json, so it is not in transformers' format"):
        find_checkpoint(REPOSITORY)


def test_a_download_is_pinned_to_the_commit_and_takes_one_format_of_the_weights(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path
) -> None:
    calls = []
    names = ["config.json", "model.safetensors", "pytorch_model.bin", "README.md"]
    connect(monkeypatch, SimpleNamespace(sha=COMMIT, siblings=[SimpleNamespace(rfilename=name) for name in names]))
    monkeypatch.setattr(
        checkpoint_lookup, "snapshot_download", lambda *args, **kwargs: calls.append((args, kwargs)) or tiny_checkpoint
    )
    checkpoint = find_checkpoint(REPOSITORY)
    assert (checkpoint.revision, checkpoint.is_from_cache) == (COMMIT, False)
    patterns = ["*.json", "README.md", "model*.safetensors"]
    assert calls == [((REPOSITORY,), {"revision": COMMIT, "allow_patterns": patterns})]


@pytest.mark.parametrize(
    ("front_matter", "licence"),
    [
        ("license: apache-2.0", "apache-2.0"),
        ("license: other\nlicense_name: my-terms", "my-terms"),
        ("license:\n- mit\n- apache-2.0", "mit, apache-2.0"),
        ("tags: [depth]", "unknown"),
        ("license: [broken", "unknown"),
    ],
)
def test_the_licence_is_what_the_readme_states_and_unknown_otherwise(
    tmp_path: Path, front_matter: str, licence: str
) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front_matter}\n---\n# Card\n")
    assert licence_of("somewhere/else", tmp_path) == licence


def test_a_released_checkpoint_without_a_readme_has_the_licence_that_its_authors_state(tmp_path: Path) -> None:
    assert licence_of("depth-anything/Depth-Anything-V2-Small-hf", tmp_path) == "apache-2.0"
    assert licence_of("depth-anything/Depth-Anything-V2-Large-hf", tmp_path) == "cc-by-nc-4.0"
    assert licence_of("depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf", tmp_path) == "unknown"


def test_licences_that_limit_use_or_are_unknown_get_a_notice_and_free_ones_do_not() -> None:
    assert "not for commercial use" in str(licence_notice("a/b", "cc-by-nc-4.0"))
    assert "is unknown" in str(licence_notice("a/b", "unknown"))
    assert licence_notice("a/b", "apache-2.0") is None
