"""The check of pickles before a model is installed agrees with what torch itself loads."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
import torch

from schemas.errors import WorkbenchError
from tests.weights.pickled import COMPUTED, STATE, TROJAN, archive, old_format
from workbench.weights.pickles import check_pickle

LIKE_REAL_ONES: dict[str, Any] = {
    "state": OrderedDict(weight=torch.ones(2, 3), half=torch.ones(2).half(), bits=torch.ones(2, dtype=torch.bfloat16)),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "optimizer": torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict(),
    "others": {"step": 3, "lr": 1e-4, "big": 2**70, "name": "ä", "shape": torch.Size([1]), "type": torch.float16},
    "none": [None, True, (1, 2, 3, 4), {1}],
}


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_passes_and_loads(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.pth"
    torch.save(LIKE_REAL_ONES, path, _use_new_zipfile_serialization=zipped)
    check_pickle(path)
    loaded = torch.load(path, weights_only=True)
    assert torch.equal(loaded["state"]["weight"], torch.ones(2, 3))


@pytest.mark.parametrize("write", [archive, old_format])
def test_what_the_tests_make_by_hand_is_what_torch_reads(tmp_path: Path, write: Any) -> None:
    assert torch.equal(torch.load(write(tmp_path / "m.pth", STATE), weights_only=True)["weight"], torch.zeros(2))


@pytest.mark.parametrize("write", [archive, old_format])
@pytest.mark.parametrize("pickled", [TROJAN, COMPUTED, b"\x80\x02ctorch.hub\nload\n."])
def test_what_the_check_refuses_torch_refuses(tmp_path: Path, write: Any, pickled: bytes) -> None:
    path = write(tmp_path / "m.pth", pickled)
    with pytest.raises(WorkbenchError):
        check_pickle(path)
    with pytest.raises(UnpicklingError):
        torch.load(path, weights_only=True)


def test_a_whole_network_is_refused_by_both(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(1, 1), tmp_path / "m.pth")
    with pytest.raises(WorkbenchError) as raised:
        check_pickle(tmp_path / "m.pth")
    assert raised.value.seen == "torch.nn.modules.linear.Linear"
    with pytest.raises(UnpicklingError):
        torch.load(tmp_path / "m.pth", weights_only=True)
