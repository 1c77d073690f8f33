"""The calendar of rules: which moments and days calendar functions know. Beyond them the answer is NULL in every engine."""

from opportune.facts import MS_PER_DAY

DAY_MIN = -719_162
"""0001-01-01"""
DAY_MAX = 2_932_896
"""9999-12-31"""
MOMENT_MIN = (DAY_MIN + 2) * MS_PER_DAY
MOMENT_MAX = (DAY_MAX - 2) * MS_PER_DAY
"""Two days of margin, so that local time stays within the calendar in every zone."""
