"""Settings of what is watched, and of whom it reaches. Nothing of it decides anything: a journal does not
have it, and two runs that differ in nothing else are the same run."""

import re
from typing import Annotated, ClassVar, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.setting import HIGHER_IS_LOOSER, HOT, Bounds, Reload, Section
from tradectl.domain.states import AlertSeverity
from tradectl.notification.address import host_and_port, refuse_address

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class MonitoringSettings(Section, frozen=True, kw_only=True):
    """How the run is watched from outside its own work."""

    section = "monitoring"
    reload = Reload(refused="who watches the run is started by it")
    addresses: ClassVar[tuple[str, ...]] = ("heartbeat_url",)

    heartbeat_url: Annotated[
        str,
        "an address that is asked for (GET) every so often while all is well: its silence is the alarm "
        "at the other end; better kept in the environment, as TRADECTL_HEARTBEAT_URL",
    ] = ""
    heartbeat_seconds: Annotated[
        float, Bounds(ge=1, le=86_400), "how often; the other end should wait for two or three", HOT
    ] = 60.0
    stall_seconds: Annotated[
        float,
        Bounds(ge=0.1, le=600),
        "the loop stands still for so long: an alert from outside of it, with what it was doing",
        HOT,
    ] = 2.0
    stall_stop_seconds: Annotated[
        float,
        Bounds(ge=1, le=3600, off=0),
        "... and for so long: the emergency stop is latched",
        HIGHER_IS_LOOSER,
    ] = 0.0
    anomaly_score: Annotated[
        float,
        Bounds(ge=3, off=0),
        "what is so many times its usual deviation (price, range, volume, spread, silence, rejects, "
        "latency, slippage, losses) is an alert; on recorded data never",
        HOT,
    ] = 10.0
    anomaly_seconds: Annotated[
        float,
        Bounds(ge=1, le=3600),
        "how long a stretch of the market is that is compared with others",
    ] = 60.0
    metrics_port: Annotated[
        int,
        Bounds(ge=1024, le=65_535, off=0),
        "figures for Prometheus, /health and /ready on this port of 127.0.0.1",
    ] = 0
    metrics_money: Annotated[
        bool, "equity, profit and positions among the figures", HIGHER_IS_LOOSER
    ] = False

    time_server: Annotated[
        str,
        "HOST or HOST:PORT that is asked by SNTP how far this machine's clock is from UTC, such as "
        "pool.ntp.org",
    ] = ""
    time_server_seconds: Annotated[
        float, Bounds(ge=16, le=86_400), "how often it is asked", HOT
    ] = 600.0

    telegram_chats: Annotated[
        tuple[int, ...],
        "ids of the chats that may ask for status, pause and emergency stop; the token of their bot is "
        "in the environment: TRADECTL_TELEGRAM_TOKEN",
        HIGHER_IS_LOOSER,
    ] = ()
    telegram_url: Annotated[str, "of Telegram, or of a server of one's own for bots"] = (
        "https://api.telegram.org"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heartbeat_url:
            refuse_address(self.heartbeat_url, "monitoring.heartbeat_url")
        refuse_address(self.telegram_url, "monitoring.telegram_url")
        if self.time_server:
            host_and_port(self.time_server)


class AlertSettings(Section, frozen=True, kw_only=True):
    """When alerts are told again, and when they wait."""

    section = "alerts"

    repeat_seconds: Annotated[
        float, Bounds(ge=1, le=86_400), "one that keeps coming is told again after so long", HOT
    ] = 60.0
    remind_seconds: Annotated[
        float,
        Bounds(ge=1, le=86_400),
        "a critical one that nobody acknowledges is told again after so long",
        HOT,
    ] = 300.0
    quiet_hours: Annotated[
        str,
        "such as 22:00-07:00, in account.time_zone: meanwhile only what is critical is told, the rest at "
        "their end",
        HOT,
    ] = ""
    keep_hours: Annotated[
        float, Bounds(ge=0.1, le=720), "what could not be told for so long is let go", HOT
    ] = 72.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quiet_hours and not _HOURS.fullmatch(self.quiet_hours):
            raise ConfigError(
                f"alerts.quiet_hours: expected such as 22:00-07:00, got {self.quiet_hours!r:.60}"
            )

        if self.quiet_minutes and len({*self.quiet_minutes}) == 1:
            raise ConfigError(
                "alerts.quiet_hours: expected an end other than the beginning, or nothing for none, got "
                f"{self.quiet_hours!r}"
            )

    @property
    def quiet_minutes(self) -> tuple[int, int] | None:
        """From which to which minute of the day."""
        found = _HOURS.fullmatch(self.quiet_hours)
        if found is None:
            return None
        hour, minute, to_hour, to_minute = map(int, found.groups())
        return hour * 60 + minute, to_hour * 60 + to_minute


class AlertChannel(Section, frozen=True, kw_only=True):
    """A way to somebody. Where to, TRADECTL_CHANNEL_NAME_URL in the environment says (with its name in
    upper case), or the keyring, or the key `url`, which is never shown."""

    section = "alert_channels"
    addresses: ClassVar[tuple[str, ...]] = ("url",)

    name: Annotated[str, "what routes call it"]
    kind: Annotated[
        Literal["webhook", "apprise", "log", "bell"],
        "a POST of JSON; one of the services of Apprise (the extra `alerts`); the file alerts.log in the "
        "state directory; the terminal's bell",
    ] = "webhook"
    url: Annotated[str, "of a webhook or for Apprise; better kept in the environment"] = ""
    timeout_seconds: Annotated[
        float, Bounds(ge=0.1, le=60), "without an answer for so long the next channel is taken"
    ] = 5.0
    per_minute: Annotated[
        int,
        Bounds(ge=1, le=100_000, off=0),
        "messages at most: what is too much waits and goes out together; as many again that are critical",
    ] = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"alert_channels.name: expected lower case letters and digits, got {self.name!r:.60}"
            )
        if self.url and self.kind == "webhook":
            refuse_address(self.url, "alert_channels.url")


