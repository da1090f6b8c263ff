"""Names that become parts of paths."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from tsdm_bench.errors import UsageError
from tsdm_bench.names import Name, check_image_name, check_name

GOOD = ["m3fd", "PIAFusion", "ffdnet+gff", "融合", "día 2", "v1.0", "_mine", "-", "con_2"]
NO_FILE = ["", ".", "..", "../x", "/tmp/x", "a/b", "a\0b", "a\nb", "a\x1b[2J", "x" * 201, "界" * 67, "\udcff"]
NOT_EVERYWHERE = [
    "a\\b",
    "x" * 121,
    "界" * 41,
    "CON",
    "con.png",
    "Lpt1",
    "a:b",
    "a*",
    "a?",
    "<a>",
    "a|b",
    'a"',
    "a.",
    "a ",
    " a",
    ".a",
]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_taken_as_it_is(name):
    assert check_name(name) == check_image_name(name) == name


@pytest.mark.parametrize("name", [*NO_FILE, *NOT_EVERYWHERE])
def test_a_name_that_leads_elsewhere_or_is_no_file_somewhere_is_refused_in_one_line(name):
    with pytest.raises(UsageError, match=r"^suite .*; use letters") as caught:
        check_name(name, "suite")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", NO_FILE)
def test_an_image_may_have_any_name_that_a_file_here_can_have(name):
    with pytest.raises(UsageError, match="rename the file"):
        check_image_name(name)


@pytest.mark.parametrize("name", NOT_EVERYWHERE)
def test_an_image_need_not_be_movable_to_every_system(name):
    assert check_image_name(name) == name


def test_a_model_refuses_such_a_name():
    class Suite(BaseModel):
        name: Name

    with pytest.raises(ValidationError, match="a name is no path"):
        Suite(name="../x")
