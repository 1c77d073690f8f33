"""Reason codes: why a candidate was not proposed. One enum; the table in the docs is generated from it."""

from enum import IntEnum


class Reason(IntEnum):
    """The fate of a candidate, in the order in which the gates are asked; the first that says no gives the reason."""

    PROPOSED = 0
    CONTROL = 1
    UNIVERSAL_CONTROL = 2
    EVENT_TOO_OLD = 10
    CAMPAIGN_NOT_VALID = 11
    TRIGGER_CONDITION = 12
    DO_NOT_DISTURB = 20
    COOL_DOWN_REFUSED = 21
    COOL_DOWN_COMPLAINT = 22
    CAP_CUSTOMER = 23
    NOT_IN_AUDIENCE = 30
    DECISION_OPEN = 40
    AGAIN_TOO_SOON = 41
    CAMPAIGN_COOL_DOWN = 42
    CAP_CAMPAIGN = 43
    BUDGET_CONTACTS = 44
    BUDGET_MONEY = 45
    SENDING_STOPPED = 46
    NO_TOUCHPOINT = 50
    NO_CONSENT = 51
    CONSENT_WITHDRAWN = 52
    QUIET_HOURS = 53
    HOLIDAY = 54
    CAP_CHANNEL = 55
    CAP_CATEGORY = 56
    CAPACITY = 57
    OUTSIDE_WORKING_HOURS = 58
    NO_ELIGIBLE_OFFER = 60
    OUT_OF_STOCK = 61
    OUTRANKED = 70
    NOT_TOUCHED = 80
    LEASE_OVER = 81
    DELIVERY_FAILED = 82
    GOAL_REACHED = 83
    CAMPAIGN_ENDED = 84
    PRESENTED_LATE = 85
    FORGOTTEN = 86
    MERGED = 87


REASON_TEXTS: dict[Reason, tuple[str, str, str]] = {
    Reason.PROPOSED: ("proposed to the customer", "已推荐给客户", "priority"),
    Reason.CONTROL: ("in the campaign's control group: fits, deliberately not contacted", "属于该营销案的对照组：符合条件，特意不接触", "bucket in ppm"),
    Reason.UNIVERSAL_CONTROL: ("in the universal control group: never contacted for marketing", "属于全局对照组：不做任何营销接触", "bucket in ppm"),
    Reason.EVENT_TOO_OLD: ("the event is older than its trigger allows", "事件发生时间早于触发允许的时限", "age in ms"),
    Reason.CAMPAIGN_NOT_VALID: ("the campaign is outside its validity dates", "营销案不在有效期内", "valid from or to, ms"),
    Reason.TRIGGER_CONDITION: ("the event does not meet the trigger's condition", "事件不满足触发条件", "clause that failed"),
    Reason.DO_NOT_DISTURB: ("the customer is on the do-not-disturb list", "客户在免打扰名单中", ""),
    Reason.COOL_DOWN_REFUSED: ("the customer refused recently: cool-down", "客户近期拒绝过，处于冷静期", "until, ms"),
    Reason.COOL_DOWN_COMPLAINT: ("the customer complained recently: cool-down", "客户近期投诉过，处于冷静期", "until, ms"),
    Reason.CAP_CUSTOMER: ("the customer has had the most contacts allowed in the window", "客户在周期内的接触次数已达上限", "until, ms"),
    Reason.NOT_IN_AUDIENCE: ("the customer is not in the audience", "客户不属于目标客群", "clause that failed"),
    Reason.DECISION_OPEN: ("the customer's last decision of this campaign is still open", "该营销案对此客户的上一次决策尚未结束", "open until, ms"),
    Reason.AGAIN_TOO_SOON: ("the campaign may come back to this customer only later", "该营销案对此客户的再次进入时间未到", "again from, ms"),
    Reason.CAMPAIGN_COOL_DOWN: ("the customer refused this campaign recently", "客户近期拒绝过该营销案", "until, ms"),
    Reason.CAP_CAMPAIGN: ("the campaign has contacted this customer as often as allowed", "该营销案对此客户的接触次数已达上限", "until, ms"),
    Reason.BUDGET_CONTACTS: ("the campaign's budget of contacts is used up", "营销案的接触次数预算已用完", "limit"),
    Reason.BUDGET_MONEY: ("the campaign's budget of money is used up", "营销案的费用预算已用完", "limit"),
    Reason.NO_TOUCHPOINT: ("the customer is at none of the campaign's touchpoints and it pushes to none", "客户不在该营销案的任何触点上，且没有可主动推送的触点", "touchpoint asked last"),
    Reason.NO_CONSENT: ("no consent is known for this purpose and channel", "没有该用途和渠道的同意记录", "touchpoint asked last"),
    Reason.CONSENT_WITHDRAWN: ("the customer withdrew consent for this purpose and channel", "客户已撤回该用途和渠道的同意", "touchpoint asked last"),
    Reason.QUIET_HOURS: ("it is quiet time where the customer lives", "客户所在时区处于静默时段", "touchpoint asked last"),
    Reason.HOLIDAY: ("it is a holiday on which nothing is pushed", "节假日不推送", "touchpoint asked last"),
    Reason.CAP_CHANNEL: ("this channel has contacted the customer as often as allowed", "该渠道对此客户的接触次数已达上限", "touchpoint asked last"),
    Reason.CAP_CATEGORY: ("this category has contacted the customer as often as allowed", "该类别对此客户的接触次数已达上限", "touchpoint asked last"),
    Reason.CAPACITY: ("the touchpoint's capacity of the day is used up", "触点当日容量已用完", "touchpoint asked last"),
    Reason.NO_ELIGIBLE_OFFER: ("the customer is eligible for none of the campaign's offers", "客户不符合该营销案任何商品的条件", ""),
    Reason.OUT_OF_STOCK: ("the offers the customer is eligible for are out of stock", "客户可用的商品已无库存", "offer asked last"),
    Reason.OUTRANKED: ("another campaign was worth more at this moment", "此刻有更优的营销案", "priority that won"),
    Reason.NOT_TOUCHED: ("the customer came to none of the touchpoints while the decision waited", "等待期间客户未到达任何触点", ""),
    Reason.LEASE_OVER: ("the touchpoint that had the decision did not say in time whether it was shown", "触点未在租约期内回报是否展示", ""),
    Reason.DELIVERY_FAILED: ("the touchpoint could not show or send it", "触点未能展示或发送", ""),
    Reason.GOAL_REACHED: ("the goal was reached before anything was shown", "尚未展示，目标已达成", ""),
    Reason.CAMPAIGN_ENDED: ("the campaign is no longer in force", "营销案已不在执行中", ""),
    Reason.PRESENTED_LATE: ("the touchpoint showed it after its lease was over and another touchpoint had it", "触点在租约结束后才展示，此时已转由其他触点负责", ""),
    Reason.FORGOTTEN: ("the customer was forgotten on request", "客户已按要求被遗忘", ""),
    Reason.MERGED: ("the customer was merged with another who has a decision of this campaign already", "客户已与另一客户合并，后者已有该营销案的决策", ""),
    Reason.SENDING_STOPPED: ("all sending is stopped", "已停止一切发送", ""),
    Reason.OUTSIDE_WORKING_HOURS: ("the touchpoint does not work at this hour", "触点不在工作时间", "touchpoint asked last"),
}  # fmt: skip
"""Per reason: English, Chinese, and what the key figure (`arg`) of its fate is."""
