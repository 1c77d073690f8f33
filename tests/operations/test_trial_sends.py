"""Messages to ourselves: marked, with made-up values, counted nowhere, in no fact."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from opportune.operations import DeploymentError, RefusedError, SeedAddress, Service, TrialSend, read_seeds
from opportune.store import OutboxState
from tests.operations.test_touch import play, sent

__all__ = ["play"]
Play = Callable[[Callable[[Service], Awaitable[None]]], Path]


def test_a_trial_is_marked_and_counted_nowhere(play: Play) -> None:
    async def scene(service: Service) -> None:
        facts = service.deployment.engine.next_seq
        seeds = service.deployment.folder / "seeds.json"
        seeds.write_text(json.dumps({"team": [{"address": "139", "language": "zh"}]}))
        seeds.chmod(0o600)
        ask = TrialSend("pack_10g", "sms", (SeedAddress("138", "en"),), "team", values={"event.used_pct": 99})
        first, second = await service.test_send(ask)
        assert first.key.startswith("test-")
        assert [(one.address, one.language, one.state) for one in (first, second)] == [
            ("138", "en", "sent"), ("139", "zh", "sent"),
        ]  # fmt: skip
        outbox = service.sending.outbox
        assert outbox.depths() == []
        assert outbox.unreported() == []
        assert [row.is_test for row in outbox.messages(OutboxState.SENT)] == [True, True]
        assert service.deployment.engine.next_seq == facts
        assert service.decisions == 0
        service.sending.count_click(first.key, None)
        assert service.sending.clicks == {}

    found = {str(one["address"]): str(one["text"]) for one in sent(play(scene))}
    assert found == {"138": "[TEST] Used 99%", "139": "[TEST] 流量已用99%，退订https://example.org/u/test"}


REFUSED = [
    (TrialSend("pack_10g", "nowhere", (SeedAddress("1"),)), "unknown_touchpoint"),
    (TrialSend("pack_10g", "app_home", (SeedAddress("1"),)), "not_sent"),
    (TrialSend("pack_11g", "sms", (SeedAddress("1"),)), "unknown_offer"),
    (TrialSend("pack_10g", "sms"), "bad_addresses"),
    (TrialSend("pack_10g", "sms", tuple(SeedAddress(str(i)) for i in range(101))), "bad_addresses"),
    (TrialSend("pack_10g", "sms", (SeedAddress(""),)), "bad_addresses"),
    (TrialSend("pack_10g", "sms", seeds="team"), "unknown_seeds"),
    (TrialSend("pack_10g", "sms", (SeedAddress("1"),), values={"test.address": "2"}), "bad_values"),
]


def test_a_wrong_trial_is_refused(play: Play) -> None:
    async def scene(service: Service) -> None:
        for ask, code in REFUSED:
            with pytest.raises(RefusedError) as told:
                await service.test_send(ask)
            assert told.value.code == code
        assert service.sending.outbox.messages(OutboxState.QUEUED) == []

    play(scene)


def test_seeds_that_others_may_read_are_refused(tmp_path: Path) -> None:
    assert read_seeds(tmp_path) == {}
    path = tmp_path / "seeds.json"
    path.write_text('{"team": [{"address": "1"}]}')
    path.chmod(0o644)
    with pytest.raises(DeploymentError, match="chmod 600"):
        read_seeds(tmp_path)
    path.chmod(0o600)
    assert read_seeds(tmp_path) == {"team": [SeedAddress("1")]}
    path.write_text('["1"]')
    with pytest.raises(DeploymentError, match="write for example"):
        read_seeds(tmp_path)
