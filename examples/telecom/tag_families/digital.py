"""Tags of behaviour in the app, on the web and in the online shop, and of what spreads among friends."""

from collections.abc import Iterator

from families import LIFE, WAKING, WEEK, Tag, by, count, days, distinct, extreme, family, last, total
from places import GOODS

PAGES = (
    ("home", "home", "首页"),
    ("bill", "bill", "账单页"),
    ("packs", "packs", "流量包页"),
    ("plans", "plans", "套餐页"),
    ("shop", "shop", "商城页"),
    ("points", "points", "积分页"),
)
ON_PAGES = tuple((page, f"on the {en} page", zh) for page, en, zh in PAGES)
OF_PAGES = tuple((page, f"of the {en} page", zh) for page, en, zh in PAGES)
METHODS = (("password", "by password", "密码"), ("sms_code", "by code", "短信验证码"), ("face", "by face", "刷脸"))
LINKS = (
    ("sms", "in text messages", "短信"),
    ("app_push", "in notifications", "推送"),
    ("email", "in e-mails", "邮件"),
    ("wechat", "in WeChat", "微信"),
)
SHARES = (
    ("wechat", "by WeChat", "微信"),
    ("moments", "in Moments", "朋友圈"),
    ("weibo", "on Weibo", "微博"),
    ("sms", "by text message", "短信"),
)
SUBJECTS = (
    ("offer", "about offers", "优惠类"),
    ("bill", "about bills", "账单类"),
    ("service", "about service", "服务类"),
    ("news", "about news", "资讯类"),
)
SITES = (
    ("rival-one", "of rival-one", "rival-one"),
    ("rival-two", "of rival-two", "rival-two"),
    ("rival-virtual", "of rival-virtual", "rival-virtual"),
)
COUPONS = (("care_1g", "for 1 GB", "1GB关怀"), ("care_10", "for 10 yuan", "10元关怀"), ("points", "for points", "积分"))


def tags() -> Iterator[Tag]:
    """All of them."""
    yield from _app()
    yield from _browsing()
    yield from _orders()
    yield from _messages()
    yield from _friends()


def _app() -> Iterator[Tag]:
    opened = count("app_opens", "App openings", "打开掌厅次数")
    yield from family("app_opened", "channels/app", (opened,), days(1, 30, 90))
    yield from family(
        "app_opened", "channels/app_pages", (opened,), days(7, 30, 90), by("page", "on_", ON_PAGES, after=True)
    )
    yield from family("app_opened", "channels/app_hours", (opened,), days(30), (*WAKING, *WEEK))
    yield from family(
        "app_opened",
        "channels/app_pages",
        (distinct("app_pages", "page", "App pages begun on", "掌厅进入页面数", "pages", 20),),
        days(30),
    )
    yield last(
        "app_opened",
        "channels/app_pages",
        "app_page_last",
        "Page the app was opened on last",
        "最近打开掌厅页面",
        "page",
    )
    viewed = count("web_views", "Views of the web shop", "浏览网厅次数")
    yield from family("page_viewed", "channels/web", (viewed,), days(7, 30, 90))
    yield from family(
        "page_viewed", "channels/web_pages", (viewed,), days(30, 90), by("page", "of_", OF_PAGES, after=True)
    )
    yield from family("page_viewed", "channels/web", (viewed,), days(30), (*WAKING, *WEEK))
    yield last("page_viewed", "channels/web", "web_last_at", "Web shop visited last", "最近访问网厅时间")
    yield last("page_viewed", "channels/web_pages", "web_page_last", "Web page viewed last", "最近浏览网厅页面", "page")
    logins = count("logins", "Logins", "登录次数")
    yield from family("app_login", "channels/login", (logins,), days(7, 30, 90))
    yield from family("app_login", "channels/login", (logins,), days(30), by("method", "", METHODS, after=True))
    yield last("app_login", "channels/login", "login_last_at", "Logged in last", "最近登录时间")
    yield last("app_login", "channels/login", "login_last_method", "Way of the last login", "最近登录方式", "method")


