"""Tags of money: recharges, bills, points, wallet, packs, services, contracts."""

from collections.abc import Iterator

from families import ALL, LIFE, WAKING, WEEK, Slice, Tag, by, count, days, distinct, extreme, family, last, total

PAID_AT = (
    ("app", "in the app", "掌厅"), ("bank", "by bank", "银行"), ("shop", "in the shop", "营业厅"),
    ("recharge_point", "at a recharge point", "缴费点"), ("wechat", "by WeChat", "微信"),
)  # fmt: skip
ENQUIRED = (
    ("app", "in the app", "掌厅"), ("web", "on the web", "网厅"), ("wechat", "by WeChat", "公众号"), ("sms", "by text message", "短信"), ("ussd", "by USSD", "USSD"),
)  # fmt: skip
MERCHANTS = (
    ("food", "for food", "餐饮"), ("transport", "for transport", "交通"), ("utilities", "for utilities", "生活缴费"),
    ("retail", "in shops", "零售"), ("games", "for games", "游戏"), ("health", "for health", "医疗健康"),
)  # fmt: skip
PRODUCTS = (
    ("pack_10g", "10 GB", "10GB"),
    ("pack_5g", "5 GB", "5GB"),
    ("pack_day_1g", "1 GB day", "1GB日包"),
    ("roaming_7d", "roaming", "漫游7天"),
)
SERVICES = (
    ("ring_back_tone", "ring-back tone", "彩铃"), ("video_pack", "video pack", "视频包"), ("music_pack", "music pack", "音乐包"),
    ("cloud_storage", "cloud storage", "云盘"), ("missed_call_alert", "missed-call alert", "来电提醒"), ("security_guard", "security guard", "安全管家"),
)  # fmt: skip
PLANS = (
    ("basic_29", "basic_29", "basic_29"), ("smart_59", "smart_59", "smart_59"), ("plus_99", "plus_99", "plus_99"), ("max_159", "max_159", "max_159"),
    ("unlimited_199", "unlimited_199", "unlimited_199"), ("fiveg_129", "fiveg_129", "fiveg_129"), ("fiveg_199", "fiveg_199", "fiveg_199"),
    ("saver_39", "saver_39", "saver_39"), ("saver_79", "saver_79", "saver_79"),
)  # fmt: skip
EARNED = (
    ("recharge", "for recharges", "充值"),
    ("bill", "for bills", "账单"),
    ("activity", "in activities", "活动"),
    ("survey", "for surveys", "调研"),
)
GIFTS = (
    ("data", "for data", "流量"),
    ("voucher", "for vouchers", "代金券"),
    ("minutes", "for minutes", "语音"),
    ("goods", "for goods", "实物"),
)


def tags() -> Iterator[Tag]:
    """All of them."""
    yield from _recharges()
    yield from _balances()
    yield from _bills()
    yield from _enquiries()
    yield from _points()
    yield from _wallet()
    yield from _packs()
    yield from _services()
    yield from _plans()
    yield from _contracts()


def _recharges() -> Iterator[Tag]:
    times, amount = (
        count("recharges", "Recharges", "充值次数"),
        total("recharge_amount", "amount", "Recharged", "充值金额", "CNY"),
    )
    yield from family("recharge", "value/payment_habit", (times, amount), days(7, 90))
    yield from family(
        "recharge", "value/recharge_channel", (times, amount), days(90), by("channel", "", PAID_AT, after=True)
    )
    yield from family("recharge", "value/payment_habit", (times,), days(90), WEEK)
    yield from family("recharge", "value/payment_habit", (times,), days(90), WAKING)
    sizes = (
        Slice("small", "event.amount < 30", "small", zh="小额(30元以内)"),
        Slice("medium", "event.amount >= 30 AND event.amount < 50", "medium", zh="中额(30至50元)"),
        Slice("large", "event.amount >= 50", "large", zh="大额(50元以上)"),
    )
    yield from family("recharge", "value/payment_habit", (times,), days(90), sizes)
    yield from family(
        "recharge",
        "value/payment_habit",
        (extreme("recharge_min", "min", "amount", "Smallest recharge", "单笔最低充值", "CNY"),),
        days(90),
    )
    yield from family(
        "recharge",
        "value/recharge_channel",
        (distinct("recharge_channels", "channel", "Ways of recharging", "充值渠道数", "channels", 10),),
        days(90),
    )
    yield last(
        "recharge",
        "value/recharge_channel",
        "recharge_last_channel",
        "Way of the last recharge",
        "最近充值渠道",
        "channel",
    )
    yield from family(
        "recharge_failed",
        "value/payment_habit",
        (count("recharges_failed", "Failed recharges", "充值失败次数"),),
        days(30, 90),
    )
    yield last(
        "recharge_failed",
        "value/payment_habit",
        "recharge_failed_reason",
        "Reason of the last failed recharge",
        "最近充值失败原因",
        "reason",
    )


