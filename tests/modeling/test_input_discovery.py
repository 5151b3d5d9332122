import json
from pathlib import Path

import pytest

from depth_anything.command_errors import UsageError
from depth_anything.input_discovery import Discovery, discover_inputs
from depth_anything.output_records import RECORD_FORMAT

OUTDIR = Path("out")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty folder, so that relative paths read as a user would write them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read by discovery")


def stems(*arguments: str, outdir: Path = OUTDIR) -> dict[str, str]:
    """Output stem of every input, by the input's path."""
    return by_path(discover_inputs(arguments, outdir))


def by_path(discovery: Discovery) -> dict[str, str]:
    return {image.path.as_posix(): str(image.output_stem) for image in discovery.images}


def test_an_image_goes_flat_into_the_output() -> None:
    make("deep/in/photo.jpg")
    assert stems("deep/in/photo.jpg") == {"deep/in/photo.jpg": "photo"}


def test_a_folder_is_read_with_its_sub_folders_which_the_output_keeps() -> None:
    make("photos/b.png", "photos/a.jpg", "photos/x/y/c.JPEG")
    assert list(stems("photos").items()) == [
        ("photos/a.jpg", "a"),
        ("photos/b.png", "b"),
        ("photos/x/y/c.JPEG", "x/y/c"),
    ]


def test_a_folder_is_read_without_hidden_files_other_files_and_the_output_folder() -> None:
    make("photos/a.jpg", "photos/.b.jpg", "photos/.cache/c.jpg", "photos/notes.md", "photos/out/a.png")
    assert stems("photos", outdir=Path("photos/out")) == {"photos/a.jpg": "a"}


def test_a_folder_that_is_the_output_too_is_refused() -> None:
    make("photos/a.jpg")
    with pytest.raises(UsageError, match="photos: the input folder is the output folder too"):
        stems("photos", outdir=Path("photos/../photos"))


def test_a_glob_keeps_the_folders_below_its_fixed_part() -> None:
    make("clip/cam1/0.png", "clip/cam2/0.png", "clip/cam2/0.txt")
    assert stems("clip/*/0.*") == {"clip/cam1/0.png": "cam1/0", "clip/cam2/0.png": "cam2/0"}


def test_a_glob_with_two_stars_reads_all_depths() -> None:
    make("clip/0.png", "clip/a/b/1.png")
    assert stems("clip/**/*.png") == {"clip/0.png": "0", "clip/a/b/1.png": "a/b/1"}


def test_a_file_whose_name_looks_like_a_glob_is_that_file() -> None:
    make("shot[1].png", "shot1.png")
    assert stems("shot[1].png") == {"shot[1].png": "shot[1]"}


def test_a_list_names_one_file_per_line_without_comments_and_blank_lines() -> None:
    make("a.jpg", "b # not a comment.jpg")
    Path("list.txt").write_text("# both\na.jpg\n\n  b # not a comment.jpg  \n", encoding="utf-8-sig")
    assert stems("list.txt") == {"a.jpg": "a", "b # not a comment.jpg": "b # not a comment"}


def test_a_list_is_relative_to_its_folder_and_then_to_the_working_directory() -> None:
    make("data/a.jpg", "a.jpg", "b.jpg")
    Path("data/list.txt").write_text("a.jpg\nb.jpg\n")
    assert list(stems("data/list.txt")) == ["data/a.jpg", "b.jpg"]


def test_a_line_that_names_no_file_stays_an_input_so_that_it_is_reported_and_the_rest_goes_on() -> None:
    make("a.jpg")
    Path("list.txt").write_text("gone.jpg\na.jpg\n")
    assert list(stems("list.txt")) == ["gone.jpg", "a.jpg"]


def test_a_file_that_is_named_twice_is_one_input() -> None:
    make("photos/a.jpg")
    assert len(discover_inputs(["photos", "photos/../photos/a.jpg", "photos/*.jpg"], OUTDIR).images) == 1


def test_files_with_one_stem_keep_their_whole_names_and_the_others_do_not() -> None:
    make("photos/a.png", "photos/a.jpg", "photos/b.jpg")
    assert stems("photos") == {"photos/a.jpg": "a.jpg", "photos/a.png": "a.png", "photos/b.jpg": "b"}


def test_stems_that_differ_in_case_alone_are_told_apart_for_disks_that_ignore_it() -> None:
    make("photos/A.png", "photos/a.jpg")
    assert stems("photos") == {"photos/A.png": "A.png", "photos/a.jpg": "a.jpg"}


def test_names_that_differ_in_case_alone_get_a_digest_of_their_path() -> None:
    make("photos/A.png", "photos/a.png")
    if len(list(Path("photos").iterdir())) < 2:
        pytest.skip("the disk of this machine ignores letter case, so the two files are one")
    first, second = stems("photos").values()
    assert first.startswith("A.png-")
    assert second.startswith("a.png-")
    assert first.casefold() != second.casefold()


