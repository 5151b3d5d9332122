import torch
from transformers import Dinov2Model

from depth_anything import DepthAnythingForDepthEstimation
from depth_anything.training.nano_encoder import NANO_FOLDER, nano_depth_config, nano_depth_model, nano_encoder

MAX_BYTES = 12_000_000


def test_nano_is_small_and_has_a_card() -> None:
    assert (NANO_FOLDER / "model.safetensors").stat().st_size <= MAX_BYTES
    card = (NANO_FOLDER / "README.md").read_text()
    assert "python training/pretrain_nano.py --out" in card
    assert "It is not DINOv2" in card


def test_transformers_reads_every_tensor_of_nano() -> None:
    encoder, report = Dinov2Model.from_pretrained(NANO_FOLDER, output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert 2.5e6 < sum(each.numel() for each in encoder.parameters()) < 3.5e6
    assert all(each.isfinite().all() for each in encoder.parameters())


def test_the_depth_model_has_nanos_features_and_a_decoder_of_its_seed() -> None:
    encoder, model = nano_encoder(), nano_depth_model(seed=1).eval()
    pixels = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = encoder(pixels).last_hidden_state
        torch.testing.assert_close(model.backbone(pixels).feature_maps[-1], expected, atol=1e-4, rtol=1e-4)
        assert model(pixels).predicted_depth.shape == (2, 112, 112)
    same, other = nano_depth_model(seed=1), nano_depth_model(seed=2)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, same.state_dict()[name])
        assert weight.dtype is torch.float32
    assert not torch.equal(model.head.conv1.weight, other.head.conv1.weight)


def test_the_global_random_state_stays_as_it_was() -> None:
    before = torch.random.get_rng_state()
    nano_depth_model(seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_decoder_is_small() -> None:
    with torch.device("meta"):
        model = DepthAnythingForDepthEstimation(nano_depth_config())
    decoder = sum(each.numel() for part in (model.neck, model.head) for each in part.parameters())
    assert decoder < 1e6


def test_nano_comes_in_evaluation_mode_for_its_training_size() -> None:
    encoder = nano_encoder()
    assert not encoder.training
    assert encoder.config.image_size == 112
    assert encoder.dtype is torch.float32
