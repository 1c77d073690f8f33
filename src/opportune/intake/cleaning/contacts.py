"""Steps on phone numbers and e-mail addresses."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from opportune.intake.cleaning.definitions import EmailStep, PhoneStep, fields_of
from opportune.intake.cleaning.step import Rewrite, Step
from opportune.intake.extras import extra

REMEMBERED_MAX = 65_536
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")


def phone(definition: PhoneStep) -> Step:
    """Phone numbers in E.164. Raises ValueError for a region that is none, ExtraMissingError."""
    return Rewrite(fields_of(definition.fields), _phone_reader(definition.region.upper()), definition.otherwise)


def _phone_reader(region: str) -> Callable[[str], str | None]:
    phonenumbers = extra("phonenumbers", "sources")
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"phone: no region `{region}`; write two letters such as CN or GB")

    @lru_cache(REMEMBERED_MAX)
    def read(text: str) -> str:
        try:
            number = phonenumbers.parse(unicodedata.normalize("NFKC", text), region)
        except phonenumbers.NumberParseException as error:
            raise ValueError("no phone number") from error
        if not phonenumbers.is_valid_number(number):
            raise ValueError("no such phone number")
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    return read


def email(definition: EmailStep) -> Step:
    """E-mail addresses."""
    return Rewrite(fields_of(definition.fields), _email, definition.otherwise)


def _email(text: str) -> str:
    bare = unicodedata.normalize("NFKC", text).strip().removeprefix("mailto:")
    if _EMAIL.fullmatch(bare) is None:
        raise ValueError("no e-mail address")
    local, _, domain = bare.rpartition("@")
    return f"{local}@{domain.lower()}"