def _balances() -> Iterator[Tag]:
    for event, noun, en, zh in (
        ("balance_low", "balance_low", "low-balance warning", "余额不足提醒"),
        ("balance_exhausted", "balance_exhausted", "time the balance was used up", "余额用尽"),
    ):
        yield last(event, "value/balance", f"{noun}_last_at", f"Last {en}", f"最近{zh}时间")
    yield from family(
        "balance_exhausted",
        "value/balance",
        (count("balance_exhausted", "Times the balance was used up", "余额用尽次数"),),
        days(30, 90),
    )
    yield from family(
        "balance_low", "value/balance", (count("balance_low", "Low-balance warnings", "余额不足次数"),), days(30)
    )
    yield from family(
        "credit_granted",
        "value/credit",
        (total("credit_granted", "amount", "Emergency credit", "紧急授信金额", "CNY"),),
        days(30, 90),
    )
    yield last("deposit_refunded", "value/credit", "deposit_refunded_at", "Deposit paid back", "最近退押金时间")


def _bills() -> Iterator[Tag]:
    yield from family(
        "bill_issued", "value/bills", (total("billed", "amount", "Billed", "出账金额", "CNY"),), days(30, 90, 365)
    )
    yield from family(
        "bill_issued",
        "value/bills",
        (
            extreme("bill_max", "max", "amount", "Largest bill", "最高账单", "CNY"),
            extreme("bill_min", "min", "amount", "Smallest bill", "最低账单", "CNY"),
        ),
        days(180),
    )
    yield last("bill_issued", "value/bills", "bill_last_at", "Bill issued last", "最近出账时间")
    yield from family(
        "bill_paid", "value/arrears", (total("paid", "amount", "Paid on bills", "账单缴费金额", "CNY"),), days(30, 90)
    )
    yield last("bill_paid", "value/arrears", "paid_last_at", "Bill paid last", "最近账单缴费时间")
    yield last("bill_overdue", "value/arrears", "overdue_last_at", "Bill overdue last", "最近逾期时间")
    yield last(
        "bill_overdue", "value/arrears", "overdue_last_amount", "Amount owed last", "最近欠费金额", "amount", "CNY"
    )
    yield from family(
        "bill_overdue", "value/arrears", (total("overdue", "amount", "Amounts overdue", "逾期金额", "CNY"),), days(180)
    )
    yield from family(
        "bill_shock", "value/bills", (count("bill_shocks", "Unusually high bills", "账单突增次数"),), days(90, 365)
    )
    yield from family(
        "auto_pay_failed",
        "value/arrears",
        (count("auto_pay_failures", "Failed automatic payments", "自动缴费失败次数"),),
        days(90),
    )
    yield last(
        "auto_pay_enabled",
        "value/payment_habit",
        "auto_pay_method",
        "Way of automatic payment",
        "自动缴费方式",
        "method",
    )
    yield from family(
        "invoice_requested",
        "value/bills",
        (
            count("invoices", "Invoices asked for", "申请发票次数"),
            total("invoiced", "amount", "Invoiced", "开票金额", "CNY"),
        ),
        days(180),
    )
    yield last("suspended", "subscription/suspension", "suspended_last_at", "Suspended last", "最近停机时间")
    yield last("service_resumed", "subscription/suspension", "resumed_last_at", "Resumed last", "最近复机时间")
    yield from family(
        "suspended", "subscription/suspension", (count("suspensions", "Suspensions", "停机次数"),), days(180)
    )


