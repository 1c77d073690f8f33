"""Tags of calls, messages, data and content."""

from collections.abc import Iterator

from families import HOURS, LIFE, WAKING, WEEK, Slice, Tag, by, count, days, distinct, extreme, family, last, total

COUNTRIES = (
    ("Thailand", "to Thailand", "泰国"), ("Japan", "to Japan", "日本"), ("Malaysia", "to Malaysia", "马来西亚"),
    ("Singapore", "to Singapore", "新加坡"), ("France", "to France", "法国"), ("Kazakhstan", "to Kazakhstan", "哈萨克斯坦"),
)  # fmt: skip
STAYS = tuple((word, en.replace("to ", "in "), zh) for word, en, zh in COUNTRIES)
APPS = (
    ("video", "video", "视频"), ("social", "social", "社交"), ("news", "news", "资讯"), ("shopping", "shopping", "购物"),
    ("game", "game", "游戏"), ("music", "music", "音乐"), ("reading", "reading", "阅读"), ("finance", "finance", "理财"),
    ("travel", "travel", "出行"), ("education", "education", "教育"),
)  # fmt: skip
GENRES = (
    ("series", "series:", "剧集"), ("film", "film:", "电影"), ("sport", "sport:", "体育"), ("news", "news:", "新闻"),
    ("children", "children's:", "少儿"), ("variety", "variety:", "综艺"),
)  # fmt: skip
ONNET = (
    Slice("onnet", "event.onnet", "on-net", zh="网内"),
    Slice("offnet", "NOT event.onnet", "off-net", zh="网外"),
)
LENGTHS = (
    Slice("short", "event.duration_s < 30", "short (under 30 s)", zh="短时长(30秒内)"),
    Slice("medium", "event.duration_s BETWEEN 30 AND 299", "medium (30 s to 5 min)", zh="中时长(30秒至5分钟)"),
    Slice("long", "event.duration_s >= 300", "long (5 min and more)", zh="长时长(5分钟以上)"),
)
GENERATIONS = by("generation", "", (("4G", "4G", "4G"), ("5G", "5G", "5G")))


def tags() -> Iterator[Tag]:
    """All of them."""
    yield from _made()
    yield from _received()
    yield from _abroad()
    yield from _messages()
    yield from _data()
    yield from _data_content()
    yield from _data_beyond()
    yield from _content()


def _made() -> Iterator[Tag]:
    calls, seconds = (
        count("calls_made", "Calls made", "主叫次数", "calls"),
        total("call_seconds", "duration_s", "Seconds called", "主叫时长", "s"),
    )
    yield from family("call_made", "voice/volume", (calls, seconds), days(7, 30, 90))
    yield from family("call_made", "voice/time_of_day", (calls, seconds), days(30), HOURS)
    yield from family("call_made", "voice/weekdays", (calls, seconds), days(30), WEEK)
    yield from family("call_made", "voice/on_off_net", (calls, seconds), days(7, 30), ONNET)
    yield from family("call_made", "voice/length", (calls,), days(7, 30), LENGTHS)
    heard = count("ring_backs_heard", "Ring-back tones heard", "听到彩铃次数")
    yield from family("call_made", "voice/call_circle", (heard,), days(7, 90), (Slice("", "event.ring_back"),))
    yield from family(
        "call_made",
        "voice/places",
        (distinct("call_cells", "cell", "Cells called from", "主叫小区数", "cells"),),
        days(7, 30),
    )
    yield from family(
        "call_made",
        "voice/length",
        (extreme("call_longest_s", "max", "duration_s", "Longest call made", "最长主叫时长", "s"),),
        days(7, 30),
    )
    yield last("call_made", "voice/recency", "call_made_last_at", "Last call made", "最近主叫时间")
    yield last("call_made", "voice/places", "call_cell_last", "Cell of the last call made", "最近主叫小区", "cell")
    yield from family(
        "volte_call",
        "voice/hd_calls",
        (
            count("hd_calls", "HD calls", "高清通话次数", "calls"),
            total("hd_seconds", "duration_s", "Seconds of HD calls", "高清通话时长", "s"),
        ),
        days(7, 30, 90),
    )
    yield last("volte_call", "voice/hd_calls", "hd_call_last_at", "Last HD call", "最近高清通话时间")


