"""Texts that are no spec, or no YAML at all: a clear word each, at its place, within bounds."""

import pytest
import yaml

from schemas.yaml import reader
from tests.spec.conftest import SPEC

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
)


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "python"], autouse=True)
def parser(request, monkeypatch):
    """Both parsers of PyYAML: which of them runs depends on how PyYAML was built."""
    monkeypatch.setattr(reader, "_LOADER", request.param)


@pytest.mark.timeout(60)  # an alias bomb that goes off takes for ever
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("# only a comment\n", "the file is empty", id="comment"),
        pytest.param(SPEC + "\tenv: {A: b}\n", "6:1: a tab where YAML wants spaces", id="tab"),
        pytest.param(SPEC + "  env:\n  \tA: b\n", "7:3: a tab where YAML wants spaces", id="tab-after-spaces"),
        pytest.param(bytes(range(256)), "3:115: the file is not UTF-8 text", id="binary"),
        pytest.param(SPEC.encode("utf-16"), "1:1: the file is not UTF-8 text", id="utf-16"),
        pytest.param((SPEC + '  env: {A: "é"}').encode("latin-1"), "6:13: the file is not UTF-8 text", id="latin-1"),
        pytest.param(SPEC + '  env: {A: "\0"}', "6:13: the file is not UTF-8 text", id="nul"),
        pytest.param(SPEC.encode() + b"#" * 10_000_000, "the file is larger than 1024 KiB", id="ten-megabytes"),
        pytest.param(SPEC + BOMB, "10:17: more than 50000 values in one document", id="alias-bomb"),
        pytest.param(SPEC + "x: " + "[" * 99 + "]" * 99, "6:53: more than 50 levels deep", id="deep"),
        pytest.param("[" * 500_000, "1:51: more than 50 levels deep", id="half-a-million-brackets"),
        pytest.param(SPEC + "  region: us-east1", '6:3: the key "region" stands here twice', id="duplicate"),
        pytest.param(SPEC + '  "region": us-east1', '6:3: the key "region" stands here twice', id="duplicate-quoted"),
        pytest.param(SPEC + "  env: {<<: {A: b}}", "6:9: `<<` is a merge key", id="merge-key"),
        pytest.param(SPEC + "  env: {A: !secret x}", "6:12: the tag !secret is not allowed", id="tag"),
        pytest.param(
            SPEC + "  env: {A: !!python/object:os.system x}",
            "6:12: the tag !!python/object:os.system is not allowed",
            id="python-tag",
        ),
        pytest.param(SPEC + "  env: {A: *b}", "6:12: no anchor &b before this alias", id="unknown-alias"),
        pytest.param(SPEC + "  env: &a {A: *a}", "6:15: the alias *a contains itself", id="endless-alias"),
        pytest.param(SPEC + "  env: {[a]: b}", "6:9: a key must be text", id="list-as-key"),
        pytest.param(SPEC + "  env:\n    A: b: c", "7:9: a colon that makes no sense here", id="colon"),
        pytest.param(
            SPEC + "  env: {A: b\n", "6:8: this bracket is not closed, or what follows is wrong", id="bracket"
        ),
        pytest.param(SPEC + '  env: {A: "b}\n', "6:12: this quote is not closed, or what follows is wrong", id="quote"),
        pytest.param("- a\n", "1:1: the document is not a mapping", id="list"),
        pytest.param("hello\n", "1:1: the document is not a mapping", id="text"),
        pytest.param("spec: {}\n", "1:1: apiVersion: is missing", id="no-version"),
        pytest.param(
            "apiVersion: mlservice/v2\n", '1:13: apiVersion: "mlservice/v2" is not mlservice/v1', id="version"
        ),
        pytest.param("apiVersion: apps/v1\n", '1:13: apiVersion: "apps/v1" is not mlservice/v1', id="foreign"),
        pytest.param("kind: Service\n" + SPEC, '1:7: kind: "Service" is not MLService', id="kind"),
        pytest.param(SPEC + "enviroments: {}\n", '6:1: enviroments: unknown key "enviroments"', id="top-level-key"),
        pytest.param(SPEC.replace("metadata: {name: churn}\n", ""), "1:1: metadata: is missing", id="no-metadata"),
        pytest.param("apiVersion: mlservice/v1\nmetadata: {name: a}\nspec:\n", "3:1: spec: is missing", id="no-spec"),
        pytest.param(
            SPEC.replace("  image: gcr.io/acme/app:1\n", ""),
            "3:1: image: neither image nor model is given",
            id="nothing-to-run",
        ),
    ],
)
def test_a_text_that_is_no_spec_is_refused(said, text, expected):
    """One problem, at its place, and soon: nothing is expanded or read beyond its bound."""
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + SPEC, id="byte-order-mark"),
        pytest.param(SPEC.replace("\n", "\r\n"), id="windows-line-ends"),
        pytest.param("%YAML 1.2\n---\n" + SPEC + "...\n", id="directive"),
        pytest.param("---\n" + SPEC + "---\n# nothing\n", id="empty-document"),
        pytest.param(SPEC + "  env: {A: &a b, C: *a}\n", id="anchor"),
        pytest.param(SPEC + "  scaling:\n  #  maxInstances: 2\n", id="key-with-nothing-behind-it"),
    ],
)
def test_unusual_files_that_are_specs(loaded, text):
    """What editors and generators write is read."""
    assert loaded(text).service.name == "churn"


def test_columns_count_characters(said):
    """A place is where an editor's cursor goes, whatever the letters before it take in bytes."""
    text = SPEC + '  env: {"É": "日本", PORT: 1}\n'

    assert said(text) == ['6:20: env.PORT: "PORT" is set by Cloud Run']


def test_a_flaw_in_the_text_does_not_hide_other_problems(said):
    """Duplicate keys and tags are reported beside what the models say."""
    text = SPEC + "  region: us-east1\n  scaling: {minInstances: 9}\n"

    assert said(text) == [
        '6:3: the key "region" stands here twice',
        "7:27: scaling.minInstances: 9 is above maxInstances (3)",
    ]
