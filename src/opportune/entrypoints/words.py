"""Headings and short words of the command line, English and Chinese side by side."""

from opportune.entrypoints.options import Lang

WORDS: dict[str, tuple[str, str]] = {
    "applied": ("applied", "已应用"), "arm": ("arm", "组别"), "as of": ("as of", "截至"),
    "at": ("time", "时间"), "balance": ("received = applied + duplicate + quarantined", "接收 = 应用 + 重复 + 隔离"),
    "before any campaign": ("(before any campaign)", "（匹配之前）"), "campaign": ("campaign", "营销案"),
    "campaigns": ("Campaigns", "营销案"), "candidates": ("Candidates", "候选营销案"), "caps": ("Contacts against the caps", "接触频次与上限"),
    "category": ("category", "类别"), "change": ("change", "变更"), "changes": ("Changes", "变更"), "channel": ("channel", "渠道"),
    "clashes": ("clashes", "冲突"), "closed": ("closed", "已关闭"), "closings": ("closings", "关闭次数"), "code": ("code", "代码"),
    "complained until": ("cool-down after a complaint until", "投诉冷静期至"), "consents": ("Consents", "同意记录"),
    "contacts": ("contacts", "接触次数"), "contacts per customer": ("Contacts per customer", "每客户接触次数"),
    "control": ("control", "对照组"), "cost": ("cost", "费用"), "cost per goal": ("cost per goal", "单次达成费用"),
    "count": ("count", "数量"), "customer": ("customer", "客户"), "customers": ("customers", "客户数"), "deadline": ("until", "截止"),
    "decisions": ("decisions", "决策数"), "decisions made": ("Decisions", "决策"), "definition": ("definition", "定义"),
    "detail": ("detail", "详情"), "do not disturb": ("on the do-not-disturb list", "在免打扰名单中"),
    "duplicates": ("duplicate", "重复"), "event": ("event", "事件"), "events": ("events", "事件数"), "facts": ("facts", "事实数"),
    "field": ("field", "字段"), "figure": ("key figure", "关键数值"), "given": ("given", "已同意"), "goals": ("goals", "目标"),
    "goals open": ("Open goals", "进行中的目标"), "identifier": ("identifier", "标识"), "imported": ("imported", "外部导入"),
    "in all": ("in all", "累计"), "journal": ("Journal", "日志"), "lapsed": ("lapsed", "未达成"), "last decisions": ("Last decisions", "最近决策"),
    "last events": ("Last events", "最近事件"), "lift": ("lift [95 %]", "提升 [95 %]"), "limit": ("limit", "限额"),
    "limits": ("Budgets, stocks and capacities that closed", "已触顶的预算、库存与容量"), "mature": ("window over", "窗口已结束"),
    "mean": ("mean", "人均"), "messages": ("messages", "消息数"), "month": ("month", "月份"), "nobody": ("none", "无"),
    "not hers": ("deciding again differs from the journal", "重放结果与日志不一致"), "number": ("#", "编号"), "of": ("of", "对象"),
    "offer": ("offer", "商品"), "open": ("open", "开放"), "opened": ("opened", "开始"), "origin": ("origin", "来源"), "per": ("per", "维度"),
    "position": ("place", "位置"), "priority": ("expected value", "期望价值"), "properties": ("properties", "属性"),
    "purpose": ("purpose", "用途"), "quarantined": ("quarantined", "隔离"), "quarantine": ("Quarantine", "隔离区"), "rate": ("rate", "达成率"),
    "reached": ("reached", "达成"), "reason": ("reason", "原因"), "received": ("received", "接收"), "refused until": ("cool-down after a refusal until", "拒绝冷静期至"),
    "regretted": ("regretted", "反悔"), "rounded": ("rounded", "已舍入"), "same": ("deciding again gives exactly what was journaled", "重放结果与日志完全一致"),
    "seconds": ("seconds", "秒"), "seq": ("fact", "序号"), "set at": ("set at", "设置时间"), "share": ("share", "占比"), "source": ("source", "数据源"),
    "sources": ("Sources", "数据源"), "state": ("state", "状态"), "tag": ("tag", "标签"), "tags": ("Tags", "标签"), "text": ("meaning", "含义"),
    "this import": ("this import", "本次导入"), "title": ("title", "名称"), "touchpoint": ("touchpoint", "触点"), "treated": ("treated", "营销组"),
    "universal_control": ("universal control", "全局对照组"), "until": ("blocked until", "受限至"), "used": ("used", "已用"), "value": ("value", "值"),
    "where": ("where", "位置"), "whole": ("whole time", "全部"), "window": ("window", "周期"), "withdrawn": ("withdrawn", "已撤回"),
    "withheld": ("Withheld, by reason", "未接触原因"), "words only": ("words only", "仅文字"), "added": ("added", "新增"), "changed": ("changed", "修改"),
    "copying": ("copying", "正在复制"), "files": ("files", "个文件"), "bytes": ("bytes", "字节"),
    "removed": ("removed", "删除"), "before": ("before", "修改前"), "after": ("after", "修改后"), "declared": ("declared", "声明"), "rule": ("rule", "规则"),
    "sms": ("SMS, with made-up values", "短信长度（以示例值计）"), "language": ("language", "语言"), "characters": ("characters", "字符数"),
    "encoding": ("encoding", "编码"), "parts": ("SMS", "短信条数"), "characters left": ("left in the last", "末条剩余"),
    "not in GSM-7": ("not in GSM-7", "非 GSM-7 字符"),
    "sending is stopped": ("sending is stopped; nothing leaves until: opportune go-on", "已停止发送；恢复发送请运行：opportune go-on"),
    "sending goes on": ("messages leave again", "已恢复发送"), "outbox": ("Outbox", "发件箱"), "oldest": ("oldest since", "最早时间"),
    "lanes": ("Lanes", "发送通道"), "on their way": ("on their way", "发送中"), "halted": ("halted", "已暂停"), "resting": ("resting", "等待中"),
    "trouble": ("trouble", "故障"), "stopped": ("Stopped", "已停止"), "all touchpoints": ("(all)", "（全部）"), "key": ("key", "消息编号"),
    "messages of the outbox": ("Messages", "消息"), "tries": ("tries", "尝试次数"), "since": ("since", "自"),
    "queued again": ("queued to be sent again", "条已重新排队"), "not queued": ("not there, or neither dead nor failed", "不存在，或并非失败消息"),
    "pools": ("Coupon pools", "优惠码池"), "pool": ("pool", "优惠码池"), "codes": ("codes", "优惠码数"), "codes left": ("left", "剩余"),
    "codes added": ("codes added", "个优惠码已添加"), "work items": ("Work items", "待办任务"), "assignee": ("agent", "坐席"),
    "due": ("due", "截止时间"), "outcome": ("outcome", "结果"), "note": ("note", "备注"),
    "addressed": ("addressed", "已触发"), "sent_on": ("sent on", "已下发"), "not_in_audience": ("not in the audience", "不在受众内"), "unknown": ("unknown", "未知标识"), "test": ("Test", "测试发送"),
    "address": ("address", "地址"),
    "counter": ("counter", "计数"), "score": ("score", "评分"), "unmet": ("not met", "未满足"), "personal": ("Personal", "个人信息"), "yes": ("yes", "是"), "no": ("no", "否"),
}  # fmt: skip
"""Key: English, Chinese."""


def word(key: str, lang: Lang) -> str:
    """A word in the language asked for; a key without words is shown as it is."""
    return WORDS.get(key, (key, key))[0 if lang is Lang.EN else 1]
