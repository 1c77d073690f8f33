"""API keys: shown once, kept as digests, known at once in the same process and after a refresh in another."""

from pathlib import Path

import pytest

from opportune.store import Keys

NOW = 1_796_112_000_000


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_a_key_is_known_by_its_text_alone(keys: Keys, tmp_path: Path) -> None:
    made, text = keys.create(["intake:web", "read"], "shop", NOW)
    assert keys.find(text) == made
    assert (made.source, made.allows("read"), made.allows("operate"), made.allows("intake:other")) == (
        "web",
        True,
        False,
        False,
    )
    for wrong in ("", text[:-1], text + "x", made.id, made.id + "_", "x" + text, "é" * 300, "\ud800"):
        assert keys.find(wrong) is None
    keys.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.id.encode() in held
    assert text.partition("_")[2].encode() not in held
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_touch_keys_name_one_touchpoint_or_all(keys: Keys) -> None:
    one, _ = keys.create(["touch:sms"], "", NOW)
    every, _ = keys.create(["touch:*"], "", NOW)
    assert (one.allows("touch:sms"), one.allows("touch:app"), one.allows("read")) == (True, False, False)
    assert (every.allows("touch:sms"), every.allows("touch:app"), every.allows("read")) == (True, True, False)


def test_a_revoked_key_is_good_no_more(keys: Keys) -> None:
    made, text = keys.create(["metrics"], "", NOW)
    assert keys.revoke(made.id, NOW + 1)
    assert keys.revoke(made.id, NOW + 2)
    assert not keys.revoke("none", NOW)
    assert keys.find(text) is None
    assert [key.revoked_ms for key in keys.all()] == [NOW + 1]


def test_what_another_process_changed_is_known_after_a_refresh(keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path)
    made, text = other.create(["read"], "", NOW)
    assert keys.find(text) is None
    assert keys.refresh()
    assert not keys.refresh()
    assert keys.find(text) == made
    other.revoke(made.id, NOW)
    assert keys.refresh()
    assert keys.find(text) is None


@pytest.mark.parametrize(
    "scopes",
    [[], ["all"], ["intake:"], ["intake:a b"], ["touch:"], ["read\n"], ["intake:a", "intake:b"], ["read"] * 51],
)
def test_scopes_are_checked(keys: Keys, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"scope|source"):
        keys.create(scopes, "", NOW)
