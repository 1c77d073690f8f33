"""Tags of the network as it is felt, of handsets, of places, shops and service."""

from collections.abc import Iterator

from families import ALL, HOURS, LIFE, WAKING, WEEK, Slice, Tag, by, count, days, distinct, extreme, family, last, total

TOPICS = (
    ("bill", "about bills", "账单"),
    ("plan", "about plans", "套餐"),
    ("network", "about the network", "网络"),
    ("service", "about services", "业务"),
    ("roaming", "about roaming", "漫游"),
)
COMPLAINTS = (
    ("network", "about the network", "网络"),
    ("billing", "about billing", "计费"),
    ("service", "about service", "服务"),
    ("harassment", "about harassment", "骚扰"),
)
OPTIONS = (
    ("balance", "for the balance", "查余额"),
    ("bill", "for the bill", "查账单"),
    ("data", "for data", "查流量"),
    ("agent", "for an agent", "转人工"),
)
PURPOSES = (
    ("bill", "for bills", "账单"),
    ("plan", "for plans", "套餐"),
    ("device", "for devices", "终端"),
    ("contract", "for contracts", "合约"),
    ("sim", "for SIMs", "卡务"),
)
GOODS = (
    ("handset", "handset", "手机类"),
    ("earphones", "earphone", "耳机类"),
    ("router", "router", "路由器类"),
    ("charger", "charger", "充电器类"),
    ("tablet", "tablet", "平板类"),
    ("watch", "watch", "手表类"),
)
AREAS = (
    ("business_district", "in business districts", "商务区"), ("station", "at stations", "车站"), ("airport", "at airports", "机场"),
    ("campus", "on campuses", "校园"), ("mall", "in malls", "商场"), ("scenic_spot", "at sights", "景区"),
)  # fmt: skip
FAULTS = (
    ("broadband", "of broadband", "宽带"),
    ("mobile", "of mobile service", "移动业务"),
    ("tv", "of TV", "电视"),
    ("fixed_line", "of the fixed line", "固话"),
)
SURVEYS = (
    ("network", "about the network", "网络"),
    ("shop", "about shops", "营业厅"),
    ("hotline", "about the hotline", "热线"),
    ("app", "about the app", "掌厅"),
)


def tags() -> Iterator[Tag]:
    """All of them."""
    yield from _network()
    yield from _outages()
    yield from _handsets()
    yield from _areas()
    yield from _shops()
    yield from _hotline()
    yield from _complaints()
    yield from _help()


def _network() -> Iterator[Tag]:
    for event, category, noun, en, zh in (
        ("call_dropped", "experience/dropped_calls", "calls_dropped", "Dropped calls", "掉话"),
        ("call_setup_failed", "experience/failed_calls", "calls_failed", "Calls that could not be set up", "接续失败"),
        ("weak_coverage", "experience/coverage", "weak_coverage", "Times in weak coverage", "弱覆盖"),
        ("slow_data", "experience/speed", "slow_data", "Slow data sessions", "低速上网"),
        ("congestion_met", "experience/congestion", "congestion", "Times in congestion", "网络拥塞"),
    ):
        times = count(noun, en, f"{zh}次数")
        yield from family(event, category, (times,), days(7, 30, 90))
        yield from family(event, "experience/time_of_day", (times,), days(30), (HOURS[2], HOURS[3], HOURS[4], HOURS[5]))
        yield from family(
            event,
            "experience/places",
            (distinct(f"{noun}_cells", "cell", f"Cells with {en[0].lower()}{en[1:]}", f"{zh}小区数", "cells"),),
            days(30),
        )
        yield last(event, category, f"{noun}_last_at", f"Last of the {en[0].lower()}{en[1:]}", f"最近{zh}时间")
        yield last(
            event,
            "experience/places",
            f"{noun}_last_cell",
            f"Cell of the last of the {en[0].lower()}{en[1:]}",
            f"最近{zh}小区",
            "cell",
        )
    yield from family(
        "weak_coverage",
        "experience/coverage",
        (extreme("signal_worst", "min", "dbm", "Weakest signal", "最弱信号强度", "dBm"),),
        days(7, 30),
    )
    yield last(
        "weak_coverage",
        "experience/coverage",
        "signal_last",
        "Weak signal last measured",
        "最近弱信号强度",
        "dbm",
        "dBm",
    )
    very = (Slice("very", "event.kbps < 300", "very", zh="极"),)
    yield from family(
        "slow_data", "experience/speed", (count("slow_data", "Slow data sessions", "低速上网次数"),), days(30), very
    )
    yield from family(
        "slow_data",
        "experience/speed",
        (extreme("speed_worst", "min", "kbps", "Slowest speed", "最低速率", "kbit/s"),),
        days(7),
    )
    yield last(
        "slow_data", "experience/speed", "speed_slow_last", "Slow speed last measured", "最近低速速率", "kbps", "kbit/s"
    )


