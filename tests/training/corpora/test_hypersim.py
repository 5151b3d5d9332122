import csv
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from depth_anything.training.corpora.hypersim import HypersimReader, z_per_distance
from depth_anything.training.corpora.reader import CorpusError
from depth_anything.training.corpora.sample import Reason, Sample

Write = Callable[[str, bytes], Path]
Encode = Callable[..., bytes]
HEIGHT, WIDTH = 96, 128


@pytest.fixture
def add(tmp_path: Path, write: Write, encoded: Encode) -> Callable[..., None]:
    def add_frame(distance: np.ndarray, scene: str = "ai_001_001", camera: str = "cam_00", frame: int = 0) -> None:
        folder = f"{scene}/images/scene_{camera}"
        write(f"{folder}_final_preview/frame.{frame:04d}.tonemap.jpg", encoded(0, "JPEG", distance.shape[::-1]))
        write(f"{folder}_final_preview/frame.{frame:04d}.color.jpg", encoded(1, "JPEG", distance.shape[::-1]))
        path = tmp_path / f"{folder}_geometry_hdf5/frame.{frame:04d}.depth_meters.hdf5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file.create_dataset("dataset", data=distance.astype(np.float16), compression="gzip", chunks=(96, 128))

    return add_frame


def projection(fx: float, fy: float, cx: float, cy: float) -> dict[str, float]:
    """The row of a camera that is neither turned nor tilted, by the formulas of the data set's users."""
    row = {f"M_proj_{i}{j}": 0.0 for i in range(4) for j in range(4)}
    row |= {"M_proj_00": 2 * fx / WIDTH, "M_proj_11": 2 * fy / HEIGHT, "M_proj_32": -1.0}
    return row | {"M_proj_02": 1 - 2 * cx / WIDTH, "M_proj_12": 2 * cy / HEIGHT - 1}


