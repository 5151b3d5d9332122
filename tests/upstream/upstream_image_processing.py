"""transformers' own common tests for image processors, run on our class and on its own.

Not collected by plain `pytest`: `run_upstream.py` fetches the mixin of the installed transformers and runs this.
The environment variable UPSTREAM_SUBJECT chooses the classes under test: `ours` (default) or `native`.
"""

import os
import pickle
import subprocess
import sys
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import torch
from PIL import Image
from tests.test_image_processing_common import ImageProcessingTestMixin, prepare_image_inputs
from transformers.models.auto.image_processing_auto import (
    IMAGE_PROCESSOR_MAPPING_NAMES,
    AutoImageProcessor,
    get_image_processor_class_from_name,
)
from transformers.testing_utils import slow

from depth_anything import DepthAnythingConfig, DepthAnythingImageProcessor

IS_OURS = os.environ.get("UPSTREAM_SUBJECT", "ours") == "ours"
SETTINGS = {
    "do_resize": True,
    "size": {"height": 28, "width": 28},
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
if IS_OURS:
    # Four channels are to stay four, which not every release's test of them asks for itself.
    SETTINGS.update(resize_method="fixed", do_convert_rgb=False)
    # One class serves both backends, as our registration has it.
    CLASSES = {"torchvision": DepthAnythingImageProcessor, "pil": DepthAnythingImageProcessor}
else:
    NAMES = IMAGE_PROCESSOR_MAPPING_NAMES["depth_anything"]
    CLASSES = {backend: get_image_processor_class_from_name(name) for backend, name in NAMES.items()}

WITHOUT_TORCHVISION = """
import pickle, sys
sys.modules["torchvision"] = None  # raises ImportError on `import torchvision`
import depth_anything
from transformers.models.auto.image_processing_auto import AutoImageProcessor

folder, inputs, outputs = sys.argv[1:]
processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
with open(inputs, "rb") as file:
    images = pickle.load(file)
with open(outputs, "wb") as file:
    pickle.dump((type(processor).__name__, processor(images).pixel_values), file)
"""


class DepthAnythingImageProcessingTester:
    """The settings and the random images that the mixin asks for."""

    batch_size = 7
    num_channels = 3
    min_resolution = 30
    max_resolution = 400
    size = SETTINGS["size"]
    image_processing_classes = CLASSES

    def __init__(self, parent):
        self.parent = parent

    def prepare_image_processor_dict(self):
        return dict(SETTINGS)

    def expected_output_image_shape(self, images):
        return self.num_channels, self.size["height"], self.size["width"]

    def prepare_image_inputs(self, **wanted):
        names = ("batch_size", "num_channels", "min_resolution", "max_resolution")
        return prepare_image_inputs(**{**{name: getattr(self, name) for name in names}, **wanted})

    def prepare_processor_inputs(self, **wanted):
        return {"images": self.prepare_image_inputs(**wanted)}


class CommonSetUp(ImageProcessingTestMixin):
    """The mixin on one set of classes, whichever they are."""

    image_processor_tester_class = DepthAnythingImageProcessingTester
    image_processing_classes = CLASSES
    image_processor_dict = SETTINGS
    test_cast_dtype = True

    def setUp(self):
        # The mixin's own set-up differs from release to release, and this replaces all of it.
        self.image_processor_tester = DepthAnythingImageProcessingTester(self)
        photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8))
        replacements = {
            "load_test_image": lambda url: photo,  # the mixin's photograph is on the Hub
            "AutoImageProcessor": AutoImageProcessor,  # 5.17's public name of it needs torchvision
        }
        for name, replacement in replacements.items():
            patch = mock.patch(f"tests.test_image_processing_common.{name}", replacement)
            patch.start()
            self.addCleanup(patch.stop)


class OursByDesign(CommonSetUp):
    """Where our class differs by design: its files name no class, and elsewhere the native one reads them."""

    def setUp(self):
        super().setUp()
        save_processor = DepthAnythingImageProcessor.save_pretrained

        def save_beside_config(processor, folder, **kwargs):
            DepthAnythingConfig().save_pretrained(folder)  # as in every model folder; the Auto class goes by it
            return save_processor(processor, folder, **kwargs)

        patch = mock.patch.object(DepthAnythingImageProcessor, "save_pretrained", save_beside_config)
        patch.start()
        self.addCleanup(patch.stop)

    @slow
    def test_pil_can_run_without_torchvision(self):
        # As upstream's, plus `import depth_anything`: without that line the process would get the native class.
        images = self.image_processor_tester.prepare_image_inputs(equal_resolution=False)
        processor = DepthAnythingImageProcessor(**SETTINGS)
        with TemporaryDirectory() as folder:
            processor.save_pretrained(folder)
            inputs, outputs = Path(folder, "inputs.pkl"), Path(folder, "outputs.pkl")
            inputs.write_bytes(pickle.dumps(images))
            command = [sys.executable, "-c", WITHOUT_TORCHVISION, folder, str(inputs), str(outputs)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            name, pixel_values = pickle.loads(outputs.read_bytes())
        self.assertEqual(name, DepthAnythingImageProcessor.__name__)
        for found, expected in zip(pixel_values, processor(images).pixel_values, strict=True):
            torch.testing.assert_close(found, expected, atol=0, rtol=0)


class NativeForDepth(CommonSetUp):
    """Without the semantic segmentation that the native class is also for."""

    def test_post_process_test_mixin_inheritance(self):
        self.skipTest("would demand the tests of semantic segmentation")


class DepthAnythingImageProcessingTest(OursByDesign if IS_OURS else NativeForDepth, unittest.TestCase):
    pass