def _outages() -> Iterator[Tag]:
    minutes = total("outage_minutes", "minutes", "Minutes without service", "断网时长", "min")
    yield from family(
        "outage_affected",
        "experience/outages",
        (count("outages", "Outages at home", "基站故障次数"), minutes),
        days(30, 90),
    )
    yield from family(
        "outage_affected",
        "experience/outages",
        (extreme("outage_longest_min", "max", "minutes", "Longest outage", "最长断网时长", "min"),),
        days(90),
    )
    yield last("outage_affected", "experience/outages", "outage_last_at", "Last outage", "最近基站故障时间")
    yield last("outage_restored", "experience/outages", "restored_last_at", "Service restored last", "最近恢复服务时间")
    faults = count("faults", "Faults reported", "报修次数")
    yield from family("fault_reported", "experience/faults", (faults,), days(30, 90))
    yield from family("fault_reported", "experience/faults", (faults,), days(90), by("kind", "", FAULTS, after=True))
    yield last("fault_reported", "experience/faults", "fault_last_at", "Fault reported last", "最近报修时间")
    yield last("fault_fixed", "experience/faults", "fault_fixed_at", "Fault mended last", "最近修复时间")
    yield from family(
        "fault_fixed",
        "experience/faults",
        (extreme("fault_hours_max", "max", "hours", "Longest time to mend a fault", "最长修复时长", "h"),),
        days(90),
    )


def _handsets() -> Iterator[Tag]:
    yield last("device_changed", "device/change_cycle", "handset_changed_at", "New handset seen last", "最近换机时间")
    yield from family(
        "device_changed",
        "device/change_cycle",
        (count("handset_changes", "Changes of handset", "换机次数"),),
        days(365),
    )
    yield last(
        "device_bought", "device/change_cycle", "device_bought_at", "Handset bought from us last", "最近购机时间"
    )
    yield last(
        "device_trade_in_enquired",
        "device/change_cycle",
        "trade_in_model",
        "Model asked about for trade-in",
        "最近咨询换购机型",
        "model",
    )
    yield from family(
        "os_upgraded",
        "device/system",
        (count("os_upgrades", "Upgrades of the operating system", "系统升级次数"),),
        days(90),
    )
    yield last(
        "os_upgraded", "device/system", "os_upgraded_to", "Operating system upgraded to", "最近升级系统版本", "version"
    )
    yield last("os_upgraded", "device/system", "os_upgraded_at", "Operating system upgraded last", "最近系统升级时间")
    yield last("esim_enabled", "subscription/sim", "esim_enabled_at", "eSIM switched on last", "最近开通eSIM时间")
    yield last("handset_lost", "device/care", "handset_lost_at", "Handset lost last", "最近挂失时间")
    bought = count("accessories", "accessories bought", "配件购买次数")
    yield from family(
        "accessory_bought",
        "device/accessories",
        (bought, total("accessory_amount", "price", "Spent on accessories", "配件消费", "CNY")),
        days(90, 180),
    )
    yield last(
        "accessory_bought", "device/accessories", "accessory_last", "Accessory bought last", "最近购买配件", "product"
    )
    yield from family(
        "repair_booked", "device/care", (count("repairs", "Repairs booked", "预约维修次数"),), days(90, 365)
    )
    yield last("repair_booked", "device/care", "repair_last", "What was broken last", "最近维修类型", "kind")
    yield last("insurance_bought", "device/care", "insured_at", "Handset insured last", "最近购买碎屏险时间")


