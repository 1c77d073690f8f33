"""Tags by rule over the others: shares, trends, how long ago, bands, flags, and what marketers put together of them."""

from collections.abc import Iterable, Iterator

from families import HOURS, WEEK, Tag, rule

SHARES = (
    ("data_mb", "data", "Share of data used", "流量占比", "data/habits"),
    ("call_seconds", "calls", "Share of call time", "主叫时长占比", "voice/habits"),
    ("received_seconds", "received", "Share of received call time", "被叫时长占比", "voice/habits"),
)
CONTENTS = (
    ("video", "video", "视频"), ("social", "social networks", "社交"), ("news", "news", "资讯"), ("shopping", "shopping", "购物"), ("game", "games", "游戏"),
    ("music", "music", "音乐"), ("reading", "reading", "阅读"), ("finance", "finance", "理财"), ("travel", "travel", "出行"), ("education", "education", "教育"),
)  # fmt: skip
TRENDS = (
    ("calls_made", "calls made", "主叫次数", "voice/trend"), ("call_seconds", "call time", "主叫时长", "voice/trend"),
    ("calls_received", "calls received", "被叫次数", "voice/trend"), ("received_seconds", "received call time", "被叫时长", "voice/trend"),
    ("messages_sent", "text messages", "短信次数", "messaging/volume"), ("data_mb", "data use", "流量", "data/trend"),
    ("data_sessions", "data sessions", "上网次数", "data/trend"), ("data_sessions_video", "video sessions", "视频上网次数", "data/trend"),
    ("data_mb_social", "social data", "社交流量", "data/trend"), ("data_mb_game", "game data", "游戏流量", "data/trend"),
    ("video_minutes", "video", "视频时长", "content/trend"), ("music_minutes", "music", "音乐时长", "content/trend"),
    ("game_minutes", "games", "游戏时长", "content/trend"), ("short_video_minutes", "short videos", "短视频时长", "content/trend"),
    ("app_opens", "app openings", "打开掌厅次数", "channels/app"), ("web_views", "web visits", "网厅浏览次数", "channels/web"),
    ("wallet_payments", "wallet payments", "钱包支付次数", "value/wallet"), ("calls_dropped", "dropped calls", "掉话次数", "experience/trend"),
    ("slow_data", "slow data", "低速上网次数", "experience/trend"), ("weak_coverage", "weak coverage", "弱覆盖次数", "experience/trend"),
    ("congestion", "congestion", "网络拥塞次数", "experience/trend"), ("balance_checks", "balance look-ups", "查询余额次数", "channels/enquiries"),
    ("usage_checks", "usage look-ups", "查询用量次数", "channels/enquiries"), ("area_visits", "area visits", "到访区域次数", "places/areas"),
    ("links_clicked", "clicks", "点击链接次数", "channels/links"), ("pushes_opened", "notifications opened", "打开推送次数", "channels/push"),
    ("logins", "logins", "登录次数", "channels/login"), ("searches", "searches", "搜索次数", "commerce/searching"),
)  # fmt: skip
AVERAGES = (
    ("call_average_s", "call_seconds_30d", "calls_made_30d", "Average call made", "平均主叫时长", "s", "voice/length"),
    ("received_average_s", "received_seconds_30d", "calls_received_30d", "Average call received", "平均被叫时长", "s", "voice/length"),
    ("data_average_mb", "data_mb_30d", "data_sessions_30d", "Average data session", "平均单次流量", "MB", "data/session_size"),
    ("video_average_min", "video_minutes_30d", "video_times_30d", "Average time of video", "平均单次视频时长", "min", "content/video"),
    ("music_average_min", "music_minutes_30d", "music_times_30d", "Average time of music", "平均单次音乐时长", "min", "content/music"),
    ("game_average_min", "game_minutes_30d", "game_times_30d", "Average time of games", "平均单次游戏时长", "min", "content/games"),
    ("short_video_average_min", "short_video_minutes_30d", "short_video_times_30d", "Average time of short videos", "平均单次短视频时长", "min", "content/short_video"),
    ("message_average_parts", "message_parts_30d", "messages_sent_30d", "Average parts of a text message", "平均短信条数", "parts", "messaging/volume"),
    ("wallet_average", "wallet_amount_30d", "wallet_payments_30d", "Average wallet payment", "平均钱包支付金额", "CNY", "value/wallet"),
    ("recharge_average", "recharge_amount_90d", "recharges_90d", "Average recharge", "平均充值金额", "CNY", "value/payment_habit"),
    ("order_average", "orders_paid_amount_90d", "orders_paid_90d", "Average order paid", "平均订单支付金额", "CNY", "commerce/orders"),
    ("outage_average_min", "outage_minutes_90d", "outages_90d", "Average outage", "平均断网时长", "min", "experience/outages"),
    ("counter_average_min", "counter_minutes_90d", "counter_served_90d", "Average time at the counter", "平均柜台办理时长", "min", "service/counter"),
    ("pack_average", "pack_amount_180d", "packs_bought_180d", "Average price of packs bought", "平均流量包金额", "CNY", "subscription/packs"),
    ("out_of_bundle_price", "out_of_bundle_charge_90d", "out_of_bundle_mb_90d", "Paid for a MB beyond the bundle", "套外每MB费用", "CNY/MB", "data/out_of_bundle"),
)  # fmt: skip
PARTS = (
    ("offnet_share", "call_seconds_offnet_30d", "call_seconds_30d", "Off-net share of call time", "网外主叫时长占比", "voice/habits"),
    ("made_share", "calls_made_30d", "calls_made_30d + calls_received_30d", "Share of calls that she makes", "主叫次数占比", "voice/direction"),
    ("missed_share", "calls_missed_30d", "calls_missed_30d + calls_received_30d", "Share of calls missed", "未接来电占比", "voice/missed"),
    ("hd_share", "hd_calls_30d", "hd_calls_30d + calls_made_30d", "Share of HD calls", "高清通话占比", "voice/hd_calls"),
    ("long_call_share", "calls_made_long_30d", "calls_made_30d", "Share of long calls", "长通话占比", "voice/length"),
    ("dropped_share", "calls_dropped_30d", "calls_made_30d", "Share of calls dropped", "掉话率", "experience/dropped_calls"),
    ("failed_share", "calls_failed_30d", "calls_failed_30d + calls_made_30d", "Share of calls not set up", "接续失败率", "experience/failed_calls"),
    ("slow_share", "slow_data_30d", "data_sessions_30d", "Share of slow data sessions", "低速上网占比", "experience/speed"),
    ("fiveg_share", "data_mb_5g_30d", "data_mb_30d", "5G share of data", "5G流量占比", "data/generation"),
    ("wifi_share", "wifi_mb_30d", "wifi_mb_30d + data_mb_30d", "Share of Wi-Fi in all data", "Wi-Fi流量占比", "data/wifi"),
    ("tethering_share", "tethering_mb_30d", "tethering_mb_30d + data_mb_30d", "Share of the hotspot in all data", "热点流量占比", "data/tethering"),
    ("bundle_share", "data_mb_30d", "plan_bundle_mb", "Use of 30 days against the bundle", "近30天流量与套餐之比", "data/saturation"),
    ("data_revenue_share", "arpu_data", "arpu", "Share of data in revenue", "流量收入占比", "value/revenue"),
    ("voice_revenue_share", "arpu_voice", "arpu", "Share of calls in revenue", "语音收入占比", "value/revenue"),
    ("content_revenue_share", "arpu_content", "arpu", "Share of content in revenue", "内容收入占比", "value/revenue"),
    ("margin_share", "margin", "arpu", "Margin rate", "毛利率", "value/margin"),
    ("on_net_circle_share", "circle_on_net", "circle_size", "Share of the circle in our network", "交往圈网内占比", "social/circle_size"),
    ("circle_5g_share", "circle_5g", "circle_size", "Share of 5G users in the circle", "交往圈5G占比", "social/influence"),
    ("ring_back_share", "ring_back_friends", "circle_size", "Share of the circle with a ring-back tone", "交往圈彩铃占比", "social/influence"),
    ("weekend_video_share", "video_minutes_weekends_30d", "video_minutes_30d", "Weekend share of video", "周末视频占比", "content/video"),
    ("weekend_game_share", "game_minutes_weekends_30d", "game_minutes_30d", "Weekend share of games", "周末游戏占比", "content/games"),
    ("app_share", "app_opens_30d", "app_opens_30d + web_views_30d", "Share of the app in visits online", "掌厅占线上访问比", "channels/app"),
    ("order_paid_share", "orders_paid_90d", "orders_placed_90d", "Share of orders paid", "订单支付率", "commerce/orders"),
    ("view_order_share", "orders_placed_90d", "products_viewed_90d", "Orders against product views", "浏览下单率", "commerce/orders"),
    ("coupon_used_share", "coupons_used_90d", "coupons_taken_90d", "Vouchers used against taken", "优惠券核销率", "commerce/coupons"),
    ("survey_answer_share", "surveys_answered_90d", "surveys_sent_90d + surveys_answered_90d", "Surveys answered against sent", "调查回复率", "service/surveys"),
    ("mall_share", "area_visits_mall_30d", "area_visits_30d", "Share of malls in area visits", "商场到访占比", "places/areas"),
    ("night_life_share", "data_mb_late_30d + data_mb_night_30d", "data_mb_30d", "Share of data used from nine in the evening to six", "夜间(21至6点)流量占比", "data/habits"),
)  # fmt: skip
BANDS: tuple[tuple[str, str, str, str, str, tuple[tuple[str, str], ...], str], ...] = (
    ("data_band", "data_mb_30d", "Band of data use", "流量档次", "data/volume", (("< 1000", "light"), ("< 10000", "medium"), ("< 40000", "heavy")), "extreme"),
    ("call_band", "call_seconds_30d", "Band of call time", "主叫时长档次", "voice/volume", (("= 0", "none"), ("< 1800", "light"), ("< 7200", "medium")), "heavy"),
    ("message_band", "messages_sent_30d", "Band of text messages", "短信档次", "messaging/volume", (("= 0", "none"), ("< 5", "light")), "heavy"),
    ("recharge_band", "recharge_amount_90d", "Band of recharges", "充值金额档次", "value/payment_habit", (("= 0", "none"), ("< 50", "small"), ("< 150", "medium")), "large"),
    ("video_band", "video_minutes_30d", "Band of video", "视频时长档次", "content/video", (("= 0", "none"), ("< 60", "light"), ("< 240", "medium")), "heavy"),
    ("game_band", "game_minutes_30d", "Band of games", "游戏时长档次", "content/games", (("= 0", "none"), ("< 60", "light"), ("< 180", "medium")), "heavy"),
    ("music_band", "music_minutes_30d", "Band of music", "音乐时长档次", "content/music", (("= 0", "none"), ("< 60", "light")), "heavy"),
    ("app_band", "app_opens_30d", "Band of app use", "掌厅使用档次", "channels/app", (("= 0", "none"), ("< 3", "seldom"), ("< 8", "weekly")), "often"),
    ("trouble_band", "calls_dropped_30d + slow_data_30d + weak_coverage_30d + congestion_30d", "Band of network trouble", "网络问题档次", "experience/trend", (("= 0", "none"), ("< 3", "some"), ("< 8", "much")), "severe"),
    ("tenure_band", "days_since(activated_on)", "Band of tenure", "在网时长档次", "subscription/tenure", (("< 90", "new"), ("< 730", "growing"), ("< 1825", "settled")), "old_friend"),
    ("handset_age_band", "days_since(device_since)", "Band of handset age", "终端使用时长档次", "device/age", (("< 180", "new"), ("< 540", "used"), ("< 900", "old")), "very_old"),
    ("credit_band", "credit_score", "Band of credit score", "信用分档次", "value/credit", (("< 550", "weak"), ("< 650", "fair"), ("< 720", "good")), "excellent"),
    ("clv_band", "clv_12m", "Band of customer value", "客户价值档次", "value/clv", (("< 300", "low"), ("< 900", "medium"), ("< 1800", "high")), "top"),
    ("satisfaction_band", "satisfaction_score", "Band of satisfaction", "满意度档次", "experience/satisfaction", (("< 50", "unhappy"), ("< 70", "lukewarm")), "happy"),
    ("service_band", "hotline_calls_90d + chats_90d + complaints_90d", "Band of service contacts", "服务接触档次", "service/burden", (("= 0", "none"), ("< 3", "some"), ("< 6", "many")), "very_many"),
    ("wallet_band", "wallet_amount_30d", "Band of wallet use", "钱包支付档次", "value/wallet", (("= 0", "none"), ("< 100", "light")), "heavy"),
    ("circle_band", "circle_size", "Band of the calling circle", "交往圈档次", "social/circle_size", (("< 25", "small"), ("< 60", "medium")), "large"),
    ("mobility_band", "call_cells_30d + data_cells_30d", "Band of mobility", "活动范围档次", "places/mobility", (("< 3", "stays"), ("< 8", "moves"), ("< 16", "roams")), "travels"),
)  # fmt: skip
FLAGS = (
    ("night_owl", "night_life_share >= 30", "Uses data at night", "夜间活跃", "data/habits"),
    ("weekend_surfer", "data_weekends_share >= 45", "Uses data at weekends", "周末活跃", "data/habits"),
    ("commuter", "commute_km >= 10 AND data_morning_share >= 15", "Online on a long way to work", "通勤用网", "data/habits"),
    ("talker", "calls_made_30d > 2 * data_sessions_30d", "Calls rather than surfs", "重语音轻流量", "voice/habits"),
    ("data_only", "calls_made_30d = 0 AND data_sessions_30d > 0", "Surfs and does not call", "只用流量", "data/habits"),
    ("video_lover", "data_video_share >= 20 AND interest_video >= 50", "Loves video", "视频爱好者", "content/video"),
    ("gamer", "game_minutes_30d >= 90 OR data_game_share >= 25", "Plays much", "游戏爱好者", "content/games"),
    ("music_lover", "music_minutes_30d >= 60 OR interest_music >= 70", "Loves music", "音乐爱好者", "content/music"),
    ("news_reader", "data_news_share >= 15", "Reads news", "资讯爱好者", "content/news"),
    ("online_shopper", "data_shopping_share >= 20 OR orders_paid_90d >= 1", "Shops online", "网购客户", "commerce/orders"),
    ("investor", "data_finance_share >= 12 AND interest_finance >= 40", "Cares for finance", "理财客户", "content/finance"),
    ("learner", "data_education_share >= 12 OR interest_education >= 60", "Cares for education", "教育客户", "content/education"),
    ("traveller", "trips_abroad_365d >= 1 OR interest_travel >= 60", "Travels", "差旅客户", "places/abroad"),
    ("globetrotter", "trips_abroad_90d >= 1 AND calls_international_90d >= 1", "Travels and calls abroad", "国际商旅客户", "places/abroad"),
    ("abroad_without_roaming", "trips_abroad_90d >= 1 AND NOT roaming_enabled", "Abroad without roaming", "出境未开漫游", "places/abroad"),
    ("parent", "children > 0 OR interest_children >= 60", "Has children at home", "有孩家庭", "identity/household"),
    ("campus_regular", "area_visits_campus_30d >= 2", "Often on campus", "校园常客", "places/areas"),
    ("mall_regular", "area_visits_mall_30d >= 2", "Often in malls", "商场常客", "places/areas"),
    ("frequent_flyer", "area_visits_airport_30d >= 2", "Often at airports", "机场常客", "places/areas"),
    ("upgrade_ready", "bundle_share >= 90 AND propensity_upgrade >= 100000", "Ready for a higher plan", "可升档客户", "scores/upgrade"),
    ("overpays", "arpu > plan_fee AND out_of_bundle_charge_30d > 0", "Pays beyond the plan", "套外超支客户", "scores/upgrade"),
    ("underuses", "bundle_share < 20 AND NOT has_unlimited", "Uses little of the bundle", "套餐低饱和", "scores/upgrade"),
    ("handset_due", "device_old AND propensity_handset >= 100000", "Due for a new handset", "换机潜客", "device/change_cycle"),
    ("fiveg_held_back", "device_5g AND fiveg_share = 0", "5G handset without 5G use", "有5G终端无5G流量", "data/generation"),
    ("broadband_prospect", "NOT broadband AND wifi_mb_30d > 0 AND propensity_broadband >= 100000", "Prospect for broadband", "宽带潜客", "subscription/broadband"),
    ("family_prospect", "NOT family_plan AND household_size >= 3", "Prospect for a family plan", "家庭套餐潜客", "subscription/family"),
    ("esim_prospect", "device_esim AND sim_kind <> 'esim'", "Prospect for an eSIM", "eSIM潜客", "subscription/sim"),
    ("auto_pay_prospect", "NOT auto_pay AND (recharges_failed_90d > 0 OR bills_overdue_180d > 0)", "Prospect for automatic payment", "自动缴费潜客", "value/payment_habit"),
    ("late_payer", "bills_overdue_180d >= 1 OR payment_risk >= 150000", "Pays late", "缴费风险客户", "value/arrears"),
    ("out_of_money", "balance_exhausted_30d >= 1 AND recharges_7d = 0", "Used up and not recharged", "余额用尽未充值", "value/balance"),
    ("points_hoarder", "points_balance >= 2000 AND points_redeemed_90d = 0", "Keeps points", "积分沉淀客户", "value/points"),
    ("bargain_hunter", "coupons_taken_30d >= 1 AND price_sensitive", "Hunts bargains", "优惠敏感客户", "commerce/coupons"),
    ("window_shopper", "products_viewed_30d >= 2 AND orders_placed_30d = 0", "Looks and does not buy", "只看不买", "commerce/browsing"),
    ("basket_leaver", "cart_items_30d > orders_placed_30d", "Leaves things in the cart", "弃购客户", "commerce/cart"),
    ("tempted", "rival_visits_90d >= 1 AND NOT contract_ending", "Looks at competitors", "关注竞品", "commerce/competitors"),
    ("leaving_soon", "churn_risk >= 300000 AND (no_contract OR contract_ending)", "May leave and can", "高危可离网", "scores/churn"),
    ("disappointed", "satisfaction_score < 60 AND (complaints_180d > 0 OR answers_detractor_180d > 0)", "Disappointed", "失望客户", "experience/satisfaction"),
    ("advocate", "answers_promoter_180d > 0 OR invitations_90d > 0", "Recommends us", "口碑客户", "experience/recommendation"),
    ("needs_help", "hotline_calls_30d + chats_30d + callbacks_30d >= 2", "Needs help often", "高求助客户", "service/burden"),
    ("self_helper", "help_reads_90d >= 2 AND hotline_calls_90d = 0", "Helps herself", "自助型客户", "service/self_help"),
    ("spam_victim", "spam_calls_30d >= 5", "Suffers from spam calls", "受骚扰客户", "voice/spam"),
    ("home_badly_served", "home_network_quality < 90", "Weak network at home", "常驻地网络弱", "experience/coverage"),
    ("moved_lately", "days_since(home_moved_at) <= 60", "Moved lately", "近期搬家", "places/moves"),
    ("birthday_soon", "days_since(birthday_next) BETWEEN -30 AND 0", "Birthday within 30 days", "30天内生日", "identity/demographics"),
    ("anniversary_soon", "days_since(anniversary_next) BETWEEN -30 AND 0", "Anniversary within 30 days", "30天内入网周年", "subscription/tenure"),
    ("unreachable_digitally", "NOT app_installed AND NOT wechat_bound AND NOT email_known", "Reached by text message only", "仅短信可触达", "channels/reach"),
    ("circle_is_leaving", "circle_left_90d >= 2", "Friends are leaving", "交往圈流失", "social/circle_churn"),
    ("hub", "influence_score >= 60 AND circle_size >= 60", "A hub of the circle", "社交核心", "social/influence"),
    ("gadget_fan", "has_watch AND has_tablet OR demos_90d >= 1", "Likes gadgets", "数码爱好者", "device/interest"),
    ("careful_owner", "days_since(insured_at) <= 365 OR repairs_90d >= 1", "Takes care of the handset", "爱护终端客户", "device/care"),
)  # fmt: skip
SCORES = (
    ("rfm_recency", "CASE WHEN data_days_ago <= 1 THEN 5 WHEN data_days_ago <= 3 THEN 4 WHEN data_days_ago <= 7 THEN 3 WHEN data_days_ago <= 14 THEN 2 ELSE 1 END", "Recency, 1 to 5", "近度R(1至5)", "scores/rfm", "points"),
    ("rfm_frequency", "CASE WHEN calls_made_30d + data_sessions_30d >= 60 THEN 5 WHEN calls_made_30d + data_sessions_30d >= 40 THEN 4 WHEN calls_made_30d + data_sessions_30d >= 25 THEN 3 WHEN calls_made_30d + data_sessions_30d >= 10 THEN 2 ELSE 1 END", "Frequency, 1 to 5", "频度F(1至5)", "scores/rfm", "points"),
    ("rfm_monetary", "CASE WHEN arpu >= 180 THEN 5 WHEN arpu >= 110 THEN 4 WHEN arpu >= 70 THEN 3 WHEN arpu >= 40 THEN 2 ELSE 1 END", "Monetary value, 1 to 5", "额度M(1至5)", "scores/rfm", "points"),
    ("rfmcl_breadth", "least(data_contents_30d, 9)", "Breadth: kinds of content used", "品类宽度C", "scores/rfmcl", "kinds"),
    ("rfmcl_length", "days_since(activated_on) / 365", "Length: years with us", "生命周期长度L", "scores/rfmcl", "years"),
    ("rfm_code", "100 * rfm_recency + 10 * rfm_frequency + rfm_monetary", "RFM code", "RFM编码", "scores/rfm", ""),
    ("rfmcl_sum", "rfm_recency + rfm_frequency + rfm_monetary + rfmcl_breadth + rfmcl_length", "RFMCL in all", "RFMCL总分", "scores/rfmcl", "points"),
    ("digital_index", "least(app_opens_30d, 20) + least(web_views_30d, 10) + 2 * least(logins_30d, 5) + 3 * least(wallet_payments_30d, 5)", "Digital index", "线上活跃指数", "scores/engagement", "points"),
    ("commerce_index", "least(products_viewed_30d, 10) + 2 * least(searches_30d, 5) + 3 * least(cart_items_30d, 5) + 10 * least(orders_paid_30d, 3)", "Buying index", "购买意向指数", "scores/engagement", "points"),
    ("response_index", "least(links_clicked_90d, 10) + least(pushes_opened_90d, 10) + least(emails_opened_90d, 5) + 3 * least(replies_90d, 3)", "Response index", "响应指数", "scores/engagement", "points"),
    ("loyalty_index", "least(points_earned_90d / 100, 20) + 5 * least(invitations_life, 4) + rfmcl_length", "Loyalty index", "忠诚指数", "scores/engagement", "points"),
    ("service_burden", "3 * complaints_180d + hotline_calls_90d + chats_90d + 2 * refunds_90d + faults_90d", "Burden on service", "服务负担指数", "service/burden", "points"),
    ("network_pain", "3 * calls_dropped_30d + 2 * calls_failed_30d + slow_data_30d + weak_coverage_30d + congestion_30d + outage_minutes_30d / 60", "Network pain", "网络痛感指数", "experience/trend", "points"),
    ("content_minutes_30d", "video_minutes_30d + music_minutes_30d + game_minutes_30d + short_video_minutes_30d + reading_minutes_30d + live_minutes_30d", "Minutes of content in 30 days", "近30天内容总时长", "content/trend", "min"),
    ("touch_points_30d", "shop_visits_30d + kiosk_uses_30d + partner_visits_30d + hotline_calls_30d + chats_30d + menu_choices_30d", "Contacts she began in 30 days", "近30天主动接触次数", "channels/reach", "times"),
    ("arpu_change", "arpu - arpu_previous", "Change of revenue", "收入变化", "value/revenue", "CNY/month"),
    ("plan_days", "days_since(plan_since)", "Days on this plan", "当前套餐使用天数", "subscription/plan", "d"),
    ("tenure_days", "days_since(activated_on)", "Days with us", "在网天数", "subscription/tenure", "d"),
    ("handset_days", "days_since(device_since)", "Days with this handset", "终端使用天数", "device/age", "d"),
    ("contract_days_left", "0 - days_since(contract_end)", "Days to the end of the contract", "合约剩余天数", "subscription/contract", "d"),
    ("days_to_birthday", "0 - days_since(birthday_next)", "Days to the birthday", "距生日天数", "identity/demographics", "d"),
    ("broadband_days_left", "0 - days_since(broadband_end)", "Days to the end of the broadband contract", "宽带剩余天数", "subscription/broadband", "d"),
    ("likeliest_moment", "CASE WHEN app_opens_late_30d > app_opens_evening_30d AND app_opens_late_30d > app_opens_forenoon_30d THEN 'late' WHEN app_opens_evening_30d > app_opens_forenoon_30d THEN 'evening' WHEN app_opens_forenoon_30d > 0 THEN 'forenoon' END", "When the app is opened most", "掌厅活跃时段", "channels/app_hours", ""),
    ("best_online_channel", "CASE WHEN app_opens_30d > web_views_30d AND app_opens_30d > 0 THEN 'app' WHEN web_views_30d > 0 THEN 'web' WHEN wechat_bound THEN 'wechat' ELSE 'sms' END", "Best channel online", "最佳线上渠道", "channels/reach", ""),
    ("care_stage", "CASE WHEN complaints_30d > 0 THEN 'complained' WHEN network_pain >= 6 THEN 'suffers' WHEN satisfaction_score < 60 THEN 'cool' ELSE 'calm' END", "Stage of care", "关怀阶段", "experience/care", ""),
)  # fmt: skip


