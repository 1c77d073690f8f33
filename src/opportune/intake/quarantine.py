"""Why a message could not become a fact. It is kept whole, with a reason and the place, until somebody mends it."""

from enum import StrEnum

import msgspec


class QuarantineReason(StrEnum):
    """The code of a quarantined message's reason; its words are in QUARANTINE_TEXTS."""

    LINE_TOO_LONG = "line_too_long"
    INVALID_UTF8 = "invalid_utf8"
    BROKEN_JSON = "broken_json"
    DUPLICATE_FIELD = "duplicate_field"
    MISSING_FIELD = "missing_field"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_TAG = "unknown_tag"
    TAG_NOT_SETTABLE = "tag_not_settable"
    UNKNOWN_CAMPAIGN = "unknown_campaign"
    UNKNOWN_TOUCHPOINT = "unknown_touchpoint"
    UNKNOWN_OFFER = "unknown_offer"
    UNKNOWN_PURPOSE = "unknown_purpose"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_IDENTIFIER_KIND = "unknown_identifier_kind"
    UNKNOWN_MEMBER = "unknown_member"
    MISSING_CUSTOMER = "missing_customer"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NUMBER_OVERFLOW = "number_overflow"
    TEXT_TOO_LONG = "text_too_long"
    INVALID_TIME = "invalid_time"
    FAR_FUTURE = "far_future"
    FAR_PAST = "far_past"
    UNCLASSIFIED_PERSONAL = "unclassified_personal"
    NO_ROOM = "no_room"
    UNMAPPED_ROW = "unmapped_row"


QUARANTINE_TEXTS: dict[QuarantineReason, tuple[str, str]] = {
    QuarantineReason.LINE_TOO_LONG: ("the line is longer than line_bytes_max", "该行超过长度上限"),
    QuarantineReason.INVALID_UTF8: ("the line is not valid UTF-8", "该行不是有效的 UTF-8"),
    QuarantineReason.BROKEN_JSON: ("the line is not one JSON object", "该行不是一个 JSON 对象"),
    QuarantineReason.DUPLICATE_FIELD: ("a field stands twice", "字段重复出现"),
    QuarantineReason.MISSING_FIELD: ("a field is missing", "缺少字段"),
    QuarantineReason.UNKNOWN_TYPE: ("no such type of message", "未知的消息类型"),
    QuarantineReason.UNKNOWN_EVENT: ("no such event in the catalogue", "目录中没有该事件"),
    QuarantineReason.UNKNOWN_TAG: ("no such tag in the catalogue", "目录中没有该标签"),
    QuarantineReason.TAG_NOT_SETTABLE: ("the tag is derived and takes no value from outside", "该标签由系统推导，不接受外部赋值"),
    QuarantineReason.UNKNOWN_CAMPAIGN: ("no such campaign", "未知的营销案"),
    QuarantineReason.UNKNOWN_TOUCHPOINT: ("no such touchpoint", "未知的触点"),
    QuarantineReason.UNKNOWN_OFFER: ("no such offer", "未知的商品"),
    QuarantineReason.UNKNOWN_PURPOSE: ("no such purpose of consent", "未知的同意用途"),
    QuarantineReason.UNKNOWN_CHANNEL: ("no such channel", "未知的渠道"),
    QuarantineReason.UNKNOWN_IDENTIFIER_KIND: ("no such kind of identifier", "未知的标识类型"),
    QuarantineReason.UNKNOWN_MEMBER: ("not a declared member of the set", "不是该集合已声明的成员"),
    QuarantineReason.MISSING_CUSTOMER: ("the message names no customer", "消息未指明客户"),
    QuarantineReason.WRONG_TYPE: ("the value is not of the declared type", "值的类型与声明不符"),
    QuarantineReason.OUT_OF_RANGE: ("the value lies outside its declared range", "值超出声明的范围"),
    QuarantineReason.NUMBER_OVERFLOW: ("the number does not fit in 64 bits at its scale", "数值按其精度超出 64 位"),
    QuarantineReason.TEXT_TOO_LONG: ("the text is too long", "文本过长"),
    QuarantineReason.INVALID_TIME: ("the time cannot be read", "无法识别的时间"),
    QuarantineReason.FAR_FUTURE: ("the time lies too far in the future", "时间过于超前"),
    QuarantineReason.FAR_PAST: ("the time lies too far in the past", "时间过于久远"),
    QuarantineReason.UNCLASSIFIED_PERSONAL: ("an undeclared property looks like personal data; declare it", "未声明的属性疑似个人信息，请先声明"),
    QuarantineReason.NO_ROOM: ("a stated limit of this deployment is reached", "已达到本部署的容量上限"),
    QuarantineReason.UNMAPPED_ROW: ("the source's definition cannot take the row; the detail says why", "数据源定义无法处理该行，原因见详情"),
}  # fmt: skip
"""Per reason: English, Chinese."""


class RefusalError(Exception):
    """A message cannot be applied; carries the reason and where in the message it lies. Details never quote a value, which may be personal."""

    def __init__(self, reason: QuarantineReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Quarantined(msgspec.Struct, frozen=True):
    """One message kept aside: its line number in the data given to `decode` (from 1), why, where, and its bytes whole."""

    line_number: int
    reason: QuarantineReason
    detail: str
    raw: bytes
