"""Who may do what: a request's key, and the scope it needs."""

from opportune.entrypoints.http.body import Head
from opportune.store import ApiKey, Keys


class Authority:
    """Looks keys up. A key comes as Basic user name, as Bearer token, in the query or in the body."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def writer(self, head: Head, *others: str | None) -> str | None:
        """The source that the request may write to, or None.

        A Basic user name rules. A Bearer token that is no key of ours is somebody else's (OAuth): then the body's key counts.
        """
        if head.basic is not None:
            return self._source(head.basic)
        for text in (head.bearer, *others):
            if text:
                source = self._source(text)
                if source is not None:
                    return source
        return None

    def _source(self, text: str) -> str | None:
        key = self.keys.find(text)
        return None if key is None else key.source

    def key_of(self, head: Head) -> ApiKey | None:
        """The good key of an operating request, by Bearer token or Basic user name."""
        text = head.bearer or head.basic
        return self.keys.find(text) if text else None