def tags(others: Iterable[Tag]) -> Iterator[Tag]:
    """All of them; `others` are the tags whose last moments are told as days."""
    yield from _ago(others)
    yield from _shares()
    for name, en, zh, category in TRENDS:
        text = f"100 * {name}_7d * 30 / (7 * {name}_30d)"
        yield rule(
            f"{name}_trend",
            category,
            f"Trend of {en}: the last week against the month",
            f"{zh}趋势(近7天比近30天)",
            text,
            "%",
        )
    for name, amount, number, en, zh, unit, category in AVERAGES:
        yield rule(name, category, en, zh, f"{amount} / {number}", unit)
    for name, part, whole, en, zh, category in PARTS:
        text = f"100 * ({part}) / ({whole})" if "+" in part + whole else f"100 * {part} / {whole}"
        yield rule(name, category, en, zh, text, "%")
    for name, what, en, zh, category, steps, rest in BANDS:
        cases = " ".join(f"WHEN {what} {test} THEN '{word}'" for test, word in steps)
        top = f"{what} IS NOT NULL"
        yield rule(name, category, en, zh, f"CASE {cases} WHEN {top} THEN '{rest}' END")
    for name, text, en, zh, category in FLAGS:
        yield rule(name, category, en, zh, text)
    for name, text, en, zh, category, unit in SCORES:
        yield rule(name, category, en, zh, text, unit)


