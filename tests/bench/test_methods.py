"""Which methods a word on the command line stands for, and what is said about those that cannot run here."""

from __future__ import annotations

import pytest

import bench.methods
from bench.methods import expand, find_method, groups, obtain
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.suite import Suite, load_suite
from fusion.method import METHODS
from tsdm_bench.errors import UsageError

LEARNED = ("datfuse", "ydtr", "lutfuse")


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path))


@pytest.fixture
def answers(monkeypatch):
    """Lets every download end with the given error; returns the files that were asked for."""

    def answer(error: Exception) -> list[str]:
        asked = []

        def fetch(file, weights_dir):
            asked.append(file.name)
            raise error

        monkeypatch.setattr(bench.methods, "fetch", fetch)
        return asked

    return answer


def test_all_and_variants_are_every_card_once():
    words = groups()
    assert sorted(words["all"] + words["variants"]) == sorted(METHODS)
    assert sorted(words["source"] + words["classical"] + words["learned"]) == sorted(words["all"])


def test_variants_are_another_version_of_a_method():
    variants = groups()["variants"]
    assert {"seafusion_official", "ifcnn_grey", "tsdm_student_bf16"} <= set(variants)
    assert not {"tardal_dt", "tsdm_student", "tsdm_teacher", "dtcwt", "ir"} & set(variants)
    assert {METHODS[name].source for name in variants} <= {METHODS[name].source for name in groups()["all"]}


def test_a_group_stands_for_its_methods_and_repeats_none():
    assert expand(["vis", "source", "gff", "mine=folder:x"]) == ("vis", "ir", "gff", "mine=folder:x")
    classical = expand(["gff", "classical"])
    assert classical[0] == "gff"
    assert sorted(classical) == sorted(groups()["classical"])


def test_a_card_goes_before_a_group_of_the_same_name(monkeypatch):
    monkeypatch.setitem(METHODS._cards, "learned", METHODS["gff"])
    assert expand(["learned"]) == ("learned",)


def test_an_unknown_word_is_refused_where_it_is_looked_up():
    with pytest.raises(UsageError, match="unknown method 'clasical'"):
        [find_method(spec) for spec in expand(["clasical"])]


def test_a_suite_may_name_groups(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text("name: s\ndataset: folder\nmethods: [source, classical]\n")
    assert expand(load_suite(str(path)).methods) == groups()["source"] + groups()["classical"]


def test_nothing_more_is_tried_where_no_server_answers(answers):
    asked = answers(ConnectionError("no network"))
    reasons = obtain([METHODS[name] for name in LEARNED], None)
    assert list(reasons) == list(LEARNED)
    assert len(asked) == 1


def test_a_refused_file_does_not_stop_the_others_and_its_status_is_told(answers):
    asked = answers(FileNotFoundError("https://host/file answers 404 Not Found"))
    reasons = obtain([METHODS[name] for name in LEARNED], None)
    assert len(asked) == len(LEARNED)
    assert all(reason.startswith(f"method {name} ") and "404" in reason for name, reason in reasons.items())


def test_a_cache_that_cannot_be_written_is_told_with_the_other_places(answers):
    answers(PermissionError(13, "Permission denied", "/cache"))
    reasons = obtain([METHODS[name] for name in LEARNED], None)
    assert all(
        "cannot be stored here: [Errno 13] Permission denied: '/cache'; name another" in r for r in reasons.values()
    )


def test_methods_of_a_group_that_cannot_run_here_are_left_out_even_where_the_group_was_named(
    small_pairs, tmp_path, answers, monkeypatch
):
    answers(ConnectionError("no network"))
    monkeypatch.setattr("bench.run.flow.write_costs", lambda *_: None)  # of all of them that takes minutes
    suite = Suite(name="s", dataset="folder", methods=("source", "variants"), severities=(0,), metrics=("en",))
    options = Options(data_root=small_pairs, out=tmp_path, device="cpu", workers=1, named_methods=True)
    folder = run_benchmark(suite, options)
    left_out = set(folder.record().left_out)
    assert "seafusion_official" in left_out
    assert set(folder.rows()["method"]) == {*groups()["source"], *groups()["variants"]} - left_out
    both = suite.model_copy(update={"methods": ("variants", "seafusion_official")})
    with pytest.raises(UsageError, match="seafusion_official needs weights"):
        run_benchmark(both, options)
