"""Coupon pools: a decision has one code whenever it asks, and no code is given twice."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.store import Coupons, PoolLeft


@pytest.fixture
def coupons(tmp_path: Path) -> Iterator[Coupons]:
    opened = Coupons(tmp_path)
    yield opened
    opened.close()


def test_a_decision_keeps_its_code_and_the_pool_ends(coupons: Coupons) -> None:
    assert coupons.add("ten", ["A1", "A2", "A1"]) == 2
    assert coupons.take("ten", "d1", 5) == "A1"
    assert coupons.take("ten", "d2", 6) == "A2"
    assert coupons.take("ten", "d1", 7) == "A1"
    assert coupons.take("ten", "d3", 8) is None
    assert coupons.add("ten", ["A3"]) == 1
    assert coupons.take("ten", "d3", 9) == "A3"
    assert coupons.take("none", "d1", 9) is None
    assert coupons.left() == [PoolLeft("ten", 3, 0)]


def test_a_file_is_read_line_by_line(coupons: Coupons, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text('\ufeff"C1",2027-01-01\n\nC2\n C3 ,x\n', encoding="utf-8")
    assert coupons.add_file("ten", tmp_path / "codes.csv") == 3
    assert coupons.add_file("ten", tmp_path / "codes.csv") == 0
    assert [coupons.take("ten", str(number), 1) for number in range(3)] == ["C1", "C2", "C3"]


@pytest.mark.parametrize("bad", ["", "x" * 101])
def test_a_code_that_is_none_is_refused(bad: str, coupons: Coupons) -> None:
    with pytest.raises(ValueError, match="coupon code"):
        coupons.add("ten", ["A1", bad])


def test_takers_at_once_never_share_a_code(tmp_path: Path, coupons: Coupons) -> None:
    coupons.add("ten", [f"C{number}" for number in range(60)])
    got: dict[str, str | None] = {}

    def work(part: int) -> None:
        own = Coupons(tmp_path)
        for number in range(part, 80, 2):  # every decision is asked for by two of the takers
            got[f"d{number // 2}.{part}"] = own.take("ten", f"d{number // 2}", 1)
        own.close()

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(got[f"d{n}.0"] == got[f"d{n}.1"] for n in range(40))
    assert len({code for code in got.values() if code}) == 40
    assert coupons.left() == [PoolLeft("ten", 60, 20)]