def write_table(path: Path, rows: dict[str, dict[str, float]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["scene_name", *next(iter(rows.values()))])
        writer.writeheader()
        writer.writerows({"scene_name": name, **row} for name, row in rows.items())


def test_a_constant_distance_is_farthest_in_the_centre_and_nearest_in_the_corners(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable
) -> None:
    add(np.full((HEIGHT, WIDTH), 5.0))
    samples = samples_of(HypersimReader("hypersim", tmp_path))
    assert list(samples) == ["ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg"]
    label = samples.popitem()[1].label
    assert label.max() == label[HEIGHT // 2, WIDTH // 2]
    assert label.min() == label[0, 0] == pytest.approx(label[-1, -1])
    assert label[0, 0] == pytest.approx(label[0, -1])


def test_without_a_table_z_is_that_of_the_documented_focal_length(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    distance = np.linspace(2, 9, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float16)
    add(distance)
    label = samples_of(HypersimReader("hypersim", tmp_path)).popitem()[1].label
    assert "the focal length of most scenes stands for all" in caplog.text
    focal = 886.81 * WIDTH / 1024
    for row, column in ((0, 0), (10, 100), (95, 64), (48, 127)):
        x, y = column - (WIDTH - 1) / 2, row - (HEIGHT - 1) / 2
        expected = float(distance[row, column]) * focal / (x * x + y * y + focal * focal) ** 0.5
        assert label[row, column] == pytest.approx(expected, rel=1e-5)


def test_with_a_table_z_is_that_of_the_scenes_own_shifted_camera(
    tmp_path: Path, add: Callable[..., None], samples_of: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    fx, fy, cx, cy = 81.0, 85.0, 70.5, 40.25
    distance = np.linspace(2, 9, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float16)
    add(distance)
    table = {"ai_001_001": projection(fx, fy, cx, cy), "ai_002_001": projection(2, 2, 0, 0)}
    write_table(tmp_path / "metadata_camera_parameters.csv", table)
    label = samples_of(HypersimReader("hypersim", tmp_path)).popitem()[1].label
    assert not caplog.text
    for row, column in ((0, 0), (10, 100), (95, 64), (40, 70)):
        x, y = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
        expected = float(distance[row, column]) / (x * x + y * y + 1) ** 0.5
        assert label[row, column] == pytest.approx(expected, rel=1e-5)


def test_nan_infinity_and_0_have_no_label(tmp_path: Path, add: Callable[..., None], samples_of: Callable) -> None:
    distance = np.full((HEIGHT, WIDTH), 5.0)
    distance[3, :3] = [np.nan, np.inf, 0]
    add(distance)
    sample = samples_of(HypersimReader("hypersim", tmp_path)).popitem()[1]
    assert np.argwhere(~sample.valid).tolist() == [[3, 0], [3, 1], [3, 2]]
    assert np.isfinite(sample.label).all()
    add(np.full((HEIGHT, WIDTH), np.nan))
    assert samples_of(HypersimReader("hypersim", tmp_path)).popitem()[1].reason is Reason.EMPTY_LABEL


def test_a_table_that_lacks_a_scene_or_a_column_stops_the_corpus(tmp_path: Path, add: Callable[..., None]) -> None:
    add(np.full((HEIGHT, WIDTH), 5.0))
    write_table(tmp_path / "other.csv", {"ai_009_009": projection(80, 80, 64, 48)})
    with pytest.raises(CorpusError, match="the table of cameras has no scene 'ai_001_001'"):
        list(HypersimReader("hypersim", tmp_path, camera_table=tmp_path / "other.csv").items())
    (tmp_path / "bad.csv").write_text("scene_name,a\nai_001_001,1\n")
    with pytest.raises(CorpusError, match=r"bad\.csv: no table of Hypersim's cameras"):
        HypersimReader("hypersim", tmp_path, camera_table=tmp_path / "bad.csv")
    with pytest.raises(CorpusError, match=r"none\.csv: the table of cameras cannot be read"):
        HypersimReader("hypersim", tmp_path, camera_table=tmp_path / "none.csv")


def test_a_split_table_chooses_the_frames(tmp_path: Path, add: Callable[..., None]) -> None:
    for frame in range(4):
        add(np.full((HEIGHT, WIDTH), 5.0), frame=frame)
    add(np.full((HEIGHT, WIDTH), 5.0), camera="cam_01", frame=1)
    table = tmp_path / "split.csv"
    rows = [("cam_00", 0, "train"), ("cam_00", 1, "val"), ("cam_01", 1, "train"), ("cam_00", 3, "")]
    lines = [f"ai_001_001,{camera},{frame},True,,{part}" for camera, frame, part in rows]
    header = "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
    table.write_text("\n".join([header, *lines]))

    def frames(partition: str) -> list[str]:
        reader = HypersimReader("hypersim", tmp_path, split_table=table, partition=partition)
        return [item.key.removeprefix("ai_001_001/images/scene_")[:32] for item in reader.items()]

    assert frames("train") == ["cam_00_final_preview/frame.0000.", "cam_01_final_preview/frame.0001."]
    assert frames("val") == ["cam_00_final_preview/frame.0001."]
    with pytest.raises(CorpusError, match="no frame of the partition 'trian'"):
        frames("trian")


def test_a_tilted_camera_keeps_flat_walls_flat() -> None:
    # A wall m . X = 1 has a disparity that is linear in the picture only along the normal of the picture's plane.
    tilt = np.array([[1.7, 0.001, -0.12], [0, 2.3, 0.21], [0, 0.09, -0.99]])
    height, width = 48, 64
    ratio = z_per_distance(tilt, height, width).astype(np.float64)
    wall = np.array([0.05, -0.1, -0.3])
    disparity = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            u, v = (2 * column + 1) / width - 1, 1 - (2 * row + 1) / height
            ray = np.linalg.solve(tilt, [u, v, 1])
            point = ray / (wall @ ray)
            disparity[row, column] = 1 / (np.linalg.norm(point) * ratio[row, column])
    rows, columns = np.mgrid[:height, :width]
    design = np.stack([rows.ravel(), columns.ravel(), np.ones(rows.size)], 1)
    residual = disparity.ravel() - design @ np.linalg.lstsq(design, disparity.ravel(), rcond=None)[0]
    assert np.abs(residual).max() < 1e-6 * disparity.max()


def test_the_real_frame_and_its_real_camera(
    shared_dir: Path, tmp_path: Path, write: Write, encoded: Encode, samples_of: Callable
) -> None:
    source = shared_dir / "rgbd" / "hypersim_depth_only"
    # The repository of the data set has no picture of this frame: put one into a folder of links.
    scene = tmp_path / "ai_037_002" / "images"
    scene.mkdir(parents=True)
    name = "scene_cam_00_geometry_hdf5"
    (scene / name).symlink_to(source / "ai_037_002/images" / name, target_is_directory=True)
    preview = "ai_037_002/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg"
    write(preview, encoded(0, "JPEG", (1024, 768)))
    table = source / "metadata_camera_parameters_ai_037_002.csv"
    sample = samples_of(HypersimReader("hypersim", tmp_path, camera_table=table))[preview]
    assert isinstance(sample, Sample)
    with h5py.File(scene / name / "frame.0000.depth_meters.hdf5") as file:
        distance = np.asarray(file["dataset"], np.float64)
    header, row = (line.split(",") for line in table.read_text().splitlines())
    # Its colours hold commas without quotes, which move what stands before the matrices.
    assert len(row) > len(header)
    names = [f"M_cam_from_uv_{i}{j}" for i in range(3) for j in range(3)]
    to_ray = np.array([float(row[header.index(name) - len(header)]) for name in names]).reshape(3, 3)
    # The table's other matrix gives the same rays; the picture's plane is spanned by its first two columns.
    normal = np.cross(to_ray[:, 0], to_ray[:, 1])
    normal /= -np.linalg.norm(normal)
    for at_row, at_column in ((0, 0), (100, 900), (384, 512), (767, 1023)):
        ray = to_ray @ [(2 * at_column + 1) / 1024 - 1, 1 - (2 * at_row + 1) / 768, 1]
        point = distance[at_row, at_column] * ray / np.linalg.norm(ray)
        assert sample.label[at_row, at_column] == pytest.approx(point @ normal, rel=1e-5)