class AlertRoute(Section, frozen=True, kw_only=True):
    """Who is told of what. Each route that fits tells; without any, what is a warning or worse goes to
    the channels in their order."""

    section = "alert_routes"

    channels: Annotated[
        tuple[str, ...], "the first is told; the next where that fails or does not answer"
    ]
    about: Annotated[
        Literal["alerts", "trades"], "what asks for attention; entries, exits and the day's summary"
    ] = "alerts"
    types: Annotated[
        tuple[str, ...], "of these types only, such as LOSS_* or trade_exit; empty for all"
    ] = ()
    components: Annotated[
        tuple[str, ...], "of these components only, such as feed:*; empty for all"
    ] = ()
    severity: Annotated[AlertSeverity, "so severe or worse; a trade is of none"] = (
        AlertSeverity.WARNING
    )
    resolved: Annotated[bool, "told, too, that it is over"] = True
    quiet: Annotated[bool, "waits in the quiet hours, unless it is critical"] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise ConfigError("alert_routes.channels: expected at least one")


class AlertEscalation(Section, frozen=True, kw_only=True):
    """A step that is taken when nobody has acknowledged an alert: `tradectl alerts ack ID` does."""

    section = "alert_escalations"

    channels: Annotated[tuple[str, ...], "as of a route"]
    after_seconds: Annotated[
        float, Bounds(ge=1, le=604_800), "since it was raised, or got worse"
    ] = 600.0
    severity: Annotated[AlertSeverity, "so severe or worse"] = AlertSeverity.CRITICAL

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise ConfigError("alert_escalations.channels: expected at least one")


__all__ = [
    "AlertChannel",
    "AlertEscalation",
    "AlertRoute",
    "AlertSettings",
    "MonitoringSettings",
]
