from __future__ import annotations

import pytest
import torch
from reference_run import filled, pattern
from torch import nn

from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import export, load_network, load_state, model_card, read_state


class AuthorsNetwork(nn.Module):
    """Stands for the class that the authors pickle with their weights."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.body = network


@pytest.fixture
def teacher():
    return filled(Teacher())


def test_the_authors_file_is_read_from_its_state_dict(tmp_path, reference):
    student = filled(Student(), reference.facts["student_keys"])
    state = dict(student.state_dict())
    for key, shape in reference.facts["student_keys"].items():
        if key.endswith(".attn_mask"):
            state[key] = torch.zeros(shape[0] // 128, *shape[1:])
        elif key.endswith(".relative_position_index"):
            state[key] = torch.zeros(shape, dtype=torch.long)
    torch.save({"model": AuthorsNetwork(student), "state_dict": state}, tmp_path / "GT.pth")
    loaded = load_network(Student(), tmp_path / "GT.pth")
    ir, vis, _ = reference.inputs()
    with torch.no_grad():
        torch.testing.assert_close(loaded(ir, vis), reference.tensor("student_64x96"), atol=1e-4, rtol=0)


@pytest.mark.parametrize("form", ["plain.pth", "nested.pt", "parallel.pt", "ours.safetensors"])
def test_every_form_of_file_gives_the_same_weights(tmp_path, teacher, form):
    state, path = teacher.state_dict(), tmp_path / form
    if form == "ours.safetensors":
        export(state, path)
    elif form == "parallel.pt":
        torch.save({f"module.{key}": value for key, value in state.items()}, path)
    else:
        torch.save({"state_dict": state, "epoch": 50} if form == "nested.pt" else state, path)
    for key, value in read_state(path).items():
        torch.testing.assert_close(value, state[key], atol=0, rtol=0)


def test_half_precision_halves_the_file_and_loads_back_to_float32(tmp_path, teacher):
    export(teacher.state_dict(), tmp_path / "full.safetensors")
    export(teacher.state_dict(), tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.51 * sizes[0]
    loaded = load_network(Teacher(), tmp_path / "half.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    ir, y = pattern(32, 48, 1, 0.8), pattern(32, 48, 1, 2.2)
    with torch.no_grad():
        torch.testing.assert_close(loaded(ir, y), teacher(ir, y), atol=5e-3, rtol=0)


def test_mismatches_are_listed_by_name(teacher):
    state = dict(teacher.state_dict())
    del state["decoder.8.weight"]
    state["encoder_c.0.weight"] = torch.zeros(1)
    state["encoder_a.0.weight"] = torch.zeros(32, 3, 3, 3)
    with pytest.raises(ValueError, match="does not fit Teacher") as error:
        load_state(Teacher(), state, "teacher.pth")
    for part in (
        "missing decoder.8.weight",
        "unexpected encoder_c.0.weight",
        "encoder_a.0.weight is (32, 3, 3, 3) instead of (32, 1, 3, 3)",
    ):
        assert part in str(error.value)


def test_a_file_of_another_network_is_refused_in_one_line(tmp_path, teacher):
    torch.save(teacher.state_dict(), tmp_path / "teacher.pth")
    with pytest.raises(ValueError, match="does not fit Student") as error:
        load_network(Student(), tmp_path / "teacher.pth")
    assert "more" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_without_weights_are_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match="holds no state dict"):
        read_state(tmp_path / "empty.pt")
    with pytest.raises(ValueError, match="holds no plain tensors"):
        read_state(tmp_path / "text.safetensors")
    with pytest.raises(FileNotFoundError, match=r"no weights at .*gone\.pt"):
        read_state(tmp_path / "gone.pt")


def test_weights_that_are_not_finite_are_never_exported(tmp_path):
    for value, half in ((float("nan"), False), (1e6, True)):
        with pytest.raises(ValueError, match="layer hold values that are not finite"):
            export({"layer": torch.tensor([value])}, tmp_path / "x.safetensors", half=half)
    assert list(tmp_path.iterdir()) == []


def test_model_card_holds_facts_and_tables(tmp_path, teacher):
    facts = {"seed": 3, "Validation": [{"epoch": 1, "l1": 0.5}, {"epoch": 2, "l1": 0.4}]}
    export(teacher.state_dict(), tmp_path / "tsdm_teacher.safetensors", card=facts)
    page = (tmp_path / "tsdm_teacher.md").read_text()
    assert page == model_card("tsdm_teacher", facts)
    assert "- **seed**: 3" in page
    assert "| epoch | l1 |\n|---|---|\n| 1 | 0.5 |\n| 2 | 0.4 |" in page