def _enquiries() -> Iterator[Tag]:
    for event, noun, en, zh in (
        ("balance_checked", "balance_checks", "Balance look-ups", "查询余额次数"),
        ("usage_checked", "usage_checks", "Usage look-ups", "查询用量次数"),
        ("bill_viewed", "bill_views", "Bill views", "查看账单次数"),
    ):
        times = count(noun, en, zh)
        yield from family(event, "channels/enquiries", (times,), days(7, 30, 90))
        yield from family(event, "channels/enquiries", (times,), days(30), by("channel", "", ENQUIRED, after=True))
        yield last(
            event,
            "channels/enquiries",
            f"{noun}_last_at",
            f"Last of the {en[0].lower()}{en[1:]}",
            f"最近{zh.removesuffix('次数')}时间",
        )


def _points() -> Iterator[Tag]:
    earned, spent = (
        total("points_earned", "points", "Points earned", "获得积分", "points"),
        total("points_redeemed", "points", "Points redeemed", "兑换积分", "points"),
    )
    yield from family("points_earned", "value/points", (earned,), days(30, 90))
    yield from family("points_earned", "value/points", (earned,), days(90), by("reason", "", EARNED, after=True))
    yield from family("points_redeemed", "value/points", (spent,), days(30, 90))
    yield from family("points_redeemed", "value/points", (spent,), days(90), by("gift", "", GIFTS, after=True))
    yield last("points_earned", "value/points", "points_earned_last_at", "Points earned last", "最近获得积分时间")
    yield last("points_redeemed", "value/points", "points_gift_last", "Gift redeemed last", "最近兑换礼品", "gift")
    yield from family(
        "points_expiring",
        "value/points",
        (total("points_lost", "points", "Points warned of", "到期提醒积分", "points"),),
        days(90),
    )


def _wallet() -> Iterator[Tag]:
    amount, times = (
        total("wallet_amount", "amount", "Paid with the wallet", "钱包支付金额", "CNY"),
        count("wallet_payments", "Wallet payments", "钱包支付次数"),
    )
    yield from family("wallet_paid", "value/wallet", (amount, times), days(7, 30, 90))
    yield from family(
        "wallet_paid", "value/wallet", (amount, times), days(30), by("merchant", "", MERCHANTS, after=True)
    )
    yield from family("wallet_paid", "value/wallet", (times,), days(30), (*WAKING, *WEEK))
    yield from family(
        "wallet_paid",
        "value/wallet",
        (extreme("wallet_max", "max", "amount", "Largest wallet payment", "单笔最高钱包支付", "CNY"),),
        days(30),
    )
    yield last("wallet_paid", "value/wallet", "wallet_last_at", "Wallet used last", "最近钱包支付时间")
    yield last(
        "wallet_paid",
        "value/wallet",
        "wallet_last_merchant",
        "Kind of merchant paid last",
        "最近支付商户类别",
        "merchant",
    )


def _packs() -> Iterator[Tag]:
    packs, amount = (
        count("packs_bought", "packs bought", "流量包订购次数", "packs"),
        total("pack_amount", "amount", "Spent on packs", "流量包消费", "CNY"),
    )
    yield from family("pack_purchased", "subscription/packs", (packs, amount), days(30, 180))
    yield from family("pack_purchased", "subscription/packs", (packs,), days(30, 90), by("product", "", PRODUCTS))
    yield last("pack_purchased", "subscription/packs", "pack_last_at", "Pack bought last, when", "最近订购流量包时间")
    yield last("pack_purchased", "subscription/packs", "pack_last", "Pack bought last", "最近订购流量包", "product")
    expiring = count("packs_expiring", "packs about to end", "到期流量包次数", "packs")
    yield from family(
        "pack_expiring", "subscription/packs", (expiring,), days(30), (*ALL, *by("product", "", PRODUCTS))
    )
    yield last(
        "pack_expiring", "subscription/packs", "pack_expiring_last", "Pack that ends", "最近到期流量包", "product"
    )