def test_an_image_whose_name_is_another_ones_output_keeps_its_whole_name() -> None:
    make("photos/a.jpg", "photos/a_color.jpg", "photos/a_16bit.jpg", "photos/b.jpg")
    assert set(stems("photos").values()) == {"a.jpg", "a_color.jpg", "a_16bit.jpg", "b"}


def test_files_of_one_name_that_are_named_one_by_one_keep_their_folders() -> None:
    make("clip/cam1/0.png", "clip/cam2/0.png", "clip/1.png")
    assert stems("clip/cam1/0.png", "clip/cam2/0.png", "clip/1.png") == {
        "clip/cam1/0.png": "cam1/0",
        "clip/cam2/0.png": "cam2/0",
        "clip/1.png": "1",
    }


def test_two_folders_are_told_apart_by_their_names() -> None:
    make("left/0.png", "right/0.png", "right/1.png")
    assert set(stems("left", "right").values()) == {"left/0", "right/0", "right/1"}


def test_two_folders_of_one_name_are_told_apart_by_their_parents() -> None:
    make("day/cam/0.png", "night/cam/0.png")
    assert set(stems("day/cam", "night/cam").values()) == {"day/cam/0", "night/cam/0"}


def test_outputs_do_not_depend_on_what_the_output_folder_holds() -> None:
    make("photos/a.png", "photos/b.jpg")
    before = stems("photos")
    make("out/a.npy", "out/a.json", "out/b.png")
    assert stems("photos") == before


@pytest.mark.parametrize("argument", ["missing.jpg", "missing", "none/*.png", "list.txt"])
def test_an_argument_that_matches_nothing_is_refused_by_name(argument: str) -> None:
    with pytest.raises(UsageError, match=r"^" + argument.replace("*", r"\*")):
        stems(argument)


def test_a_folder_without_images_is_refused() -> None:
    make("notes/a.md")
    with pytest.raises(UsageError, match=r"notes: no image in it; read are .*\.jpg"):
        stems("notes")


def test_a_list_that_names_nothing_is_refused() -> None:
    Path("list.txt").write_text("# nothing\n")
    with pytest.raises(UsageError, match=r"list\.txt: the list names no file"):
        stems("list.txt")


def test_an_empty_argument_is_refused_and_is_not_the_working_directory() -> None:
    make("a.jpg")
    with pytest.raises(UsageError, match="empty string"):
        stems("")


@pytest.mark.parametrize("name", ["clip.mp4", "CLIP.MOV", "clip.webm"])
def test_a_video_is_refused_with_a_sentence(name: str) -> None:
    make(name)
    with pytest.raises(UsageError, match="videos are not read yet; extract the frames"):
        stems(name)


def test_videos_in_a_folder_are_left_out_and_counted() -> None:
    make("photos/a.jpg", "photos/b.mp4", "photos/x/c.avi")
    discovery = discover_inputs(["photos"], OUTDIR)
    assert list(by_path(discovery)) == ["photos/a.jpg"]
    assert [path.name for path in discovery.skipped_videos] == ["b.mp4", "c.avi"]


def write_record(path: str, *names: str) -> None:
    Path(path).write_text(json.dumps({"format": RECORD_FORMAT, "files": {name: {} for name in names}}))


@pytest.mark.parametrize("argument", ["g/*", "g"])
def test_what_a_record_lists_is_no_input_again(argument: str) -> None:
    make("g/a.jpg", "g/a.png", "g/a_color.png", "g/b.png")
    write_record("g/a.json", "a.png", "a_color.png")
    Path("g/b.json").write_text("{}")
    assert list(stems(argument, outdir=Path("g" if "*" in argument else "out"))) == ["g/a.jpg", "g/b.png"]


@pytest.mark.parametrize("argument", ["photos", "photos/**/*.png"])
def test_a_link_to_the_output_folder_is_the_output_folder(argument: str) -> None:
    make("photos/a.png", "photos/out/b.png")
    Path("link").symlink_to("photos/out")
    assert list(stems(argument, outdir=Path("link"))) == ["photos/a.png"]


def test_a_folder_that_is_the_output_by_a_link_is_refused() -> None:
    make("photos/a.png")
    Path("link").symlink_to("photos")
    with pytest.raises(UsageError, match="photos: the input folder is the output folder too"):
        stems("photos", outdir=Path("link"))


def test_a_folder_of_videos_alone_is_refused_with_the_sentence_on_videos() -> None:
    make("clips/a.mp4")
    with pytest.raises(UsageError, match="clips: no image in it, and videos are not read yet"):
        stems("clips")


def test_a_video_in_a_list_is_refused_with_the_sentence_on_videos() -> None:
    make("a.jpg", "b.mp4")
    Path("list.txt").write_text("a.jpg\nb.mp4\n")
    with pytest.raises(UsageError, match=r"b\.mp4: videos are not read yet"):
        stems("list.txt")


def test_pictures_of_other_kinds_in_a_folder_are_left_out_and_counted() -> None:
    make("photos/a.jpg", "photos/b.HEIC", "photos/c.dng", "photos/notes.md")
    assert [path.name for path in discover_inputs(["photos"], OUTDIR).skipped_pictures] == ["b.HEIC", "c.dng"]