def _areas() -> Iterator[Tag]:
    visits = count("area_visits", "Visits", "到访次数")
    yield from family("area_entered", "places/areas", (visits,), days(30), by("area", "", AREAS, after=True))
    yield from family("area_entered", "places/areas", (visits,), days(7, 30, 90))
    yield from family("area_entered", "places/areas", (visits,), days(30), WEEK)
    yield from family(
        "area_entered",
        "places/areas",
        (distinct("area_kinds", "area", "Kinds of areas visited", "到访区域类别数", "kinds", 10),),
        days(30),
    )
    yield last("area_entered", "places/areas", "area_last", "Kind of area entered last", "最近进入区域", "area")
    yield last("area_entered", "places/areas", "area_entered_at", "Area entered last", "最近进入区域时间")
    yield last("area_left", "places/areas", "area_left_at", "Area left last", "最近离开区域时间")
    yield last("home_moved", "places/moves", "home_moved_at", "Home moved last", "最近常驻地变更时间")
    yield last("home_moved", "places/moves", "home_moved_to", "Cell home moved to", "最近变更后常驻小区", "cell")
    yield last("work_moved", "places/moves", "work_moved_at", "Workplace moved last", "最近工作地变更时间")
    yield from family("home_moved", "places/moves", (count("moves", "Moves of home", "常驻地变更次数"),), days(365))


def _shops() -> Iterator[Tag]:
    for event, category, noun, en, zh in (
        ("shop_entered", "channels/shop", "shop_visits", "Shop visits", "到厅"),
        ("kiosk_used", "channels/kiosk", "kiosk_uses", "Kiosk uses", "自助终端使用"),
        ("partner_shop_visited", "channels/partner_shop", "partner_visits", "Visits to partner shops", "到访代理商"),
    ):
        visits = count(noun, en, f"{zh}次数", "visits")
        yield from family(event, category, (visits,), days(7, 30, 90, 180))
        yield from family(event, category, (visits,), days(90), (HOURS[2], HOURS[3], HOURS[4], *WEEK))
        yield from family(
            event,
            category,
            (
                distinct(
                    f"{noun}_shops",
                    "shop",
                    f"Different shops of the {en[0].lower()}{en[1:]}",
                    f"{zh}门店数",
                    "shops",
                    20,
                ),
            ),
            days(90),
        )
        yield last(event, category, f"{noun}_last_at", f"Last of the {en[0].lower()}{en[1:]}", f"最近{zh}时间")
        yield last(
            event,
            category,
            f"{noun}_last_shop",
            f"Shop of the last of the {en[0].lower()}{en[1:]}",
            f"最近{zh}门店",
            "shop",
        )
    served, minutes = (
        count("counter_served", "Times served at the counter", "柜台办理次数"),
        total("counter_minutes", "minutes", "Minutes at the counter", "柜台办理时长", "min"),
    )
    yield from family("counter_served", "service/counter", (served, minutes), days(30, 90))
    yield from family("counter_served", "service/counter", (served,), days(90), by("purpose", "", PURPOSES, after=True))
    yield last(
        "counter_served",
        "service/counter",
        "counter_purpose_last",
        "Purpose at the counter last",
        "最近柜台办理事由",
        "purpose",
    )
    yield from family(
        "queue_ticket_taken",
        "service/counter",
        (count("queue_tickets", "Queue tickets taken", "取号次数"),),
        days(30, 90),
    )
    tried = count("demos", "demos tried", "终端体验次数")
    yield from family("demo_tried", "device/interest", (tried,), days(90), (*ALL, *by("product", "", GOODS)))
    yield last("demo_tried", "device/interest", "demo_last", "Device tried last", "最近体验终端", "product")
    yield from family(
        "visit_booked", "service/visits", (count("visits_booked", "Visits booked", "预约到厅次数"),), days(30, 90)
    )
    yield last(
        "visit_booked",
        "service/visits",
        "visit_purpose_last",
        "Purpose of the last visit booked",
        "最近预约事由",
        "purpose",
    )