def _ago(others: Iterable[Tag]) -> Iterator[Tag]:
    """How many days ago it happened last, of every last moment."""
    for other in others:
        if "measure: last, value: at" in other.made[0]:
            name = other.name.removesuffix("_at").removesuffix("_last")
            en = other.en[0].lower() + other.en[1:] if not other.en[:2].isupper() else other.en
            zh = other.zh.removesuffix("时间")
            yield rule(
                f"{name}_days_ago",
                other.category,
                f"Days since the {en}" if en.startswith("last ") else f"Days since: {en}",
                f"距{zh}天数",
                f"days_since({other.name})",
                "d",
            )


def _shares() -> Iterator[Tag]:
    """Shares of hours, of days of the week, and of kinds of content, per cent of 30 days."""
    for figure, noun, en, zh, category in SHARES:
        for one in (*HOURS, *WEEK):
            what = f"{en}: {one.before}"
            yield rule(
                f"{noun}_{one.name}_share",
                category,
                what,
                f"{one.zh}{zh}",
                f"100 * {figure}_{one.name}_30d / {figure}_30d",
                "%",
            )
    for word, en, zh in CONTENTS:
        amount = "video_mb_30d" if word == "video" else f"data_mb_{word}_30d"
        yield rule(
            f"data_{word}_share",
            "data/content_shares",
            f"Share of {en} in data",
            f"{zh}流量占比",
            f"100 * {amount} / data_mb_30d",
            "%",
        )
