"""transformers' own common tests for models and configurations, run on our classes and on its own.

Not collected by plain `pytest`: `run_upstream.py` fetches the mixins of the installed transformers and runs this.
The environment variable UPSTREAM_SUBJECT chooses the classes under test: `ours` (default) or `native`.
"""

import os
import random
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import transformers
from safetensors import safe_open
from tests.test_configuration_common import ConfigTester
from tests.test_modeling_common import ModelTesterMixin, floats_tensor
from transformers import Dinov2Config
from transformers.testing_utils import torch_device

import depth_anything

SUBJECT = depth_anything if os.environ.get("UPSTREAM_SUBJECT", "ours") == "ours" else transformers


class DepthAnythingModelTester:
    """A network of two blocks and its inputs, as the mixins ask for them."""

    batch_size = 2
    num_channels = 3
    image_size = 32
    patch_size = 16
    hidden_size = 4
    num_hidden_layers = 2
    num_attention_heads = 2
    seq_length = (image_size // patch_size) ** 2 + 1
    is_training = SUBJECT is depth_anything

    def __init__(self, parent):
        self.parent = parent

    def get_config(self):
        backbone_config = Dinov2Config(
            image_size=self.image_size,
            patch_size=self.patch_size,
            num_channels=self.num_channels,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            out_features=["stage1", "stage2"],
            reshape_hidden_states=False,
        )
        return SUBJECT.DepthAnythingConfig(
            backbone_config=backbone_config,
            patch_size=self.patch_size,
            reassemble_hidden_size=self.hidden_size,
            neck_hidden_sizes=[2, 2],
            fusion_hidden_size=6,
        )

    def pixel_values(self):
        return floats_tensor([self.batch_size, self.num_channels, self.image_size, self.image_size])

    def labels(self):
        # The same at each call: a test compares the losses of two forwards, each with labels of its own asking.
        return floats_tensor([self.batch_size, self.image_size, self.image_size], rng=random.Random(0))

    def prepare_config_and_inputs_for_common(self):
        return self.get_config(), {"pixel_values": self.pixel_values()}


class DepthAnythingModelTest(ModelTesterMixin, unittest.TestCase):
    """The common tests of transformers."""

    all_model_classes = (SUBJECT.DepthAnythingForDepthEstimation,)
    test_resize_embeddings = False

    def setUp(self):
        self.model_tester = DepthAnythingModelTester(self)
        self.config_tester = ConfigTester(
            self,
            config_class=SUBJECT.DepthAnythingConfig,
            has_text_modality=False,
            hidden_size=37,
            common_properties=["patch_size"],
        )

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        inputs = super()._prepare_for_class(inputs_dict, model_class, return_labels=return_labels)
        if return_labels and self.model_tester.is_training:
            inputs["labels"] = self.model_tester.labels().to(torch_device)
        return inputs

    def test_config(self):
        self.config_tester.run_common_tests()

    def test_training_gives_every_parameter_a_gradient(self):
        if not self.model_tester.is_training:
            self.skipTest("the native class does not train")
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model_class = self.all_model_classes[0]
        model = model_class(config).to(torch_device).train()
        model(**self._prepare_for_class(inputs, model_class, return_labels=True)).loss.backward()
        for name, parameter in model.named_parameters():
            self.assertIsNotNone(parameter.grad, name)

    def test_reverse_loading_mapping(self):
        """Natively files hold other names than the model; ours are one, which is this test's meaning for us."""
        if SUBJECT is transformers:
            super().test_reverse_loading_mapping()
            return
        model = self.all_model_classes[0](self.model_tester.get_config())
        with TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            with safe_open(Path(folder) / "model.safetensors", framework="pt") as file:
                self.assertEqual(set(file.keys()), set(model.state_dict()))

    def test_can_load_from_already_mapped_keys(self):
        if SUBJECT is transformers:
            super().test_can_load_from_already_mapped_keys()
            return
        model = self.all_model_classes[0](self.model_tester.get_config())
        with TemporaryDirectory() as folder:
            model.save_pretrained(folder, save_original_format=False)
            reloaded = self.all_model_classes[0].from_pretrained(folder)
        for name, tensor in model.state_dict().items():
            self.assertTrue(tensor.equal(reloaded.state_dict()[name]), name)

    @unittest.skip("Depth Anything has no text modality: it takes no inputs_embeds")
    def test_inputs_embeds(self):
        pass

    @unittest.skip("Depth Anything embeds patches, not tokens: its input embedding is no nn.Embedding")
    def test_model_get_set_embeddings(self):
        pass
