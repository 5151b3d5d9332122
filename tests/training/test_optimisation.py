"""Groups of parameters and rates over the steps, against counts and closed forms."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation
from depth_anything.training.loss_settings import LossSettings
from depth_anything.training.optimisation import (
    OptimiserSettings,
    Schedule,
    make_optimiser,
    make_schedule,
    rate_factor,
)
from depth_anything.training.tasks import StudentTask


@pytest.fixture
def task() -> StudentTask:
    backbone = {"model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
    backbone |= {"out_indices": [1, 2, 3, 4], "image_size": 28, "patch_size": 14, "reshape_hidden_states": False}
    sizes = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [4, 4, 4, 4], "fusion_hidden_size": 4}
    config = DepthAnythingConfig(backbone_config=backbone, head_hidden_size=4, **sizes)
    return StudentTask(DepthAnythingForDepthEstimation(config), LossSettings(), reference_width=24)


def test_every_parameter_is_in_one_group_with_its_rate_and_its_decay(task: StudentTask) -> None:
    optimiser = make_optimiser(task, OptimiserSettings(encoder_lr=1e-4, decoder_lr=1e-3, weight_decay=0.1))
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(found)
    for name, parameter in task.named_parameters():
        rate = 1e-4 if name.startswith("model.backbone.") else 1e-3
        has_none = parameter.ndim == 1 or name.endswith(("cls_token", "position_embeddings"))
        assert found.pop(id(parameter)) == (rate, 0.0 if has_none else 0.1), name
    assert not found


def test_moments_of_any_layout_go_on_in_fused_steps_as_in_a_loop_over_tensors(task: StudentTask) -> None:
    torch.manual_seed(0)
    gradients = [[torch.randn_like(parameter) for parameter in task.parameters()] for _ in range(3)]

    def step(stepped: StudentTask, optimiser: torch.optim.Optimizer, index: int) -> None:
        for parameter, gradient in zip(stepped.parameters(), gradients[index], strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        optimiser.step()

    settings = OptimiserSettings(encoder_lr=1e-2, decoder_lr=1e-2)
    slow = make_optimiser(task, settings)
    for group in slow.param_groups:
        group["fused"] = False
    step(task, slow, 0)
    step(task, slow, 1)
    last = copy.deepcopy(task).to(memory_format=torch.channels_last)
    fast = make_optimiser(last, settings)
    saved = copy.deepcopy(slow.state_dict())
    saved["param_groups"] = fast.state_dict()["param_groups"]
    fast.load_state_dict(saved)
    step(task, slow, 2)
    step(last, fast, 2)
    for expected, found in zip(task.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7, check_stride=False)
    assert any(
        found.stride() != expected.stride()
        for expected, found in zip(task.parameters(), last.parameters(), strict=True)
    )


def test_rates_fall_on_a_line_to_zero_after_the_warm_up() -> None:
    settings = OptimiserSettings(num_warmup_steps=4)
    factors = [rate_factor(step, settings, 12) for step in range(13)]
    assert factors[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert factors[4:] == pytest.approx([1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0])


def test_constant_rates_stay() -> None:
    settings = OptimiserSettings(schedule=Schedule.CONSTANT)
    assert {rate_factor(step, settings, 5) for step in range(6)} == {1.0}


def test_the_schedule_moves_every_group_by_the_same_factor() -> None:
    weights = nn.Parameter(torch.ones(2))
    optimiser = torch.optim.AdamW(
        [{"params": [weights], "lr": 1.0}, {"params": [nn.Parameter(torch.ones(1))], "lr": 0.1}]
    )
    schedule = make_schedule(optimiser, OptimiserSettings(), 4)
    rates = []
    for _ in range(4):
        optimiser.step()
        schedule.step()
        rates.append([group["lr"] for group in optimiser.param_groups])
    assert rates == [pytest.approx([left, left / 10]) for left in (0.75, 0.5, 0.25, 0.0)]


def test_a_warm_up_as_long_as_the_run_is_refused() -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.ones(1))])
    with pytest.raises(ValueError, match="num_warmup_steps is 9 and the run has 9 steps"):
        make_schedule(optimiser, OptimiserSettings(num_warmup_steps=9), 9)


@pytest.mark.parametrize("setting", [{"encoder_lr": -1.0}, {"weight_decay": float("nan")}, {"max_gradient_norm": -1}])
def test_a_setting_below_zero_or_not_a_number_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(setting))} is .*; it has to be a number of at least 0"):
        OptimiserSettings(**setting)
