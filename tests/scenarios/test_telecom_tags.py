"""The telecom example's catalogue at an operator's size: tags that say something, equal to SQL written by hand and to the engine."""

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from opportune.engine import Playbook
from opportune.facts import MS_PER_HOUR, encode_scalar
from opportune.operations import (
    Lineage,
    category_tree,
    compile_playbook,
    coverage,
    distribution_as_of,
    list_tags,
    read_definitions,
    run_telecom,
    tags_of_customer,
    view_customer,
)
from opportune.store import Definitions
from opportune.warehouse import Warehouse, export

TELECOM = Path(__file__).parents[2] / "examples" / "telecom"
CUSTOMERS, DAYS = 500, 40
SAMPLE_SEED, SAMPLE = 2026, 50


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    """The example's definitions."""
    return read_definitions(TELECOM / "definitions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world's forty days, exported."""
    result = run_telecom(tmp_path_factory.mktemp("telecom") / "data", customers=CUSTOMERS, days=DAYS, seed=11)
    export(Path(result.folder))
    return Path(result.folder)


# ---- the catalogue


def test_the_families_are_what_their_script_writes() -> None:
    script = TELECOM / "tag_families" / "write.py"
    said = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


def test_size_categories_and_titles(definitions: Definitions) -> None:
    lineage = Lineage(definitions)
    tags = list_tags(lineage)
    assert len(tags) >= 1_200
    assert len(definitions.events) >= 112
    tree = category_tree(lineage, (one.category for one in tags))
    assert sum(one.in_it > 0 for one in tree) >= 80
    assert [one.category for one in tree if not (one.title_en and one.title_zh)] == []
    events = category_tree(lineage, (one.category for one in definitions.events.values()))
    assert [one.category for one in events if not (one.title_en and one.title_zh)] == []
    used = {one.category for one in (*tree, *events)}
    assert definitions.deployment is not None
    assert set(definitions.deployment.categories) - used <= {"state"}  # of detectors


def test_no_tag_is_another_under_a_new_name(definitions: Definitions) -> None:
    made: dict[bytes, str] = {}
    titles: dict[tuple[str, str], str] = {}
    for name, tag in definitions.tags.items():
        if tag.rule is not None or tag.counter is not None:
            text = msgspec.json.encode((tag.rule, tag.counter), order="sorted", enc_hook=encode_scalar)
            assert text not in made, f"{name} is {made.get(text)}"
            made[text] = name
        for language in ("en", "zh"):
            title = language, getattr(tag.title, language).casefold()
            assert title not in titles, f"{name} is called like {titles.get(title)}"
            titles[title] = name
    assert len(made) > 1_000


def test_only_used_tags_are_kept_at_hand(definitions: Definitions) -> None:
    """The state of the whole catalogue is that of a catalogue of the used tags alone."""
    whole = compile_playbook(None, definitions)
    known = whole.definitions
    used = msgspec.structs.replace(known, tags={n: t for n, t in known.tags.items() if n in set(whole.hot)})
    alone = Playbook(used)
    assert len(known.tags) > 1_200 > 100 > len(used.tags) > 40
    assert (whole.layout.record_bytes, whole.layout.wide_bytes) == (alone.layout.record_bytes, alone.layout.wide_bytes)
    places = [
        {p.numbering.names["tag"][number]: place for number, place in p.layout.columns.items()} for p in (whole, alone)
    ]
    assert places[0] == places[1]
    assert len(whole.plan.profiles.counters) == len(alone.plan.profiles.counters)
    assert whole.registers_size == alone.registers_size
    assert whole.plan.profiles.hourly.tolist() == alone.plan.profiles.hourly.tolist()
    assert whole.plan.profiles.daily.tolist() == alone.plan.profiles.daily.tolist()


# ---- their values


def test_most_tags_vary_and_say_something(folder: Path) -> None:
    found = coverage(folder)
    assert len(found) >= 1_200
    assert {one.customers for one in found} == {CUSTOMERS}
    telling = [one.tag for one in found if one.varies and one.told is not None and one.told > 0.05 * CUSTOMERS]
    assert len(telling) >= 1_200
    constant = [one.tag for one in found if not one.varies]
    assert len(constant) <= 20, constant  # what is rare may not have happened to so few customers in so few days


def window(days: int) -> str:
    """Events of today and the days before, `days` in all, in the deployment's zone."""
    return f"CAST(happened_at AS DATE) > (SELECT today FROM world) - {days}"


def events(event: str, figure: str, days: int | None, where: str = "true") -> str:
    """A figure of a customer's events; `hers` is her own local time."""
    when = "true" if days is None else window(days)
    return (
        f"SELECT customer, {figure} FROM (SELECT e.*, e.happened_at - z.behind AS hers FROM event.{event} e JOIN lives z USING (customer)) "
        f"WHERE {when} AND {where} GROUP BY customer"
    )


def newest(event: str, what: str) -> str:
    """The value of the event that happened last."""
    return f"SELECT customer, arg_max({what}, (happened_at, seq)) FROM event.{event} GROUP BY customer"


def said(tag: str, what: str = "value") -> str:
    """What was said last of a tag."""
    return (
        f"SELECT customer, {what} FROM (SELECT customer, arg_max({tag}, seq) AS value FROM tag.{tag} GROUP BY customer)"
    )


def joined(**parts: str) -> str:
    """Every customer with figures of hers beside, 0 where there is none."""
    columns = ", ".join(f"coalesce({name}.figure, 0) AS {name}" for name in parts)
    joins = " ".join(f"LEFT JOIN ({part}) {name}(customer, figure) USING (customer)" for name, part in parts.items())
    return f"(SELECT customer, {columns} FROM customers {joins})"


WIFI = joined(wifi=events("wifi_offload", "sum(mb)", 30), data=events("data_session", "sum(mb)", 30))
ONLINE = joined(app=events("app_opened", "count(*)", 30), web=events("page_viewed", "count(*)", 30))
BY_HAND: dict[str, tuple[object, str]] = {
    "messages_sent_90d": (0, events("sms_sent", "count(*)", 90)),
    "signal_worst_7d": (None, events("weak_coverage", "min(dbm)", 7)),
    "emails_opened_bill_90d": (0, events("email_opened", "count(*)", 90, "topic = 'bill'")),
    "international_seconds_90d": (0, events("call_international", "sum(duration_s)", 90)),
    "data_mb_video_7d": (0, events("data_session", "sum(mb)", 7, "app = 'video'")),
    "help_reads_afternoon_90d": (0, events("help_read", "count(*)", 90, "hour(hers) BETWEEN 12 AND 17")),
    "bill_shocks_365d": (0, events("bill_shock", "count(*)", 365)),
    "circle_on_net": (None, said("circle_on_net")),
    "restored_last_at": (None, newest("outage_restored", "happened_at")),
    "out_of_bundle_mb_90d": (0, events("data_out_of_bundle", "sum(mb)", 90)),
    "weak_coverage_last_cell": (None, newest("weak_coverage", "cell")),
    "hd_seconds_30d": (0, events("volte_call", "sum(duration_s)", 30)),
    "household_size": (None, said("household_size")),
    "work_moved_at": (None, newest("work_moved", "happened_at")),
    "data_sessions_morning_30d": (0, events("data_session", "count(*)", 30, "hour(hers) IN (6, 7, 8)")),
    "live_minutes_evening_30d": (0, events("live_watched", "sum(minutes)", 30, "hour(hers) IN (18, 19, 20)")),
    "data_mb_reading_afternoon_30d": (
        0,
        events("data_session", "sum(mb)", 30, "app = 'reading' AND hour(hers) BETWEEN 12 AND 17"),
    ),
    "app_pages_30d": (0, events("app_opened", "count(DISTINCT page)", 30)),
    "products_viewed_tablet_90d": (0, events("product_viewed", "count(*)", 90, "product = 'tablet'")),
    "points_redeemed_minutes_90d": (0, events("points_redeemed", "sum(points)", 90, "gift = 'minutes'")),
    "chats_plan_90d": (0, events("chat_started", "count(*)", 90, "topic = 'plan'")),
    "wifi_share": (None, f"SELECT customer, 100 * wifi // (wifi + data) FROM {WIFI} WHERE wifi + data > 0"),
    "game_times_90d": (0, events("game_played", "count(*)", 90)),
    "data_mb_4g_7d": (0, events("data_session", "sum(mb)", 7, "generation = '4G'")),
    "complaints_30d": (0, events("complaint_filed", "count(*)", 30)),
    "weak_coverage_late_30d": (0, events("weak_coverage", "count(*)", 30, "hour(hers) >= 21")),
    "demos_charger_90d": (0, events("demo_tried", "count(*)", 90, "product = 'charger'")),
    "satisfaction_band": (
        None,
        said("satisfaction_score", "if(value >= 70, 'happy', if(value >= 50, 'lukewarm', 'unhappy'))"),
    ),
    "memory_gb": (None, said("memory_gb")),
    "data_largest_mb_30d": (None, events("data_session", "max(mb)", 30)),
    "video_minutes_sport_90d": (0, events("video_watched", "sum(minutes)", 90, "genre = 'sport'")),
    "chats_forenoon_90d": (0, events("chat_started", "count(*)", 90, "hour(hers) IN (9, 10, 11)")),
    "contract_days_left": (
        None,
        "SELECT s.customer, datediff('day', z.today, s.value) FROM "
        "(SELECT customer, arg_max(contract_end, seq) AS value FROM tag.contract_end GROUP BY customer) s JOIN lives z USING (customer)",
    ),
    "circle_5g": (None, said("circle_5g")),
    "home_cell": (None, said("home_cell")),
    "best_online_channel": (
        None,
        f"SELECT customer, CASE WHEN app > web THEN 'app' WHEN web > 0 THEN 'web' WHEN wechat THEN 'wechat' ELSE 'sms' END "
        f"FROM {ONLINE} JOIN ({said('wechat_bound', 'value AS wechat')}) USING (customer)",
    ),
    "pack_amount_30d": (0, events("pack_purchased", "sum(amount)", 30)),
    "data_mb_travel_7d": (0, events("data_session", "sum(mb)", 7, "app = 'travel'")),
    "spam_last_at": (None, newest("spam_call_blocked", "happened_at")),
    "services_tried_video_pack_90d": (0, events("service_trialled", "count(*)", 90, "service = 'video_pack'")),
    "invitations_wechat_90d": (0, events("friend_invited", "count(*)", 90, "channel = 'wechat'")),
    "calls_dropped_30d": (0, events("call_dropped", "count(*)", 30)),
    "partner_visits_weekends_90d": (0, events("partner_shop_visited", "count(*)", 90, "isodow(hers) IN (6, 7)")),
    "uncart_days_ago": (
        None,
        "SELECT customer, datediff('day', CAST(max(happened_at - behind) AS DATE), any_value(today)) "
        "FROM event.cart_removed JOIN lives USING (customer) GROUP BY customer",
    ),
    "chats_plan_30d": (0, events("chat_started", "count(*)", 30, "topic = 'plan'")),
    "congestion_last_cell": (None, newest("congestion_met", "cell")),
    "recharge_amount_wechat_90d": (0, events("recharge", "sum(amount)", 90, "channel = 'wechat'")),
    "counter_served_device_90d": (0, events("counter_served", "count(*)", 90, "purpose = 'device'")),
    "data_mb_news_weekdays_30d": (0, events("data_session", "sum(mb)", 30, "app = 'news' AND isodow(hers) <= 5")),
    "points_redeemed_voucher_90d": (0, events("points_redeemed", "sum(points)", 90, "gift = 'voucher'")),
}
"""Tag -> what it is for those whom the query does not name, and the query, written from what the tag's title says."""


def test_a_seeded_sample_equals_sql_written_by_hand(folder: Path, definitions: Definitions) -> None:
    drawn = sorted(definitions.tags, key=lambda name: hashlib.blake2b(f"{SAMPLE_SEED} {name}".encode()).digest())
    assert sorted(drawn[:SAMPLE]) == sorted(BY_HAND), "the catalogue has grown: write SQL for what is drawn now"
    differ, told = [], 0
    with Warehouse(folder) as warehouse:
        warehouse.hold()
        shown = warehouse.views.local(f"CAST({warehouse.manifest.now_ms} AS BIGINT)")
        warehouse.connection.execute(f"CREATE TABLE world AS SELECT {shown} AS now, CAST({shown} AS DATE) AS today")
        warehouse.prepare("SELECT * FROM tag.zone")
        warehouse.connection.execute(
            "CREATE TABLE lives AS SELECT customer, behind, CAST(now - behind AS DATE) AS today FROM world, (SELECT customer, "
            "if(arg_max(zone, seq) = 'Asia/Urumqi', INTERVAL 2 HOUR, INTERVAL 0 HOUR) AS behind FROM tag.zone GROUP BY customer)"
        )
        for tag, (otherwise, query) in BY_HAND.items():
            warehouse.prepare(query)
            hers = dict(warehouse.connection.execute(query).fetchall())
            wanted = {customer: hers.get(customer, otherwise) for customer in range(CUSTOMERS)}
            found = dict(warehouse.query(f"SELECT customer, {tag} FROM latest.{tag}").rows)
            told += len(hers) > 0
            if found != wanted:
                differ.append((tag, [(c, found[c], wanted[c]) for c in wanted if found.get(c) != wanted[c]][:3]))
    assert differ == []
    assert told >= SAMPLE - 3


@pytest.mark.parametrize("customer", [0, 123])
def test_the_engine_and_the_warehouse_say_the_same_of_every_tag(folder: Path, customer: int) -> None:
    """Her own engine replays her facts with a column for every tag; the warehouse asks SQL."""
    ours = {line.tag: line.value for line in view_customer(folder, customer).tags}
    assert len(ours) >= 1_200
    asked = list(ours)[customer % 2 :: 2]
    theirs = {one.tag: one.value for one in tags_of_customer(folder, asked, customer)}
    assert [(tag, ours[tag], theirs[tag]) for tag in asked if ours[tag] != theirs[tag]] == []
    assert sum(value not in (None, 0, "", "0.00", False) for value in ours.values()) > 500


def test_values_as_of_a_past_moment(folder: Path) -> None:
    with Warehouse(folder) as warehouse:
        then = warehouse.manifest.now_ms - 20 * 24 * MS_PER_HOUR
        [(payer,)] = warehouse.query("SELECT arg_min(customer, happened_at) FROM event.wallet_paid").rows
    early, late = distribution_as_of(folder, "wallet_amount_90d", then), distribution_as_of(folder, "wallet_amount_90d")
    assert early.values != late.values
    now, before = (tags_of_customer(folder, ["wallet_payments_90d"], payer, moment)[0] for moment in (None, then))
    assert isinstance(now.value, int)
    assert isinstance(before.value, int)
    assert 0 < before.value <= now.value
    assert before.at < now.at