def _services() -> Iterator[Tag]:
    taken, left = (
        count("services_taken", "services taken", "增值业务开通次数"),
        count("services_cancelled", "services cancelled", "增值业务退订次数"),
    )
    yield from family("value_added_service_subscribed", "subscription/add_ons", (taken,), days(30, 90))
    yield from family(
        "value_added_service_subscribed", "subscription/add_ons", (taken,), days(90), by("service", "", SERVICES)
    )
    yield from family(
        "value_added_service_subscribed",
        "value/revenue",
        (total("service_fees", "fee", "Fees of services taken", "新开增值业务月费", "CNY/month"),),
        days(90),
    )
    yield from family("value_added_service_cancelled", "subscription/add_ons", (left,), days(30))
    yield last(
        "value_added_service_subscribed",
        "subscription/add_ons",
        "service_taken_last",
        "Service taken last",
        "最近开通增值业务",
        "service",
    )
    yield last(
        "value_added_service_cancelled",
        "subscription/add_ons",
        "service_cancelled_last",
        "Service cancelled last",
        "最近退订增值业务",
        "service",
    )
    tried = count("services_tried", "services tried", "增值业务试用次数")
    yield from family("service_trialled", "subscription/trials", (tried,), days(30, 90))
    yield from family("service_trialled", "subscription/trials", (tried,), days(90), by("service", "", SERVICES))
    yield last(
        "service_trialled",
        "subscription/trials",
        "service_tried_last",
        "Service tried last",
        "最近试用增值业务",
        "service",
    )


def _plans() -> Iterator[Tag]:
    compared = count("plans_compared", "Plan comparisons", "比较套餐次数")
    yield from family("plan_compared", "subscription/plan_interest", (compared,), days(7, 30, 90))
    yield from family("plan_compared", "subscription/plan_interest", (compared,), days(90), by("plan", "", PLANS))
    yield last(
        "plan_compared",
        "subscription/plan_interest",
        "plan_compared_last",
        "Plan looked at last",
        "最近比较的套餐",
        "plan",
    )
    yield last(
        "plan_compared",
        "subscription/plan_interest",
        "plan_compared_last_at",
        "Plans compared last",
        "最近比较套餐时间",
    )
    yield from family(
        "plan_upgrade_enquired",
        "subscription/plan_interest",
        (count("upgrade_enquiries", "Enquiries about higher plans", "咨询升档次数"),),
        days(90),
    )
    yield last(
        "plan_upgrade_enquired",
        "subscription/plan_interest",
        "upgrade_enquired_plan",
        "Plan enquired about last",
        "最近咨询的套餐",
        "plan",
    )
    yield from family(
        "plan_changed", "subscription/plan", (count("plan_changes", "Changes of plan", "变更套餐次数"),), days(90, 365)
    )
    yield last("plan_changed", "subscription/plan", "plan_changed_at", "Plan changed last", "最近变更套餐时间")
    yield last(
        "plan_downgraded", "subscription/plan", "plan_downgraded_at", "Went to a cheaper plan last", "最近降档时间"
    )


def _contracts() -> Iterator[Tag]:
    yield last("contract_signed", "subscription/contract", "contract_signed_at", "Contract signed last", "最近签约时间")
    yield last(
        "contract_expiring",
        "subscription/contract",
        "contract_reminded_at",
        "End of contract announced last",
        "最近合约到期提醒时间",
    )
    yield last("contract_ended", "subscription/contract", "contract_ended_at", "Contract ended", "合约到期时间")
    yield from family("sim_replaced", "subscription/sim", (count("sims_replaced", "SIMs replaced", "换卡次数"),), LIFE)
    yield last("sim_replaced", "subscription/sim", "sim_replaced_at", "SIM replaced last", "最近换卡时间")
    yield last("identity_verified", "subscription/number", "reverified_at", "Identity verified anew", "最近核验时间")
    yield last(
        "family_plan_joined", "subscription/family", "family_joined_at", "Joined a family plan", "最近加入家庭套餐时间"
    )
    yield last(
        "broadband_installed",
        "subscription/broadband",
        "broadband_installed_at",
        "Broadband installed",
        "最近宽带装机时间",
    )
    yield last(
        "roaming_activated", "subscription/add_ons", "roaming_activated_at", "Roaming switched on", "最近开通漫游时间"
    )
    yield from family(
        "number_port_out_enquired",
        "scores/churn",
        (count("port_out_enquiries", "Enquiries about leaving", "携转资格查询次数"),),
        days(90),
    )
