"""What a line of text can say about your own method, and what each mistake is answered with."""

from __future__ import annotations

import pytest

from fusion.external import parse
from tsdm_bench.errors import UsageError


def test_name_and_options_are_taken_from_the_text(tmp_path):
    method = parse(f"PIAFusion=folder:{tmp_path}?luma=1")
    assert (method.name, method.kind, method.luma, method.keyed) == ("PIAFusion", "external", True, True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nonsense", "cannot understand the method 'nonsense'; expected folder:PATH"),
        ("folder:", "cannot understand"),
        ("folder:/no/such/place", "no folder /no/such/place"),
        ("folder:.?multiple=8", "folder takes the options luma, not multiple"),
        ("command:true {ir} {vis}", "lacks {out}"),
        ("command:no-such-program {ir} {vis} {out}", "no program 'no-such-program'"),
        ("no_such_module:fuse", "cannot import no_such_module for the method .* ModuleNotFoundError"),
        ("math:no_such_function", "math has no 'no_such_function'"),
        ("math:pi", "math:pi is a float; expected a function"),
        ("no/such/file.py:fuse", "no Python file .*file.py"),
        ("file:no_such.onnx", "no network file no_such.onnx"),
        ("command:true '{ir} {vis} {out}", "cannot be split into words: no closing quotation"),
        (f"folder:{'x' * 5000}", "no folder x"),
        (f"file:{'x' * 5000}.pt", "no network file x"),
        (f"{'x' * 5000}.py:fuse", "no Python file .*x"),
        ("folder:~no-such-user/x", "no folder ~no-such-user/x"),
        ("a/b=folder:.", r"method name 'a/b': it has a '/', and a name is no path; use letters"),
        ("../x=command:true {ir} {vis} {out}", "method name '../x': "),
        ("CON=folder:.", "method name 'CON': it is a device on Windows"),
        ("=folder:.", "method name '': it names no file"),
        ("a\nb=folder:.", r"method name 'a\\nb': it has a control character"),
        ("file:a\0b.pt", "cannot understand"),
        ("math:sqrt?luma=2", "luma=2, expected a whole number from 0 to 1"),
        ("math:sqrt?multiple=0", "multiple=0, expected a whole number from 1 to 1024"),
        ("math:sqrt?multiple=1.5", "multiple=1.5, expected a whole number"),
        ("command:true {ir} {vis} {out}?timeout=0", "timeout=0, expected a number from 0.01"),
        ("command:true {ir} {vis} {out}?timeout=1.2.3", r"timeout=1\.2\.3, expected a number"),
        (f"file:{__file__}", r"test_specifications.py is no network file; export it as .pt, .ts, .pt2 or .onnx"),
    ],
)
def test_specification_that_cannot_work_is_refused_in_one_line(spec, message):
    with pytest.raises((ValueError, FileNotFoundError, UsageError), match=message) as caught:
        parse(spec)
    assert "\n" not in str(caught.value)


def test_a_name_may_be_of_any_script_and_a_path_may_hold_an_equals_sign(tmp_path):
    assert parse(f"融合 2=folder:{tmp_path}").name == "融合 2"
    (tmp_path / "lr=3").mkdir()
    (tmp_path / "lr=3" / "own.py").write_text("def fuse(ir, vis): return vis")
    assert parse(f"{tmp_path}/lr=3/own.py:fuse").name == "fuse"


def test_a_name_that_follows_from_the_text_is_checked_too(tmp_path):
    (tmp_path / "a:b").mkdir()
    with pytest.raises(UsageError, match=r"method name 'a:b': it has a ':'"):
        parse(f"folder:{tmp_path}/a:b")
    assert parse(f"ab=folder:{tmp_path}/a:b").name == "ab"
