"""What Prometheus reads: intake's accounts, queues and lag, decisions and withheld candidates by reason, sending, requests."""

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from opportune.entrypoints.http.traffic import SECONDS, Traffic
from opportune.facts import MS_PER_SECOND, PPM, MoveKind, Reason
from opportune.operations import QualityFigure, Service, definitions_of, open_loads, source_quality

OUTCOMES = ("applied", "duplicates", "quarantined")

BOUNDS = (
    "late_for_counters", "counter_range_ends_met", "goal_instances_refused", "open_decisions_refused", "detections_refused",
    "late_for_detectors",
)  # fmt: skip
"""The engine's counts of what it could not keep."""


class ServiceCollector(Collector):
    """Reads the service and the traffic when it is asked."""

    def __init__(self, service: Service, traffic: Traffic) -> None:
        self.service, self.traffic = service, traffic

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
        yield from self._intake()
        yield from self._engine()
        yield from self._sending()
        yield from self._sources()
        yield from self._warehouse()
        yield from self._requests()

    def _intake(self) -> Iterator[Metric]:
        received = CounterMetricFamily("opportune_intake_received", "Messages received.", labels=["source"])
        outcomes = CounterMetricFamily(
            "opportune_intake_messages", "Messages by what became of them.", labels=["source", "outcome"]
        )
        clashes = CounterMetricFamily("opportune_intake_clashes", "Duplicates with another body.", labels=["source"])
        accounts = dict(self.service.deployment.accounting.sources)
        for source, account in accounts.items():
            received.add_metric([source], account.received)
            clashes.add_metric([source], account.clashes)
            for outcome in OUTCOMES:
                outcomes.add_metric([source, outcome], getattr(account, outcome))
        yield from (received, outcomes, clashes)
        asks, size = self.service.door.queued
        deployment = self.service.deployment
        yield _gauge("opportune_queue_asks", "Requests whose messages wait to be taken in.", asks)
        yield _gauge("opportune_queue_bytes", "Bytes of messages that wait to be taken in.", size)
        lag = max(0, deployment.engine.next_seq - deployment.journal.durable_seq)
        yield _gauge("opportune_journal_lag_facts", "Facts that are folded and not yet on disk.", lag)
        yield _gauge("opportune_journal_facts", "Facts on disk.", deployment.journal.durable_seq)
        horizon = deployment.repeats.horizon_ms / 1000
        yield _gauge(
            "opportune_repeats_horizon_seconds", "How far back repeated messages are certainly found.", horizon
        )
        yield _gauge("opportune_ready", "1 while facts are taken in.", int(self.service.ready))

    def _engine(self) -> Iterator[Metric]:
        yield _gauge("opportune_customers", "Customers known.", self.service.deployment.engine.customers)
        yield _counter("opportune_decisions", "Decisions since the start.", self.service.decisions)
        withheld = CounterMetricFamily("opportune_withheld", "Candidates withheld since the start.", labels=["reason"])
        for number, count in dict(self.service.withheld).items():
            withheld.add_metric([Reason(number).name.lower()], count)
        yield withheld
        counts = self.service.deployment.engine.counts
        bounds = CounterMetricFamily(
            "opportune_bounds_met",
            "What came too late, or found a bound met, since the journal began.",
            labels=["what"],
        )
        for what in BOUNDS:
            bounds.add_metric([what], counts[what])
        yield bounds
        waiting = counts["detections_waiting"]
        yield _gauge("opportune_detections_waiting", "What detectors wait for now.", waiting)

    def _sending(self) -> Iterator[Metric]:
        sending = self.service.sending
        moves = CounterMetricFamily("opportune_moves", "What became of decisions since the start.", labels=["kind"])
        for number, count in dict(self.service.moves).items():
            moves.add_metric([MoveKind(number).name.lower()], count)
        depth = GaugeMetricFamily(
            "opportune_outbox_messages", "Messages in the outbox.", labels=["touchpoint", "state"]
        )
        oldest = GaugeMetricFamily(
            "opportune_outbox_oldest_ms",
            "Since when the oldest message is in its state.",
            labels=["touchpoint", "state"],
        )
        for one in sending.outbox.depths():
            depth.add_metric([one.touchpoint, one.state.value], one.count)
            oldest.add_metric([one.touchpoint, one.state.value], one.oldest_ms)
        clicks = CounterMetricFamily("opportune_link_clicks", "Clicks on tracked links since the start.", labels=["by"])
        for by, count in dict(sending.clicks).items():
            clicks.add_metric([by], count)
        yield from (moves, depth, oldest, clicks)
        flight = GaugeMetricFamily("opportune_sending", "Messages being sent now.", labels=["touchpoint"])
        for lane in sending.dispatcher.health() if sending.dispatcher is not None else ():
            flight.add_metric([lane.touchpoint], lane.in_flight)
        yield flight
        yield _gauge("opportune_sending_stopped", "1 while all sending is stopped.", int(sending.outbox.halted()))
        yield _counter(
            "opportune_snapshots_failed", "Snapshots that could not be written.", self.service.door.snapshots_failed
        )

    def _warehouse(self) -> Iterator[Metric]:
        upkeep, journal = self.service.upkeep, self.service.deployment.journal
        yield _gauge("opportune_warehouse_facts", "Facts that the warehouse has.", upkeep.exported_seq)
        yield _gauge("opportune_warehouse_lag_facts", "Facts on disk that are not exported yet.", upkeep.lag)
        yield _gauge("opportune_warehouse_trouble", "1 where the last export failed.", int(bool(upkeep.trouble)))
        yield _counter("opportune_warehouse_failures", "Exports that failed since the start.", upkeep.failures)
        yield _gauge("opportune_journal_first_fact", "The first fact that the journal still has.", journal.first_seq)
        yield _gauge("opportune_journal_bytes", "Bytes of the journal.", journal.bytes)
        yield _counter(
            "opportune_journal_dropped_bytes", "Bytes of journal let go of since the start.", upkeep.dropped_bytes
        )

    def _sources(self) -> Iterator[Metric]:
        labels = ["source", "figure", "field"]
        value = GaugeMetricFamily(
            "opportune_source_quality",
            "Figures of each source's newest load: shares, stability index, age in seconds.",
            labels=labels,
        )
        alert = GaugeMetricFamily("opportune_source_alert", "1 where a figure is beyond its threshold.", labels=labels)
        for one in self._figures():
            if one.value is not None:
                scale = MS_PER_SECOND if one.figure == "fresh" else PPM
                value.add_metric([one.source, one.figure, one.field], one.value / scale)
            if one.threshold is not None:
                alert.add_metric([one.source, one.figure, one.field], int(one.alert))
        yield from (value, alert)

    def _figures(self) -> list[QualityFigure]:
        deployment = self.service.deployment
        if not deployment.store.latest():
            return []
        with open_loads(deployment.folder) as loads:
            return source_quality(loads, definitions_of(deployment.folder), time.time_ns() // 1_000_000)

    def _requests(self) -> Iterator[Metric]:
        traffic = self.traffic
        answered = CounterMetricFamily("opportune_http_requests", "Requests answered.", labels=["group", "status"])
        for (group, status), count in dict(traffic.answered).items():
            answered.add_metric([group, str(status)], count)
        yield answered
        took = HistogramMetricFamily("opportune_http_request_seconds", "Seconds until the answer.", labels=["group"])
        for group, buckets in dict(traffic.buckets).items():
            took.add_metric([group], _cumulated(buckets), traffic.seconds[group])
        yield took
        yield _gauge("opportune_http_in_flight", "Requests being answered.", traffic.in_flight)
        yield _counter(
            "opportune_http_refused_in_flight", "Requests refused for too many in flight.", traffic.refused_in_flight
        )


def registry_of(service: Service, traffic: Traffic) -> CollectorRegistry:
    """A registry of its own, so that two services in one process do not meet."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service, traffic))
    return registry


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    total, told = 0, []
    for bound, count in zip((*SECONDS, float("inf")), buckets, strict=True):
        total += count
        told.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
    return told
