"""New identifiers remembered per second: sealed under a key per customer, found by a keyed hash, durable when the call returns.

Intake does this before it acknowledges, once for each identifier that nobody has sent before; those that are known cost nothing here.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.measure import Report, median, options
from opportune.store import People, Secrets

BATCH = 4_000
SPREAD = 2_654_435_761
"""Telephone numbers come in no order."""


def main() -> None:
    """Remember customers by their telephone numbers, a batch per transaction."""
    arguments = options(__doc__)
    arguments.add_argument("--folder", type=Path, help="where the database goes; a temporary folder otherwise")
    said = arguments.parse_args()
    many = 8_000 if said.quick else 400_000
    report = Report("Remembering people")
    wall, processor, looked = [], [], []
    for _ in range(1 if said.quick else said.runs):
        with tempfile.TemporaryDirectory(dir=said.folder) as folder:
            people = People(Path(folder), Secrets(bytes(range(16))))
            begun, worked = time.perf_counter(), time.process_time()
            for start in range(0, many, BATCH):
                people.remember([(one, "phone", number(one)) for one in range(start, start + BATCH)])
            wall.append(many / (time.perf_counter() - begun))
            processor.append(many / (time.process_time() - worked))
            begun = time.perf_counter()
            for one in range(0, many, many // 1_000):
                assert people.customer_of("phone", number(one)) == one
            looked.append((time.perf_counter() - begun) / 1_000 * 1e6)
            people.close()
    report.figure("remember_new", median(wall), "identifiers/s", customers=many, batch=BATCH)
    report.figure("remember_new_processor", median(processor), "identifiers/s of processor time", customers=many)
    report.figure("find_by_identifier", median(looked), "us", customers=many)
    report.close()


def number(customer: int) -> str:
    """A telephone number."""
    return f"138{customer * SPREAD % 10**8:08}"


if __name__ == "__main__":
    main()