def _received() -> Iterator[Tag]:
    calls, seconds = (
        count("calls_received", "Calls received", "被叫次数", "calls"),
        total("received_seconds", "duration_s", "Seconds of calls received", "被叫时长", "s"),
    )
    yield from family("call_received", "voice/direction", (calls, seconds), days(7, 30, 90))
    yield from family("call_received", "voice/time_of_day", (calls, seconds), days(30), HOURS)
    yield from family("call_received", "voice/weekdays", (calls, seconds), days(30), WEEK)
    yield from family("call_received", "voice/length", (calls,), days(30), LENGTHS)
    yield from family(
        "call_received",
        "voice/places",
        (distinct("received_cells", "cell", "Cells called in", "被叫小区数", "cells"),),
        days(30),
    )
    yield from family(
        "call_received",
        "voice/length",
        (extreme("received_longest_s", "max", "duration_s", "Longest call received", "最长被叫时长", "s"),),
        days(30),
    )
    yield last("call_received", "voice/recency", "call_received_last_at", "Last call received", "最近被叫时间")
    missed = count("calls_missed", "Calls missed", "未接来电次数", "calls")
    yield from family("call_missed", "voice/missed", (missed,), days(7, 30, 90))
    yield from family("call_missed", "voice/missed", (missed,), days(30), WAKING)
    yield last("call_missed", "voice/missed", "call_missed_last_at", "Last call missed", "最近未接来电时间")
    yield from family(
        "voicemail_left", "voice/missed", (count("voicemails", "Voicemails left", "语音留言次数"),), days(30, 90)
    )
    yield from family(
        "spam_call_blocked",
        "voice/spam",
        (total("spam_calls", "calls", "Spam calls blocked", "拦截骚扰电话数", "calls"),),
        days(7, 30, 90),
    )
    yield last("spam_call_blocked", "voice/spam", "spam_last_at", "Spam call blocked last", "最近拦截骚扰电话时间")


def _abroad() -> Iterator[Tag]:
    calls, seconds = (
        count("calls_international", "International calls", "国际长途次数", "calls"),
        total("international_seconds", "duration_s", "Seconds of international calls", "国际长途时长", "s"),
    )
    yield from family("call_international", "voice/international", (calls, seconds), days(30, 90))
    yield from family(
        "call_international", "voice/international", (calls,), days(90), by("country", "", COUNTRIES, after=True)
    )
    yield from family(
        "call_international",
        "voice/international",
        (distinct("countries_called", "country", "Countries called", "国际长途国家数", "countries", 20),),
        days(90),
    )
    yield last(
        "call_international",
        "voice/international",
        "international_last_at",
        "Last international call",
        "最近国际长途时间",
    )
    yield last(
        "call_international",
        "voice/international",
        "international_last_country",
        "Country called last",
        "最近国际长途国家",
        "country",
    )
    roaming = (
        count("calls_roaming", "Calls made abroad", "漫游通话次数", "calls"),
        total("roaming_seconds", "duration_s", "Seconds called abroad", "漫游通话时长", "s"),
    )
    yield from family("call_roaming", "voice/roaming", roaming, days(30, 90))
    yield from family("call_roaming", "voice/roaming", roaming[:1], days(90), by("country", "", STAYS, after=True))
    mb = total("roaming_mb", "mb", "Data used abroad", "漫游流量", "MB")
    yield from family(
        "data_roaming",
        "data/roaming",
        (mb, count("roaming_sessions", "Data sessions abroad", "漫游上网次数", "sessions")),
        days(30, 90),
    )
    yield from family("data_roaming", "data/roaming", (mb,), days(90), by("country", "", STAYS, after=True))
    yield last("data_roaming", "data/roaming", "roaming_data_last_at", "Data used abroad last", "最近漫游上网时间")
    trips = count("trips_abroad", "Journeys abroad", "出境次数")
    yield from family("roaming_entered", "places/abroad", (trips,), days(30, 90, 365))
    yield from family("roaming_entered", "places/abroad", (trips,), days(365), by("country", "", COUNTRIES, after=True))
    yield last("roaming_entered", "places/abroad", "trip_last_at", "Last arrival abroad", "最近出境时间")
    yield last(
        "roaming_entered", "places/abroad", "trip_last_country", "Country visited last", "最近到访国家", "country"
    )


