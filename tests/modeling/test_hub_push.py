"""Pushing to the Hub, by its own client to a server on this machine that can fail on order."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load as load_tensors

from depth_anything import DepthAnythingForDepthEstimation, DepthAnythingImageProcessor
from depth_anything.checkpoint_cards import trained_facts
from depth_anything.checkpoint_folder import CheckedFolder, check_folder
from depth_anything.checkpoint_loading import load_model
from depth_anything.checkpoint_lookup import Checkpoint
from depth_anything.cli import main
from depth_anything.hub_push import PushError, push_folder
from depth_anything.model_card import build_card, is_untouched

REPOSITORY = "ada/depth"


@pytest.fixture
def described(tiny_checkpoint: Path, tiny_model: DepthAnythingForDepthEstimation) -> Path:
    """`tiny_checkpoint` with a model card."""
    facts = trained_facts(tiny_model.config, model_id="here", parameters=1, base=None, licence="apache-2.0")
    build_card(facts).save(tiny_checkpoint / "README.md")
    return tiny_checkpoint


@pytest.fixture
def checked(described: Path) -> CheckedFolder:
    return check_folder(described)


def weights_of(hub: Any, repo_id: str = REPOSITORY) -> bytes:
    content: bytes = hub.repositories[repo_id].files["model.safetensors"]
    return content


def test_a_folder_arrives_whole_in_one_commit(hub: Any, checked: CheckedFolder) -> None:
    push = push_folder(checked, REPOSITORY, message="First weights")
    repository = hub.repositories[REPOSITORY]
    assert [commit.message for commit in repository.commits] == ["initial commit", "First weights"]
    assert push.url == f"{hub.url}/{REPOSITORY}/commit/{repository.commits[-1].oid}"
    assert not repository.private
    local = {path.name: path.read_bytes() for path in checked.folder.iterdir()}
    assert set(repository.files) == {*local, ".gitattributes"}
    assert {name for name, content in local.items() if repository.files[name] != content} == {"README.md"}


def test_the_card_that_arrives_names_the_repository_in_its_code(hub: Any, checked: CheckedFolder) -> None:
    push_folder(checked, REPOSITORY)
    card = hub.repositories[REPOSITORY].files["README.md"].decode()
    assert f'DepthPredictor("{REPOSITORY}")' in card
    assert is_untouched(card)
    assert 'DepthPredictor("here")' in (checked.folder / "README.md").read_text()


def test_a_name_without_an_owner_is_in_the_users_own_namespace(hub: Any, checked: CheckedFolder) -> None:
    assert push_folder(checked, "depth").repo_id == REPOSITORY
    assert weights_of(hub)


def test_an_organisation_of_the_user_can_own_the_repository(hub: Any, checked: CheckedFolder) -> None:
    push_folder(checked, "lab/depth", is_private=True)
    assert hub.repositories["lab/depth"].private


@pytest.mark.parametrize(
    "call",
    [
        "GET /api/whoami-v2",
        "GET /api/models/",
        "POST /api/repos/create",
        "POST /api/validate-yaml",
        "POST /api/models/ada/depth/preupload",
        "POST /ada/depth.git/info/lfs",
        "PUT /storage",
        "POST /api/models/ada/depth/commit",
    ],
)
@pytest.mark.parametrize(("kind", "times"), [("status", 2), ("cut", 1), ("lost", 1)])
def test_a_call_that_fails_is_done_again_and_makes_no_second_commit(
    hub: Any, checked: CheckedFolder, call: str, kind: str, times: int
) -> None:
    hub.order(call, kind, times=times)
    push_folder(checked, REPOSITORY)
    assert hub.faults[0].times == 0
    assert len(hub.repositories[REPOSITORY].commits) == 2
    assert weights_of(hub) == (checked.folder / "model.safetensors").read_bytes()


def test_the_parts_of_a_large_file_survive_a_connection_cut_half_way(hub: Any, checked: CheckedFolder) -> None:
    hub.part_size = 50_000
    size = (checked.folder / "model.safetensors").stat().st_size
    assert size > 3 * hub.part_size
    hub.order("PUT /storage", "cut")
    push_folder(checked, REPOSITORY)
    assert weights_of(hub) == (checked.folder / "model.safetensors").read_bytes()


def test_where_xet_storage_cannot_be_reached_the_weights_go_by_lfs(
    hub: Any, checked: CheckedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    push_folder(checked, REPOSITORY)
    assert len(hub.repositories[REPOSITORY].commits) == 2
    assert weights_of(hub) == (checked.folder / "model.safetensors").read_bytes()


def test_a_push_that_broke_off_goes_on_without_sending_the_weights_again(hub: Any, checked: CheckedFolder) -> None:
    hub.order("POST /api/models/ada/depth/commit", "status", times=100)
    with pytest.raises(PushError, match=r"the upload failed for ada/depth: .*503.*the same command goes on"):
        push_folder(checked, REPOSITORY)
    assert len(hub.repositories[REPOSITORY].commits) == 1
    assert len(hub.calls_that_begin("PUT /storage")) == 1
    hub.faults.clear()
    push_folder(checked, REPOSITORY)
    assert len(hub.calls_that_begin("PUT /storage")) == 1
    assert len(hub.repositories[REPOSITORY].commits) == 2


def test_an_unchanged_folder_makes_no_commit(hub: Any, checked: CheckedFolder) -> None:
    first = push_folder(checked, REPOSITORY)
    assert push_folder(checked, REPOSITORY).url == first.url
    assert len(hub.repositories[REPOSITORY].commits) == 2


def test_an_answer_that_another_try_cannot_change_is_not_waited_for(hub: Any, checked: CheckedFolder) -> None:
    hub.order("POST /api/models/ada/depth/commit", "status", status=403, times=100)
    with pytest.raises(PushError, match="may not write to ada/depth"):
        push_folder(checked, REPOSITORY)
    assert len(hub.calls_that_begin("POST /api/models/ada/depth/commit")) == 1


def test_weights_of_an_earlier_push_do_not_stay_beside_the_new_ones(
    hub: Any, checked: CheckedFolder, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    push_folder(checked, REPOSITORY)
    (checked.folder / "model.safetensors").unlink()
    tiny_model.save_pretrained(checked.folder, max_shard_size="60KB")
    shards = {path.name for path in checked.folder.glob("model-*.safetensors")}
    assert len(shards) > 1
    push = push_folder(check_folder(checked.folder), REPOSITORY)
    assert push.deleted == ("model.safetensors",)
    assert {name for name in hub.repositories[REPOSITORY].files if name.endswith(".safetensors")} == shards
    assert len(hub.repositories[REPOSITORY].commits) == 3


def test_private_weights_never_go_to_a_public_repository(hub: Any, checked: CheckedFolder) -> None:
    hub.create(REPOSITORY)
    with pytest.raises(PushError, match="exists and is public"):
        push_folder(checked, REPOSITORY, is_private=True)
    assert len(hub.repositories[REPOSITORY].commits) == 1


@pytest.mark.parametrize(
    ("repo_id", "message"),
    [
        ("eve/depth", r"would belong to 'eve', and this token is of 'ada', who can push to ada, lab"),
        ("a/b/c", r"repository name 'a/b/c' cannot be used"),
        ("ada/de pth", r"repository name 'ada/de pth' cannot be used"),
    ],
)
def test_a_repository_that_cannot_be_written_is_refused_before_anything_is_sent(
    hub: Any, checked: CheckedFolder, repo_id: str, message: str
) -> None:
    with pytest.raises(PushError, match=message):
        push_folder(checked, repo_id)
    assert not hub.repositories
    assert not hub.calls_that_begin("P")


def test_a_token_that_may_only_read_is_refused_before_anything_is_sent(hub: Any, checked: CheckedFolder) -> None:
    hub.token_role = "read"
    with pytest.raises(PushError, match="may only read"):
        push_folder(checked, REPOSITORY)
    assert not hub.repositories


def test_a_token_that_the_hub_does_not_know_is_refused_at_once(hub: Any, checked: CheckedFolder) -> None:
    with pytest.raises(PushError, match="refuses the token: log in by `hf auth login`"):
        push_folder(checked, REPOSITORY, token="hf_other")
    assert len(hub.calls) == 1


def test_without_a_token_nothing_is_sent(
    hub: Any, checked: CheckedFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with pytest.raises(PushError, match=r"no token .*hf auth login.*HF_TOKEN"):
        push_folder(checked, REPOSITORY)
    assert not hub.calls


def test_the_command_checks_the_folder_before_it_speaks_to_the_hub(
    hub: Any, described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (described / "optimizer.pt").write_bytes(b"anything")
    assert main(["push", str(described), REPOSITORY]) == 1
    assert "optimizer.pt" in capsys.readouterr().err
    assert not hub.calls


def test_the_command_pushes_and_prints_where_to(hub: Any, described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (described / ".cache").mkdir()
    (described / ".cache" / "notes").write_text("mine")
    assert main(["push", str(described), REPOSITORY, "--private"]) == 0
    printed = capsys.readouterr().out
    assert f"{hub.url}/{REPOSITORY}/commit/" in printed
    assert "left out: .cache/notes" in printed
    assert hub.repositories[REPOSITORY].private
    assert ".cache/notes" not in hub.repositories[REPOSITORY].files


def test_a_folder_without_a_card_gets_one_where_the_licence_is_said(
    hub: Any, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(tiny_checkpoint), REPOSITORY]) == 1
    assert "say --license" in capsys.readouterr().err
    base = "depth-anything/Depth-Anything-V2-Small-hf"
    assert main(["push", str(tiny_checkpoint), REPOSITORY, "--license", "mit", "--base-model", base]) == 0
    card = hub.repositories[REPOSITORY].files["README.md"].decode()
    assert "license: mit" in card
    assert f"base_model: {base}" in card
    assert (tiny_checkpoint / "README.md").read_text() == card


def test_the_command_does_not_overwrite_a_card(hub: Any, described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(described), REPOSITORY, "--license", "mit"]) == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert not hub.calls


def test_push_to_hub_of_the_model_writes_a_card_with_the_terms_of_its_base(
    hub: Any, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    tiny_model.config._name_or_path = tiny_model.name_or_path = "depth-anything/Depth-Anything-V2-Large-hf"
    tiny_model.push_to_hub(REPOSITORY)
    card = hub.repositories[REPOSITORY].files["README.md"].decode()
    assert "license: cc-by-nc-4.0" in card
    assert "base_model: depth-anything/Depth-Anything-V2-Large-hf" in card
    assert "larger is nearer" in card


def test_push_to_hub_of_the_processor_leaves_the_models_card_and_the_other_way_round(
    hub: Any, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    DepthAnythingImageProcessor().push_to_hub(REPOSITORY)
    assert "image processor" in hub.repositories[REPOSITORY].files["README.md"].decode()
    tiny_model.push_to_hub(REPOSITORY)
    card = hub.repositories[REPOSITORY].files["README.md"]
    assert b"larger is nearer" in card
    DepthAnythingImageProcessor().push_to_hub(REPOSITORY)
    assert hub.repositories[REPOSITORY].files["README.md"] == card
    assert "preprocessor_config.json" in hub.repositories[REPOSITORY].files


def test_push_to_hub_never_replaces_a_card_that_somebody_wrote(
    hub: Any, tiny_model: DepthAnythingForDepthEstimation
) -> None:
    own = b"---\nlicense: mit\n---\n# Mine\n"
    hub.create(REPOSITORY, files={"README.md": own})
    tiny_model.push_to_hub(REPOSITORY)
    assert hub.repositories[REPOSITORY].files["README.md"] == own


def test_save_pretrained_with_push_to_hub_writes_the_card_too(
    hub: Any, tiny_model: DepthAnythingForDepthEstimation, tmp_path: Path
) -> None:
    tiny_model.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id=REPOSITORY)
    assert b"larger is nearer" in hub.repositories[REPOSITORY].files["README.md"]


@pytest.mark.parametrize("kind", ["status", "cut", "lost"])
def test_push_to_hub_survives_faults_too(hub: Any, tiny_model: DepthAnythingForDepthEstimation, kind: str) -> None:
    hub.order("PUT /storage", kind)
    hub.order("POST /api/models/ada/depth/commit", kind)
    tiny_model.push_to_hub(REPOSITORY)
    assert len(hub.repositories[REPOSITORY].commits) == 2
    tensors = load_tensors(weights_of(hub))
    assert all(tensors[name].equal(tensor) for name, tensor in tiny_model.state_dict().items())


@pytest.mark.slow
def test_what_from_pretrained_downloads_is_what_was_pushed(fake_hub: Any, described: Path, tmp_path: Path) -> None:
    fake_hub.order("PUT /storage", "cut")
    fake_hub.order("POST /api/models/ada/depth/commit", "status")
    environment = {
        **os.environ,
        "HF_ENDPOINT": fake_hub.url,
        "HF_TOKEN": "hf_secret",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-m", "depth_anything", "push", str(described), REPOSITORY, "--private"]
    pushed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert pushed.returncode == 0, pushed.stderr
    assert f"{fake_hub.url}/{REPOSITORY}/commit/" in pushed.stdout
    script = """
        import sys
        from transformers import DepthAnythingForDepthEstimation
        from transformers.models.auto.image_processing_auto import AutoImageProcessor
        import depth_anything
        repository, folder = sys.argv[1:]
        depth_anything.DepthAnythingForDepthEstimation.from_pretrained(repository).save_pretrained(folder)
        AutoImageProcessor.from_pretrained(repository)
        assert DepthAnythingForDepthEstimation.from_pretrained(repository)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), REPOSITORY, str(tmp_path / "downloaded")]
    downloaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert downloaded.returncode == 0, downloaded.stderr
    expected = load_model(Checkpoint("pushed", described), torch.float32).state_dict()
    found = load_model(Checkpoint("downloaded", tmp_path / "downloaded"), torch.float32).state_dict()
    assert found.keys() == expected.keys()
    assert all(found[name].equal(tensor) for name, tensor in expected.items())
