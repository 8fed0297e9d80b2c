"""Images, recordings and other files, measured from their content."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from edge_runner.contracts.file_columns import FILE_COLUMNS
from edge_runner.contracts.model import Column
from edge_runner.tables.files import DataFile
from edge_runner.tables.media_files import measure, table_of_files


def image(kind, size=(64, 48)):
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def sound(kind, seconds=2.0, rate=8000):
    noise = np.random.default_rng(0).normal(size=(int(seconds * rate), 2)) / 10
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, rate, format=kind)
    return buffer.getvalue()


def measured(folder, content, *wanted):
    path = folder / "file.bin"  # the name says nothing
    path.write_bytes(content)
    return measure(DataFile(path, "train/a/file.bin", "train"), frozenset(wanted or FILE_COLUMNS))


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tiff"), ("WEBP", "webp")],
)
def test_images_are_known_by_content(tmp_path, kind, media_type):
    found = measured(tmp_path, image(kind))
    assert (found["media_type"], found["width"], found["height"]) == (f"image/{media_type}", 64, 48)
    assert (found["decodable"], found["duration_s"]) == (True, None)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mpeg"), ("AIFF", "aiff")],
)
def test_recordings_are_known_by_content(tmp_path, kind, media_type):
    found = measured(tmp_path, sound(kind))
    assert found["media_type"] == f"audio/{media_type}"
    assert (found["sample_rate"], found["channels"], found["decodable"]) == (8000, 2, True)
    assert found["duration_s"] == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("content", [image("PNG"), image("JPEG"), sound("FLAC")])
def test_file_that_ends_early_is_not_decodable(tmp_path, content):
    found = measured(tmp_path, content[: len(content) // 2])
    assert found["decodable"] is False
    assert found["media_type"] is not None


@pytest.mark.parametrize(
    ("content", "media_type"), [(b"%PDF-1.4\n", "application/pdf"), (b"plain text", None), (b"", None)]
)
def test_other_files_are_known_by_their_magic_number_if_at_all(tmp_path, content, media_type):
    found = measured(tmp_path, content)
    assert (found["media_type"], found["decodable"]) == (media_type, False)


def test_image_that_would_unpack_to_gigabytes_is_not_decodable(tmp_path):
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    assert measured(tmp_path, buffer.getvalue())["decodable"] is False


def test_what_decoders_say_of_a_single_image_is_not_told(tmp_path, recwarn):
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 10_000)).save(path)
    columns = (Column("width", "integer"),)
    table = table_of_files(columns, [DataFile(path, "holdout/large.png", "holdout")], tmp_path / "scratch")
    assert table.frame().collect()["width"].to_list() == [10_000]
    assert len(recwarn) == 0


def test_file_is_not_opened_for_its_path_and_size(tmp_path):
    found = measured(tmp_path, image("PNG"), "path", "size_bytes")
    assert (found["path"], found["size_bytes"]) == ("a/file.bin", len(image("PNG")))
    assert found["media_type"] is None