def _messages() -> Iterator[Tag]:
    sent, parts = (
        count("messages_sent", "Text messages sent", "短信发送次数", "messages"),
        total("message_parts", "parts", "Message parts sent", "短信条数", "parts"),
    )
    yield from family("sms_sent", "messaging/volume", (sent, parts), days(7, 30, 90))
    yield from family("sms_sent", "messaging/time_of_day", (sent,), days(30), HOURS)
    yield from family("sms_sent", "messaging/weekdays", (sent,), days(30), WEEK)
    yield last("sms_sent", "messaging/volume", "message_last_at", "Last text message sent", "最近发送短信时间")
    yield from family(
        "mms_sent",
        "messaging/picture",
        (
            count("pictures_sent", "Picture messages sent", "彩信发送次数", "messages"),
            total("picture_kb", "kb", "Size of picture messages", "彩信流量", "KB"),
        ),
        days(30, 90),
    )


def _data() -> Iterator[Tag]:
    mb, sessions = (
        total("data_mb", "mb", "Data used", "流量", "MB"),
        count("data_sessions", "Data sessions", "上网次数", "sessions"),
    )
    yield from family("data_session", "data/volume", (mb, sessions), days(1, 7, 30, 90))
    yield from family("data_session", "data/time_of_day", (mb, sessions), days(7, 30), HOURS)
    yield from family("data_session", "data/weekdays", (mb, sessions), days(30), WEEK)
    yield from family("data_session", "data/generation", (mb, sessions), days(7, 30), GENERATIONS)
    yield from family(
        "data_session",
        "data/session_size",
        (extreme("data_largest_mb", "max", "mb", "Largest data session", "单次最大流量", "MB"),),
        days(7, 30),
    )
    sizes = (
        Slice("large", "event.mb >= 500", "large", zh="大流量(500MB以上)"),
        Slice("small", "event.mb < 50", "small", zh="小流量(50MB以内)"),
    )
    yield from family("data_session", "data/session_size", (sessions,), days(7, 30), sizes)
    yield from family(
        "data_session",
        "data/place",
        (distinct("data_cells", "cell", "Cells with data use", "上网小区数", "cells"),),
        days(7, 30),
    )
    yield from family(
        "data_session",
        "data/content",
        (distinct("data_contents", "app", "Kinds of content used", "使用内容类别数", "kinds", 20),),
        days(7, 30),
    )
    yield last("data_session", "data/recency", "data_last_at", "Data last used", "最近上网时间")
    yield last("data_session", "data/place", "data_cell_last", "Cell of the last data session", "最近上网小区", "cell")
    yield last(
        "data_session", "data/content", "data_content_last", "Kind of content used last", "最近使用内容类别", "app"
    )


def _data_content() -> Iterator[Tag]:
    mb, sessions = (
        total("data_mb", "mb", "Data used", "流量", "MB"),
        count("data_sessions", "Data sessions", "上网次数", "sessions"),
    )
    yield from family("data_session", "data/content", (mb, sessions), days(7, 30, 90), by("app", "", APPS))
    for word, en, zh in APPS:
        hours = tuple(
            Slice(f"{word}_{one.name}", f"event.app = '{word}' AND {one.where}", f"{one.before} {en}", zh=f"{one.zh}{zh}")
            for one in (*WAKING, *WEEK)
        )  # fmt: skip
        yield from family("data_session", "data/content_hours", (mb,), days(30), hours)