def _hotline() -> Iterator[Tag]:
    for event, category, noun, en, zh, words in (
        ("hotline_called", "service/hotline", "hotline_calls", "Hotline calls", "热线来电", TOPICS),
        ("chat_started", "service/chat", "chats", "Chats", "在线咨询", TOPICS),
        ("help_read", "service/self_help", "help_reads", "Help pages read", "查看帮助", TOPICS),
    ):
        times = count(noun, en, f"{zh}次数")
        yield from family(event, category, (times,), days(7, 30, 90, 180))
        yield from family(event, category, (times,), days(30, 90), by("topic", "", words, after=True))
        yield from family(event, category, (times,), days(90), (*WAKING, *WEEK))
        yield last(event, category, f"{noun}_last_at", f"Last of the {en[0].lower()}{en[1:]}", f"最近{zh}时间")
        yield last(
            event,
            category,
            f"{noun}_last_topic",
            f"Topic of the last of the {en[0].lower()}{en[1:]}",
            f"最近{zh}事由",
            "topic",
        )
    menu = count("menu_choices", "Voice-menu choices", "语音导航按键次数")
    yield from family("ivr_option_chosen", "service/voice_menu", (menu,), days(7, 30, 90))
    yield from family(
        "ivr_option_chosen", "service/voice_menu", (menu,), days(30, 90), by("option", "", OPTIONS, after=True)
    )
    yield last(
        "ivr_option_chosen", "service/voice_menu", "menu_last_at", "Voice menu used last", "最近使用语音导航时间"
    )
    yield last(
        "ivr_option_chosen",
        "service/voice_menu",
        "menu_last_option",
        "Voice-menu option chosen last",
        "最近语音导航选项",
        "option",
    )
    callbacks = count("callbacks", "Callbacks asked for", "请求回电次数")
    yield from family("callback_requested", "service/callbacks", (callbacks,), days(30, 90))
    yield last(
        "callback_requested",
        "service/callbacks",
        "callback_topic_last",
        "Topic of the last callback",
        "最近请求回电事由",
        "topic",
    )


def _complaints() -> Iterator[Tag]:
    filed = count("complaints", "Complaints", "投诉次数")
    yield from family("complaint_filed", "experience/complaints", (filed,), days(30, 180, 365))
    yield from family(
        "complaint_filed", "experience/complaints", (filed,), days(180), by("topic", "", COMPLAINTS, after=True)
    )
    yield last("complaint_filed", "experience/complaints", "complaint_last_at", "Complaint filed last", "最近投诉时间")
    yield last(
        "complaint_filed",
        "experience/complaints",
        "complaint_last_topic",
        "Topic of the last complaint",
        "最近投诉类别",
        "topic",
    )
    yield from family(
        "complaint_resolved",
        "experience/complaints",
        (
            extreme(
                "complaint_hours_max", "max", "hours", "Longest time to settle a complaint", "最长投诉处理时长", "h"
            ),
        ),
        days(180),
    )
    yield from family(
        "complaint_reopened",
        "experience/complaints",
        (count("complaints_reopened", "Complaints reopened", "投诉重启次数"),),
        days(180),
    )
    yield from family(
        "refund_requested",
        "service/refunds",
        (
            count("refunds", "Refunds asked for", "申请退费次数"),
            total("refund_amount", "amount", "Refunds asked for, amount", "申请退费金额", "CNY"),
        ),
        days(90),
    )
    yield from family(
        "password_reset",
        "service/self_help",
        (count("password_resets", "Password resets", "重置密码次数"),),
        days(30, 90),
    )
    yield last("password_reset", "service/self_help", "password_reset_at", "Password reset last", "最近重置密码时间")


def _help() -> Iterator[Tag]:
    sent = count("surveys_sent", "Surveys sent", "调查发送次数")
    yield from family("survey_sent", "service/surveys", (sent,), days(30, 90))
    yield from family("survey_sent", "service/surveys", (sent,), days(90), by("survey", "", SURVEYS, after=True))
    answered = count("surveys_answered", "Surveys answered", "调查回复次数")
    yield from family("survey_answered", "service/surveys", (answered,), days(90, 365))
    groups = (
        Slice("promoter", "event.score >= 9", "promoter", zh="推荐者"),
        Slice("detractor", "event.score <= 6", "detractor", zh="贬损者"),
    )
    yield from family(
        "survey_answered", "experience/recommendation", (count("answers", "Answers", "回复次数"),), days(180), groups
    )
    yield from family(
        "survey_answered",
        "experience/recommendation",
        (extreme("score_worst", "min", "score", "Lowest score", "最低推荐分", "points"),),
        days(180),
    )
    yield last(
        "survey_answered", "experience/recommendation", "survey_last_at", "Survey answered last", "最近回复调查时间"
    )
    yield from family(
        "survey_answered",
        "experience/recommendation",
        (count("answers_life", "Surveys answered", "调查回复次数"),),
        LIFE,
    )
