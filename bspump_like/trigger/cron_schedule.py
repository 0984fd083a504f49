"""When a cron expression is due: pure arithmetic on calendars, no clock and no loop.

Fields and names are those of Debian's cron(8), read by the library cronsim: five fields, or six with seconds first, `L`,
`LW`, `MON#1`, steps and ranges.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ..errors import ConfigError, Problem

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_LOCAL = "/etc/localtime"


class CronSchedule:
    """A cron expression in a time zone.

    Daylight saving, as Debian's cron does it: a job at a fixed time that the clock jumps over is due when the jump has
    happened, one that the clock shows twice is due the first time only. A job with a wildcard in its hours or minutes
    follows elapsed time: through the extra hour too.

    Args:
        expression: Five fields, six with seconds first, or one of `ALIASES`.
        timezone: An IANA name such as `Europe/Prague`; None: the zone of the machine.

    Raises:
        ConfigError: The expression or the zone cannot be read, or the expression is never due.
    """

    def __init__(self, expression: str, timezone: str | None = None) -> None:
        """Read both; find out whether the expression is ever due."""
        self.expression = expression
        self.zone = zone_of(timezone)
        self._fields = ALIASES.get(expression.strip().lower(), expression)
        parts = self._fields.split()
        self._at_fixed_time = not any(part.startswith("*") for part in parts[-5:-3])
        try:
            self.next_after(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
        except CronSimError as error:
            hint = f"five fields, minute to day of week, or six with seconds first, or one of {', '.join(ALIASES)}"
            raise _problem("cron", f"'{expression}' is no cron expression: {error}", hint) from None
        except StopIteration:
            raise _problem("cron", f"the cron expression '{expression}' is never due", "no such day comes") from None

    def next_after(self, timestamp: float) -> float:
        """Return when the expression is due next, strictly after `timestamp`; both in UNIX seconds."""
        now = datetime.fromtimestamp(timestamp, self.zone)
        if not self._at_fixed_time:
            return next(CronSim(self._fields, now)).timestamp()
        # On the wall clock alone, then to real time: cronsim does so itself for five fields, but not for six. A wall clock
        # that was set back may lead to a time that is over, so go on until it is not.
        wall = CronSim(self._fields, now.replace(tzinfo=None))
        due = self._real(next(wall))
        while due <= timestamp:
            due = self._real(next(wall))
        return due

    def _real(self, wall: datetime) -> float:
        """Return the first moment at which the clock shows `wall`, or the first after the jump over it."""
        moment = wall.replace(tzinfo=self.zone)
        while moment.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != wall:  # the clock never shows it
            wall = wall.replace(second=0) + timedelta(minutes=1)
            moment = wall.replace(tzinfo=self.zone)
        return moment.timestamp()


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of a name; None: that of the machine, from `TZ` or its settings.

    Raises:
        ConfigError: There is no such zone.
    """
    name = name or os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        # Not `datetime.astimezone()`: its zone is a fixed offset and would be wrong after the next change of the clock.
        with open(_LOCAL, "rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except FileNotFoundError:
        return UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _problem("timezone", f"there is no time zone '{name}'", "an IANA name such as Europe/Prague or UTC") from None


def _problem(argument: str, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(message, ("args", argument), hint=hint)])