def _browsing() -> Iterator[Tag]:
    viewed = count("products_viewed", "product views", "商品浏览次数")
    yield from family("product_viewed", "commerce/browsing", (viewed,), days(30, 90))
    yield from family("product_viewed", "commerce/browsing", (viewed,), days(7, 30, 90), by("product", "", GOODS))
    yield from family(
        "product_viewed",
        "commerce/browsing",
        (
            extreme("viewed_dearest", "max", "price", "Dearest product viewed", "浏览商品最高价", "CNY"),
            extreme("viewed_cheapest", "min", "price", "Cheapest product viewed", "浏览商品最低价", "CNY"),
        ),
        days(30, 90),
    )
    yield from family(
        "product_viewed",
        "commerce/browsing",
        (distinct("products_viewed_kinds", "product", "Different products viewed", "浏览商品种类数", "products", 20),),
        days(30),
    )
    yield last(
        "product_viewed", "commerce/browsing", "product_viewed_last", "Product viewed last", "最近浏览商品", "product"
    )
    yield last(
        "product_viewed", "commerce/browsing", "product_viewed_last_at", "Product viewed last, when", "最近浏览商品时间"
    )
    searched = count("searches", "searches", "商品搜索次数")
    yield from family("product_searched", "commerce/searching", (searched,), days(7, 30, 90))
    yield from family("product_searched", "commerce/searching", (searched,), days(30, 90), by("product", "", GOODS))
    yield last(
        "product_searched", "commerce/searching", "search_last", "Product searched for last", "最近搜索商品", "product"
    )
    yield last("product_searched", "commerce/searching", "search_last_at", "Searched last", "最近搜索时间")
    for event, noun, en, zh in (
        ("cart_added", "cart", "put into the cart", "加入购物车"),
        ("cart_removed", "uncart", "taken out of the cart", "移出购物车"),
        ("wishlist_added", "wish", "put on the wish list", "收藏商品"),
    ):
        yield from family(
            event, "commerce/cart", (count(f"{noun}_items", f"Products {en}", f"{zh}次数"),), days(7, 30, 90)
        )
        yield last(event, "commerce/cart", f"{noun}_last", f"Product {en} last", f"最近{zh}商品", "product")
        yield last(event, "commerce/cart", f"{noun}_last_at", f"Last {en}", f"最近{zh}时间")
    wished = count("wishes", "wishes", "商品收藏次数")
    yield from family("wishlist_added", "commerce/cart", (wished,), days(90), by("product", "", GOODS))
    visits = count("rival_visits", "Visits to competitors' sites", "访问竞品网站次数")
    yield from family("competitor_site_visited", "commerce/competitors", (visits,), days(7, 90))
    yield from family(
        "competitor_site_visited", "commerce/competitors", (visits,), days(90), by("site", "", SITES, after=True)
    )
    yield last(
        "competitor_site_visited",
        "commerce/competitors",
        "rival_last_at",
        "Competitor's site visited last",
        "最近访问竞品时间",
    )
    yield last(
        "competitor_site_visited",
        "commerce/competitors",
        "rival_last",
        "Competitor visited last",
        "最近访问竞品",
        "site",
    )


