"""Tags that the operator's systems and models say: (name, English, Chinese, category, type, range or members, unit, owner, freshness, source)."""

from families import Tag

_TEXT, _BOOL, _DATE = "text", "bool", "date"
_MODEL = "model"
_PPM = "[0, 1000000]"

ROWS = (
    ("education", "Education", "受教育程度", "identity/education", _TEXT, "", "", "crm", "quarterly", "survey and model"),
    ("family_stage", "Stage of the family", "家庭阶段", "identity/life_stage", _TEXT, "", "", "analytics", "quarterly", "family plan and model"),
    ("children", "Children at home", "子女数", "identity/household", "int", "[0, 12]", "people", "analytics", "quarterly", "survey and model"),
    ("income_band", "Income band", "收入档次", "identity/income", _TEXT, "", "", "analytics", "quarterly", "survey and model"),
    ("home_city", "Home city", "常驻城市", "identity/residence", _TEXT, "", "", "network-quality", "weekly", "signalling"),
    ("home_district", "Home district", "常驻区县", "identity/residence", _TEXT, "", "", "network-quality", "weekly", "signalling"),
    ("work_cell", "Workplace cell", "工作地小区", "identity/workplace", _TEXT, "", "", "network-quality", "weekly", "signalling"),
    ("commute_km", "Way to work", "通勤距离", "identity/workplace", "int", "[0, 500]", "km", "network-quality", "weekly", "signalling"),
    ("birthday_next", "Next birthday", "下次生日", "identity/demographics", _DATE, "", "", "crm", "yearly", "customer master"),
    ("verified_on", "Identity verified on", "实名核验日期", "identity/verification", _DATE, "", "", "crm", "on change", "customer master"),
    ("company_employees", "Employees of the company", "企业员工数", "identity/customer_kind", "int", "[0, 100000]", "people", "crm", "yearly", "customer master"),
    ("plan_since", "On this plan since", "当前套餐生效日", "subscription/plan", _DATE, "", "", "crm", "monthly", "order system"),
    ("contract_kind", "Kind of contract", "合约类型", "subscription/contract", _TEXT, "", "", "crm", "monthly", "order system"),
    ("contract_months", "Term of the contract", "合约期长", "subscription/contract", "int", "[0, 60]", "months", "crm", "monthly", "order system"),
    ("contract_penalty", "Penalty for leaving the contract", "提前解约金", "subscription/contract", "money", "[0.00, 50000.00]", "CNY", "crm", "monthly", "order system"),
    ("number_grade", "Grade of the number", "号码等级", "subscription/number", _TEXT, "", "", "crm", "on change", "number pool"),
    ("ported_in", "Ported in from a competitor", "携号转入客户", "subscription/number", _BOOL, "", "", "crm", "on change", "order system"),
    ("second_number", "Has a second number", "开通副号", "subscription/number", _BOOL, "", "", "crm", "monthly", "order system"),
    ("sim_kind", "Kind of SIM", "卡类型", "subscription/sim", _TEXT, "", "", "crm", "on change", "order system"),
    ("family_members", "Members of the family plan", "家庭套餐成员数", "subscription/family", "int", "[0, 20]", "people", "crm", "monthly", "order system"),
    ("family_role", "Role in the family plan", "家庭套餐角色", "subscription/family", _TEXT, "", "", "crm", "monthly", "order system"),
    ("broadband_mbps", "Broadband speed booked", "宽带签约带宽", "subscription/broadband", "int", "[0, 10000]", "Mbit/s", "crm", "monthly", "order system"),
    ("broadband_end", "End of the broadband contract", "宽带到期日", "subscription/broadband", _DATE, "", "", "crm", "monthly", "order system"),
    ("tv_package", "TV package", "电视套餐", "subscription/tv", _TEXT, "", "", "crm", "monthly", "order system"),
    ("smart_home_devices", "Smart-home devices", "智能家居设备数", "subscription/smart_home", "int", "[0, 200]", "devices", "crm", "monthly", "order system"),
    ("instalments_left", "Instalments still to pay", "剩余分期数", "subscription/instalments", "int", "[0, 60]", "months", "finance", "monthly", "billing"),
    ("instalment_monthly", "Monthly instalment", "每期分期金额", "subscription/instalments", "money", "[0.00, 10000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("roaming_enabled", "Roaming allowed", "已开通漫游权限", "subscription/add_ons", _BOOL, "", "", "crm", "monthly", "order system"),
    ("acquired_through", "Won through", "入网渠道", "subscription/tenure", _TEXT, "", "", "crm", "on change", "order system"),
    ("anniversary_next", "Next anniversary with us", "下次入网周年日", "subscription/tenure", _DATE, "", "", "crm", "yearly", "order system"),
    ("arpu_previous", "Revenue, the month before", "上月收入", "value/revenue", "money", "[0.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("arpu_voice", "Revenue from calls", "语音收入", "value/revenue", "money", "[0.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("arpu_data", "Revenue from data", "流量收入", "value/revenue", "money", "[0.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("arpu_content", "Revenue from content", "内容收入", "value/revenue", "money", "[0.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("margin", "Margin per month", "月毛利", "value/margin", "money", "[-5000.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("cost_to_serve", "Cost to serve per month", "月服务成本", "value/cost_to_serve", "money", "[0.00, 5000.00]", "CNY/month", "finance", "monthly", "billing"),
    ("subsidy_12m", "Handset subsidy in 12 months", "近12个月终端补贴", "value/cost_to_serve", "money", "[0.00, 50000.00]", "CNY", "finance", "monthly", "billing"),
    ("credit_score", "Credit score", "信用分", "value/credit", "int", "[0, 1000]", "points", "finance", "monthly", "billing"),
    ("credit_limit", "Credit limit", "信用额度", "value/credit", "money", "[0.00, 50000.00]", "CNY", "finance", "monthly", "billing"),
    ("deposit", "Deposit held", "在押押金", "value/credit", "money", "[0.00, 50000.00]", "CNY", "finance", "monthly", "billing"),
    ("payment_method", "Way of paying", "缴费方式", "value/payment_habit", _TEXT, "", "", "finance", "monthly", "billing"),
    ("auto_pay", "Pays automatically", "已开通自动缴费", "value/payment_habit", _BOOL, "", "", "finance", "monthly", "billing"),
    ("bill_medium", "Gets the bill by", "账单送达方式", "value/bills", _TEXT, "", "", "finance", "monthly", "billing"),
    ("pay_day", "Usual day of paying", "惯常缴费日", "value/payment_habit", "int", "[1, 31]", "day of month", "analytics", "monthly", "billing"),
    ("loyalty_tier", "Tier in the loyalty programme", "会员等级", "value/points", _TEXT, "", "", "loyalty", "monthly", "loyalty ledger"),
    ("points_expiring_90d", "Points that expire in 90 days", "90天内到期积分", "value/points", "int", "[0, 10000000]", "points", "loyalty", "monthly", "loyalty ledger"),
    ("balance_month_end", "Balance at the end of the month", "月末余额", "value/balance", "money", "[-1000.00, 100000.00]", "CNY", "finance", "monthly", "billing"),
    ("discount_12m", "Discounts in 12 months", "近12个月优惠金额", "value/discounts", "money", "[0.00, 50000.00]", "CNY", "finance", "monthly", "billing"),
    ("device_brand", "Handset brand", "终端品牌", "device/brand", _TEXT, "", "", "core-network", "monthly", "handset catalogue"),
    ("screen_inches", "Screen size", "屏幕尺寸", "device/capability", "decimal", "[0.0, 20.0]", "inch", "core-network", "monthly", "handset catalogue"),
    ("camera_mp", "Camera", "摄像头像素", "device/capability", "int", "[0, 1000]", "megapixels", "core-network", "monthly", "handset catalogue"),
    ("memory_gb", "Memory", "运行内存", "device/capability", "int", "[0, 64]", "GB", "core-network", "monthly", "handset catalogue"),
    ("battery_mah", "Battery", "电池容量", "device/capability", "int", "[0, 20000]", "mAh", "core-network", "monthly", "handset catalogue"),
    ("device_nfc", "Handset pays by NFC", "终端支持NFC", "device/capability", _BOOL, "", "", "core-network", "monthly", "handset catalogue"),
    ("device_esim", "Handset takes an eSIM", "终端支持eSIM", "device/capability", _BOOL, "", "", "core-network", "monthly", "handset catalogue"),
    ("os_version", "Version of the operating system", "操作系统版本", "device/system", "int", "[0, 100]", "", "digital", "weekly", "app"),
    ("dual_sim", "Uses two SIMs", "双卡使用", "device/system", _BOOL, "", "", "core-network", "monthly", "signalling"),
    ("bought_from_us", "Handset bought from us", "我方购机", "device/change_cycle", _BOOL, "", "", "retail", "on change", "order system"),
    ("handsets_2y", "Handsets used in two years", "两年内使用终端数", "device/change_cycle", "int", "[0, 50]", "handsets", "core-network", "monthly", "signalling"),
    ("has_watch", "Has a connected watch", "有智能手表", "device/wearables", _BOOL, "", "", "core-network", "monthly", "signalling"),
    ("has_tablet", "Has a connected tablet", "有联网平板", "device/wearables", _BOOL, "", "", "core-network", "monthly", "signalling"),
    ("home_network_quality", "Network quality at home", "常驻小区网络质量", "experience/coverage", "int", "[0, 100]", "points", "network-quality", "weekly", "network measurements"),
    ("app_installed", "App installed", "已安装掌厅", "channels/app", _BOOL, "", "", "digital", "daily", "app"),
    ("push_allowed", "Allows notifications", "允许推送通知", "channels/push", _BOOL, "", "", "digital", "daily", "app"),
    ("wechat_bound", "Follows the WeChat account", "已绑定公众号", "channels/wechat", _BOOL, "", "", "digital", "daily", "wechat account"),
    ("email_known", "E-mail known", "已留邮箱", "channels/email", _BOOL, "", "", "crm", "daily", "customer master"),
    ("home_shop", "Nearest shop", "就近营业厅", "channels/shop", _TEXT, "", "", "retail", "monthly", "signalling"),
    ("message_open_share", "Share of messages opened", "消息打开率", "channels/response_history", "decimal", "[0.00, 1.00]", "", "analytics", "monthly", "contact history"),
    ("preferred_weekday", "Preferred day of the week", "偏好星期", "channels/preferred_hour", "int", "[1, 7]", "day of week", "analytics", "monthly", "contact history"),
    ("circle_on_net", "People of the circle in our network", "交往圈网内人数", "social/circle_size", "int", "[0, 5000]", "people", "analytics", "monthly", "call records"),
    ("circle_5g", "5G users in the circle", "交往圈5G用户数", "social/influence", "int", "[0, 5000]", "people", "analytics", "monthly", "call records"),
    ("circle_left_90d", "People of the circle who left in 90 days", "近90天交往圈离网人数", "social/circle_churn", "int", "[0, 5000]", "people", "analytics", "monthly", "call records"),
    ("colleagues", "Colleagues in the circle", "交往圈同事数", "social/community", "int", "[0, 5000]", "people", "analytics", "monthly", "call records"),
    ("community", "Community of callers", "通话社群", "social/community", _TEXT, "", "", "analytics", "monthly", "clustering"),
    ("satisfaction_score", "Satisfaction, estimated", "满意度评分", "experience/satisfaction", "int", "[0, 100]", "points", _MODEL, "monthly", "satisfaction-model"),
    ("clv_12m", "Customer value, next 12 months", "未来12个月客户价值", "value/clv", "money", "[0.00, 1000000.00]", "CNY", _MODEL, "monthly", "value-model"),
    ("wallet_share", "Our share of what she spends on telecom", "通信支出占有率", "value/share_of_wallet", "decimal", "[0.00, 1.00]", "", _MODEL, "monthly", "wallet-model"),
    ("influence_score", "Influence on the circle", "影响力评分", "social/influence", "int", "[0, 100]", "points", _MODEL, "monthly", "influence-model"),
    ("payment_risk", "Likely not to pay the next bill", "下期欠费风险", "scores/risk", "int", _PPM, "ppm", _MODEL, "monthly", "payment-model"),
    ("next_purchase_days", "Days to the next purchase, expected", "预计下次购买天数", "scores/purchase", "int", "[0, 3650]", "d", _MODEL, "weekly", "purchase-model"),
    ("uplift_group", "Group by uplift", "营销增益分组", "scores/uplift", _TEXT, "", "", _MODEL, "monthly", "uplift-model"),
    ("churn_reason", "Likeliest reason to leave", "最可能离网原因", "scores/churn", _TEXT, "", "", _MODEL, "weekly", "churn-reason-model"),
    ("next_product", "Next best product", "下一最优产品", "scores/purchase", _TEXT, "", "", _MODEL, "weekly", "next-product-model"),
)  # fmt: skip
PROPENSITIES = (
    ("video_pack", "take the video pack", "视频包"), ("music_pack", "take the music pack", "音乐包"), ("broadband", "take broadband", "宽带"),
    ("tv", "take a TV package", "电视套餐"), ("family_plan", "join a family plan", "家庭套餐"), ("roaming_pack", "buy a roaming pack", "漫游包"),
    ("handset", "buy a handset", "终端"), ("esim", "switch to an eSIM", "eSIM"), ("cloud_storage", "take cloud storage", "云盘"),
    ("upgrade", "go to a higher plan", "套餐升档"), ("saver_plan", "go to a saver plan", "省心套餐"),
)  # fmt: skip
INTERESTS = (
    ("video", "video", "视频"), ("music", "music", "音乐"), ("games", "games", "游戏"), ("reading", "reading", "阅读"), ("shopping", "shopping", "购物"),
    ("finance", "finance", "理财"), ("travel", "travel", "旅行"), ("sport", "sport", "体育"), ("children", "children's content", "亲子"),
    ("education", "education", "教育"), ("news", "news", "资讯"), ("social", "social networks", "社交"),
)  # fmt: skip


def tags() -> list[Tag]:
    """The declared tags and scores, in the order above."""
    found = [_declared(*row) for row in ROWS]
    found += [
        Tag(
            f"propensity_{name}", f"Likely to {en}", f"{zh}办理倾向", "scores/propensity",
            ("type: int", f"range: {_PPM}", f"score: {name.replace('_', '-')}-model"), "ppm", freshness="monthly",
        )
        for name, en, zh in PROPENSITIES
    ]  # fmt: skip
    found += [
        Tag(
            f"interest_{name}", f"Interest in {en}", f"{zh}兴趣度", f"content/{name}",
            ("type: int", "range: [0, 100]", "score: interest-model"), "points", freshness="weekly",
        )
        for name, en, zh in INTERESTS
    ]  # fmt: skip
    return found


def _declared(
    name: str, en: str, zh: str, category: str, kind: str, bounds: str, unit: str, owner: str, freshness: str, source: str
) -> Tag:  # fmt: skip
    made = [f"type: {kind}"]
    if kind == "decimal":
        made.append(f"scale: {len(bounds.split(',')[0].partition('.')[2])}")
    if bounds:
        made.append(f"range: {bounds}")
    if owner == _MODEL:
        return Tag(name, en, zh, category, (*made, f"score: {source}"), unit, freshness=freshness)
    return Tag(name, en, zh, category, tuple(made), unit, owner, freshness, source)