def _data_beyond() -> Iterator[Tag]:
    reported = extreme(
        "data_used_pct_max", "max", "used_pct", "Highest share of the bundle used", "最高流量使用率", "%"
    )
    yield from family("data_usage_reported", "data/saturation", (reported,), days(30, 90))
    warned = count("usage_reports", "Reports of bundle use", "流量提醒次数")
    yield from family("data_usage_reported", "data/saturation", (warned,), days(30, 90))
    over = (
        Slice("over_80", "event.used_pct >= 80", after="from 80 % on", zh="80%以上"),
        Slice("over_100", "event.used_pct >= 100", after="from 100 % on", zh="100%以上"),
    )
    yield from family("data_usage_reported", "data/saturation", (warned,), days(30), over)
    yield from family(
        "data_pack_exhausted",
        "data/saturation",
        (count("bundles_exhausted", "Bundles used up", "流量用尽次数"),),
        days(30),
    )
    yield from family(
        "data_pack_exhausted",
        "data/saturation",
        (
            extreme(
                "exhausted_days_left",
                "max",
                "days_left",
                "Earliest end of a bundle, days left",
                "流量最早用尽剩余天数",
                "d",
            ),
        ),
        days(90),
    )
    for event, category, noun, en, zh in (
        ("tethering_used", "data/tethering", "tethering", "hotspot", "热点"),
        ("wifi_offload", "data/wifi", "wifi", "Wi-Fi", "Wi-Fi分流"),
    ):
        figures = (
            total(
                f"{noun}_mb",
                "mb",
                f"{en} traffic".capitalize() if en == "hotspot" else f"{en} traffic",
                f"{zh}流量",
                "MB",
            ),
            count(f"{noun}_times", f"Times of {en} use", f"{zh}使用次数"),
        )
        yield from family(event, category, figures, days(7, 30, 90))
        yield last(event, category, f"{noun}_last_at", f"Last {en} use", f"最近{zh}使用时间")
    beyond = (
        total("out_of_bundle_mb", "mb", "Data beyond the bundle", "套外流量", "MB"),
        total("out_of_bundle_charge", "charge", "Charged beyond the bundle", "套外流量费", "CNY"),
    )
    yield from family("data_out_of_bundle", "data/out_of_bundle", beyond, days(30, 90))
    yield last(
        "data_out_of_bundle",
        "data/out_of_bundle",
        "out_of_bundle_last_at",
        "Beyond the bundle last",
        "最近套外用量时间",
    )


def _content() -> Iterator[Tag]:
    for event, category, noun, en, zh in (
        ("video_watched", "content/video", "video", "video", "视频"),
        ("music_played", "content/music", "music", "music", "音乐"),
        ("game_played", "content/games", "game", "games", "游戏"),
        ("short_video_session", "content/short_video", "short_video", "short videos", "短视频"),
        ("reading_session", "content/reading", "reading", "reading", "阅读"),
        ("live_watched", "content/live", "live", "live streams", "直播"),
    ):
        minutes, times = (
            total(f"{noun}_minutes", "minutes", f"Minutes of {en}", f"{zh}时长", "min"),
            count(f"{noun}_times", f"Times of {en}", f"{zh}次数"),
        )
        yield from family(event, category, (minutes, times), days(7, 30, 90))
        yield from family(event, category, (minutes,), days(30), (HOURS[4], HOURS[5], *WEEK))
        yield from family(
            event,
            category,
            (extreme(f"{noun}_longest_min", "max", "minutes", f"Longest time of {en}", f"单次最长{zh}时长", "min"),),
            days(30),
        )
        yield last(event, category, f"{noun}_last_at", f"Last time of {en}", f"最近{zh}时间")
    minutes = total("video_minutes", "minutes", "Minutes of video", "视频时长", "min")
    yield from family("video_watched", "content/genres", (minutes,), days(30, 90), by("genre", "", GENRES))
    yield last("video_watched", "content/genres", "genre_last", "Genre watched last", "最近观看节目类型", "genre")
    yield from family(
        "cloud_backup",
        "content/cloud",
        (
            total("cloud_mb", "mb", "Backed up to the cloud", "云盘备份流量", "MB"),
            count("cloud_backups", "Cloud backups", "云盘备份次数"),
        ),
        days(30, 90),
    )
    yield from family(
        "wearable_synced",
        "device/wearables",
        (
            total("steps", "steps", "Steps told by the watch", "手表步数", "steps"),
            count("wearable_syncs", "Times the watch synchronised", "手表同步次数"),
        ),
        days(7, 30),
    )
    yield from family(
        "wearable_synced",
        "device/wearables",
        (count("wearable_syncs_life", "Times the watch synchronised", "手表同步次数"),),
        LIFE,
    )
