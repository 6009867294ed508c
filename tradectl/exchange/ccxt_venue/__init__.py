"""Real exchanges, through ccxt. The only package that knows ccxt, or any exchange by its name.

| module | knows |
|---|---|
| `venue` | the whole: an exchange as `Venue` |
| `client`, `websocket_guard` | ccxt's object: made, held back, guarded, closed; the exchanges there are |
| `calls`, `errors`, `rate_limiter` | one call, what its errors mean, how fast we may ask |
| `tables` | an exchange each: all that is true of it only, and the one place that knows their names |
| `error_codes`, `causes` | an exchange's own codes; an error's cause in plain words |
| `exchange_clock` | what time it is there |
| `markets`, `decimals` | symbols and steps; exact decimals |
| `orders`, `report_parser` | our order to ccxt; ccxt's orders and fills to ours |
| `order_calls`, `order_search` | orders: sent and cancelled; looked for and listed |
| `account_queries` | fills, holdings, permissions |
| `balances` | what an exchange means by a balance |
| `income_queries`, `income_rules` | money that it moves by itself, and how an exchange tells it |
| `market_data`, `streams` | events; streams of them |
| `user_stream`, `listen_key` | the account's orders and fills as they are pushed; its key kept alive |
| `quirks` | in what exchanges differ |

ccxt itself is loaded when an exchange is opened, never by importing this.
"""

from tradectl.exchange.ccxt_venue.venue import CcxtVenue
from tradectl.exchange.credentials import Credentials, read_credentials, read_proxy

__all__ = ["CcxtVenue", "Credentials", "read_credentials", "read_proxy"]
