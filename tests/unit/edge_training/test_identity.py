"""Keys are stable, and change with everything that decides a step's result and with nothing else."""

from __future__ import annotations

import pytest

from edge_training import identity

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"
INPUTS = {
    "data_digest": "d" * 64,
    "code_digest": "c" * 64,
    "script": "train.py",
    "training_image": IMAGE,
    "params": {"max_iter": 60, "learning_rate": 0.1},
    "seed": 7,
    "force_nonce": "",
}


def test_the_training_key_is_the_same_in_every_release():
    """A key that moved would train everything again."""
    expected = "5e948dc801462292a77ea8170bf3655db35134a8fa49c1612d3f0fb9f55fa982"
    assert identity.training_key(**INPUTS) == expected


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("data_digest", "e" * 64),
        ("code_digest", "e" * 64),
        ("script", "other.py"),
        ("training_image", IMAGE.replace("1", "2")),
        ("params", {"max_iter": 61, "learning_rate": 0.1}),
        ("seed", 8),
        ("force_nonce", "manual__1"),
    ],
)
def test_every_input_of_a_training_changes_its_key(name, other):
    assert identity.training_key(**INPUTS | {name: other}) != identity.training_key(**INPUTS)


def test_the_order_of_parameters_does_not_matter():
    reordered = INPUTS | {"params": {"learning_rate": 0.1, "max_iter": 60}}
    assert identity.training_key(**reordered) == identity.training_key(**INPUTS)


def test_a_mirrored_registry_gives_the_same_training_key():
    mirrored = INPUTS | {"training_image": IMAGE.replace("registry.example", "mirror.example:5000")}
    assert identity.training_key(**mirrored) == identity.training_key(**INPUTS)


def test_steps_with_the_same_inputs_have_keys_of_their_own():
    assert identity.step_key("stage", data_digest="d") != identity.step_key("validate", data_digest="d")


def test_names_say_step_and_key():
    key = "ab" * 32
    name = identity.container_name("train", key)
    assert name == f"edge-train-{key[:40]}"
    assert identity.set_aside_name(name, 2) == f"{name}.failed-2"


def test_names_around_a_service_are_no_other_models_service():
    """A model's name has no dot, so no model is called like another one's candidate."""
    service = identity.service_name("delay")
    assert identity.candidate_name(service) == "edge-service-delay.candidate"
    assert identity.previous_name(service) == "edge-service-delay.previous"


def test_labels_carry_our_prefix():
    assert identity.labels(step="train") == {"edge-training.step": "train"}


def test_code_is_read_by_relative_path_without_caches_and_hidden_files(tmp_path):
    for path in ("train.py", "lib/features.py", "__pycache__/train.pyc", ".env", ".git/config"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    assert identity.read_code(tmp_path) == {"lib/features.py": b"lib/features.py", "train.py": b"train.py"}


def test_the_code_digest_follows_paths_and_contents():
    code = {"train.py": b"a", "features.py": b"b"}
    assert identity.code_digest(dict(reversed(code.items()))) == identity.code_digest(code)
    assert identity.code_digest(code | {"train.py": b"c"}) != identity.code_digest(code)
    assert identity.code_digest({"train.py": b"b", "features.py": b"a"}) != identity.code_digest(code)
