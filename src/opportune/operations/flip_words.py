"""The words in which changes are told: per kind the English and the Chinese template."""

from opportune.operations.names import Names, scaled, span

FLIPS: dict[str, tuple[str, str]] = {
    "tag": ("{subject} {before} → {after}", "{subject} {before} → {after}"),
    "event": ("{subject} of the event {before} → {after}", "本次事件的{subject} {before} → {after}"),
    "age": ("the event no older than {after} (was {before})", "事件发生至今不超过{after}（当时为{before}）"),
    "moment": ("from {after} on ({subject})", "自{after}起（{subject}）"),
    "contacts": ("{after} contacts instead of {before}", "接触次数由{before}减为{after}"),
    "consent given": ("consent for {subject}", "给予同意：{subject}"),
    "consent withdrawn": ("without consent for {subject}", "撤回同意：{subject}"),
    "do_not_disturb": ("off the do-not-disturb list", "移出免打扰名单"),
    "limit": ("something left of {subject}", "“{subject}”尚有余量"),
    "sending": ("sending not stopped", "未停止发送"),
    "lever": ("lever of {subject} {before} → {after}", "{subject}的杠杆系数 {before} → {after}"),
    "control": ("control group of {subject} {before} → {after}", "{subject}的对照组比例 {before} → {after}"),
    "control universal": ("universal control group {before} → {after}", "全局对照组比例 {before} → {after}"),
    "valid": ("last day of {subject} {before} → {after}", "{subject}的有效期至 {before} → {after}"),
    "fewer": ("{many} contacts fewer in the last {window}{of}", "最近{window}内少{many}次接触{of}"),
    "one fewer": ("one contact fewer in the last {window}{of}", "最近{window}内少一次接触{of}"),
    "unknown": ("unknown", "未知"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "of": (" ({of})", "（{of}）"),
}


class FlipWords:
    """Puts changes into words of one language."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._side = 0 if names.language == "en" else 1

    def text(self, kind: str, subject: str, before: str, after: str, amount: int) -> str:
        """One change as a sentence's part."""
        key = kind
        if kind == "consent":
            key = "consent given" if amount else "consent withdrawn"
        elif kind == "control" and not subject:
            key = "control universal"
        return self._say(key, subject=subject, before=before, after=after)

    def contacts(self, many: int, window_ms: int, of: str) -> str:
        """So many contacts fewer in a window, of a channel or category."""
        key = "one fewer" if many == 1 else "fewer"
        return self._say(key, many=many, window=span(window_ms), of=self._say("of", of=of) if of else "")

    def value(self, value: str | int | bool | list[str] | None) -> str:
        """A tag's or property's value."""
        if value is None:
            return self._say("unknown")
        if isinstance(value, bool):
            return self._say("yes" if value else "no")
        return ", ".join(value) if isinstance(value, list) else str(value)

    def moment(self, at_ms: int) -> str:
        """A moment as local time of the deployment, a part of a second rounded up."""
        return self._names.moment(-(-at_ms // 1_000) * 1_000)

    def day(self, at_ms: int) -> str:
        """The local day of a moment."""
        return str(self._names.local(at_ms).date())

    def ppm(self, ppm: int) -> str:
        """A factor in ppm as a number, without zeros at its end."""
        return scaled(ppm, 6).rstrip("0").rstrip(".")

    def percent(self, ppm: int) -> str:
        """A share in ppm as a percentage, without zeros at its end."""
        return scaled(ppm, 4).rstrip("0").rstrip(".") + "%"

    def span(self, ms: int) -> str:
        """A length of time."""
        return span(ms)

    def _say(self, key: str, **parts: object) -> str:
        return FLIPS[key][self._side].format(**parts)
