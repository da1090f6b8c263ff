"""Methods that are programs: what they get and give, and that none of them can hold up a run."""

from __future__ import annotations

import shlex
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from fusion.external import parse
from fusion.method import prepare

MEAN_SCRIPT = """
    import sys, cv2
    ir, vis = cv2.imread(sys.argv[1], 0), cv2.imread(sys.argv[2])
    cv2.imwrite(sys.argv[3], vis // 2 + ir[..., None] // 2)
"""


def script(folder: Path, text: str, name: str = "mean.py") -> str:
    """A command that runs this Python text."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


def test_command_runs_for_each_pair_of_a_batch(tmp_path, pair):
    method = parse(f"command:{script(tmp_path, MEAN_SCRIPT)} {{ir}} {{vis}} {{out}}")
    assert method.name == "mean"
    ir, vis = torch.cat([pair[0], 0 * pair[0]]), torch.cat([pair[1], pair[1]])
    torch.testing.assert_close(prepare(method)(ir, vis), (ir + vis) / 2)


def test_a_command_may_hold_a_whole_program(pair):
    program = "import shutil, sys; shutil.copy(*sys.argv[1:])" + " " * 5000
    method = parse(f"copy=command:{shlex.quote(sys.executable)} -c {shlex.quote(program)} {{vis}} {{out}} {{ir}}")
    with pytest.raises(RuntimeError, match="ended with status 1"):
        prepare(method)(*pair)  # shutil.copy takes two paths


def test_command_may_work_on_folders_and_choose_the_file_name(tmp_path, pair):
    text = """
        import sys, pathlib, cv2
        ir, vis, out = map(pathlib.Path, sys.argv[1:])
        for path in ir.iterdir():
            cv2.imwrite(str(out / f"fused_{path.name}"), cv2.imread(str(vis / path.name)))
    """
    fuse = prepare(parse(f"command:{script(tmp_path, text)} {{ir_dir}} {{vis_dir}} {{out_dir}}"))
    torch.testing.assert_close(fuse(*pair), pair[1])


def test_command_uses_no_shell_unless_asked(tmp_path, pair):
    run = script(tmp_path, MEAN_SCRIPT)
    marker = tmp_path / "marker"
    prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} ; touch {marker}"))(*pair)
    assert not marker.exists()
    prepare(parse(f"shell:{run} {{ir}} {{vis}} {{out}} ; touch {marker}"))(*pair)
    assert marker.exists()


def test_failing_command_tells_its_last_words(tmp_path, pair):
    run = script(tmp_path, "raise SystemExit('no weights found')")
    with pytest.raises(RuntimeError, match="ended with status 1: no weights found"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}}"))(*pair)


def test_command_that_writes_nothing_is_told(tmp_path, pair):
    with pytest.raises(RuntimeError, match=r"should write one image to \{out\}; it ended well and wrote nothing"):
        prepare(parse(f"command:{script(tmp_path, 'pass')} {{ir}} {{vis}} {{out}}"))(*pair)


def test_slow_command_is_stopped_with_all_that_it_started(tmp_path, pair):
    text = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[4], "w").write(str(child.pid))
        child.wait()
    """
    child = tmp_path / "child"
    run = script(tmp_path, text)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"took more than 1\.5 s and was stopped"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} {child}?timeout=1.5"))(*pair)
    assert time.monotonic() - start < 20
    deadline = time.monotonic() + 5
    while alive(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(child.read_text()))


LEAVES_A_DAEMON = """
    import os, sys, time
    import cv2
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(4)
        os._exit(0)
    os.wait()
    cv2.imwrite(sys.argv[3], cv2.imread(sys.argv[2]))
    time.sleep(float(sys.argv[4]))
"""


def test_what_outlives_the_command_does_not_keep_its_result(tmp_path, pair):
    """A daemon that left the session holds stderr open; the command itself has ended."""
    run = script(tmp_path, LEAVES_A_DAEMON)
    start = time.monotonic()
    torch.testing.assert_close(prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} 0"))(*pair), pair[1])
    assert time.monotonic() - start < 4


def test_a_daemon_does_not_lengthen_the_time_limit(tmp_path, pair):
    run = script(tmp_path, LEAVES_A_DAEMON)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"took more than 1 s and was stopped"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} 60?timeout=1"))(*pair)
    assert time.monotonic() - start < 4


def test_what_a_command_leaves_in_the_background_is_stopped(tmp_path, pair):
    run, child = script(tmp_path, MEAN_SCRIPT), tmp_path / "child"
    start = time.monotonic()
    prepare(parse(f"shell:sleep 60 & echo $! > {child}; {run} {{ir}} {{vis}} {{out}}"))(*pair)
    assert time.monotonic() - start < 20
    deadline = time.monotonic() + 5
    while alive(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(child.read_text()))


def test_a_flood_of_words_is_drained_and_only_its_end_is_kept(tmp_path, pair):
    text = "import sys; [sys.stderr.write('x' * 99_999 + '\\n') for _ in range(200)]; sys.exit('the \\x1b[2J end')"
    with pytest.raises(RuntimeError, match=r"ended with status 1: .*the \\x1b\[2J end$") as caught:
        prepare(parse(f"command:{script(tmp_path, text)} {{ir}} {{vis}} {{out}}"))(*pair)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ("os.mkfifo(out)", "pair.png is a link, pipe or folder"),
        ("os.symlink('/dev/zero', out)", "pair.png is a link, pipe or folder"),
        ("os.symlink(sys.argv[2], out)", "pair.png is a link, pipe or folder"),
        ("os.mkdir(out)", "pair.png is a link, pipe or folder"),
        ("d = os.path.dirname(out); os.rmdir(d); os.symlink(os.path.dirname(sys.argv[2]), d)", "is a link, pipe"),
        ("open(out, 'wb').truncate(1 << 40)", "wrote pair.png of 1,099,511,627,776 bytes for a pair of 560 pixels"),
        ("open(out, 'w')", "pair.png"),
        ("[open(out + f'{i}.png', 'w') for i in range(9)]", r"wrote pair.png0.png, .*pair.png4.png$"),
    ],
)
def test_what_is_no_image_file_is_refused_without_opening_it(tmp_path, pair, make, message):
    run = script(tmp_path, f"import os, sys\nout = sys.argv[3]\n{make}")
    with pytest.raises((RuntimeError, ValueError), match=message):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}}?timeout=20"))(*pair)


def alive(process: int) -> bool:
    """Whether a process runs (one that ended and that nobody has waited for does not)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
