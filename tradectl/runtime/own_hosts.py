"""Keys go to no host but those of the user's own configuration, or ccxt's own for the exchange."""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.domain.errors import ConfigError
from tradectl.domain.text import harmless
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.storage.known_hosts import Host, Hosts, KnownHosts


def hosts_of(exchanges: Iterable[ExchangeSettings]) -> Hosts:
    return {e.prefix: Host(e.id, e.testnet, e.url, e.proxy) for e in exchanges}


def refuse_other_hosts(exchanges: Iterable[ExchangeSettings], known: KnownHosts) -> None:
    """`exchanges` are a journal's. Raises ConfigError where the user's own word is another one."""
    hosts = known.read()
    for name, named in hosts_of(exchanges).items():
        if name not in hosts:
            own = "no configuration of yours that says so is known here"
            is_own = named == Host(name, named.testnet)  # ccxt's table has both networks
        else:
            own = f"your configuration that last traded here has it at {_told(hosts[name])}"
            is_own = named == hosts[name]
        if not is_own:
            why = f"the journal has {name} at {_told(named)}, and {own}"
            raise ConfigError(harmless(f"no keys are sent: {why}; name yours with -c"))


def _told(host: Host) -> str:
    network = ", test network" if host.testnet else ""
    through = f", through {host.proxy}" if host.proxy else ""
    return f"{host.url or 'its own address'} ({host.id}{network}{through})"


__all__ = ["hosts_of", "refuse_other_hosts"]