def _orders() -> Iterator[Tag]:
    for event, noun, en, zh in (
        ("order_placed", "orders_placed", "Orders placed", "下单"),
        ("order_paid", "orders_paid", "Orders paid", "支付订单"),
    ):
        yield from family(
            event,
            "commerce/orders",
            (
                count(noun, en, f"{zh}次数", "orders"),
                total(f"{noun}_amount", "amount", f"{en}, amount", f"{zh}金额", "CNY"),
            ),
            days(30, 90),
        )
        yield from family(
            event,
            "commerce/orders",
            (extreme(f"{noun}_max", "max", "amount", f"{en}, the largest", f"{zh}最高金额", "CNY"),),
            days(90),
        )
        yield last(event, "commerce/orders", f"{noun}_last_at", f"{en}, the last", f"最近{zh}时间")
    yield from family(
        "order_paid",
        "value/revenue",
        (total("orders_amount_life", "amount", "Paid in the online shop", "网购支付金额", "CNY"),),
        LIFE,
    )
    yield from family(
        "order_cancelled",
        "commerce/orders",
        (count("orders_cancelled", "Orders cancelled", "取消订单次数", "orders"),),
        days(90),
    )
    taken, used = (
        count("coupons_taken", "Vouchers taken", "领取优惠券次数"),
        count("coupons_used", "Vouchers used", "核销优惠券次数"),
    )
    yield from family("coupon_taken", "commerce/coupons", (taken,), days(7, 30, 90))
    yield from family("coupon_taken", "commerce/coupons", (taken,), days(90), by("coupon", "", COUPONS, after=True))
    yield last(
        "coupon_taken", "commerce/coupons", "coupon_taken_last", "Voucher taken last", "最近领取优惠券", "coupon"
    )
    yield from family("coupon_used", "commerce/coupons", (used,), days(30, 90))
    yield last("coupon_used", "commerce/coupons", "coupon_used_last", "Voucher used last", "最近核销优惠券", "coupon")
    yield from family(
        "review_written",
        "commerce/reviews",
        (
            count("reviews", "Reviews written", "发表评价次数"),
            extreme("stars_worst", "min", "stars", "Lowest review", "最低评价星级", "stars"),
            extreme("stars_best", "max", "stars", "Best review", "最高评价星级", "stars"),
        ),
        days(90),
    )
    yield last(
        "review_written", "commerce/reviews", "stars_last", "Stars of the last review", "最近评价星级", "stars", "stars"
    )


def _messages() -> Iterator[Tag]:
    for event, category, noun, en, zh in (
        ("push_opened", "channels/push", "pushes_opened", "Notifications opened", "推送打开"),
        ("email_opened", "channels/email", "emails_opened", "E-mails opened", "邮件打开"),
        ("message_replied", "channels/text_message", "replies", "Text messages answered", "短信回复"),
    ):
        times = count(noun, en, f"{zh}次数")
        yield from family(event, category, (times,), days(7, 30, 90))
        yield from family(event, category, (times,), days(90), by("topic", "", SUBJECTS, after=True))
        yield last(event, category, f"{noun}_last_at", f"{en}, the last", f"最近{zh}时间")
    clicks = count("links_clicked", "Links clicked", "点击链接次数")
    yield from family("link_clicked", "channels/links", (clicks,), days(7, 30, 90))
    yield from family("link_clicked", "channels/links", (clicks,), days(30, 90), by("channel", "", LINKS, after=True))
    yield from family("link_clicked", "channels/links", (clicks,), days(30), WAKING)
    yield last("link_clicked", "channels/links", "link_last_at", "Link clicked last", "最近点击链接时间")
    yield last(
        "link_clicked",
        "channels/links",
        "link_last_channel",
        "Where a link was clicked last",
        "最近点击链接渠道",
        "channel",
    )


def _friends() -> Iterator[Tag]:
    for event, category, noun, en, zh in (
        ("share_sent", "social/sharing", "shares", "Shares", "分享"),
        ("friend_invited", "social/referrals", "invitations", "Friends invited", "邀请好友"),
    ):
        times = count(noun, en, f"{zh}次数")
        yield from family(event, category, (times,), days(30, 90))
        yield from family(event, category, (times,), days(90), by("channel", "", SHARES, after=True))
        yield from family(event, category, (count(f"{noun}_life", en, f"{zh}次数"),), LIFE)
        yield last(event, category, f"{noun}_last_at", f"{en}, the last", f"最近{zh}时间")
