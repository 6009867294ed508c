"""Real exchanges, through ccxt. The only package that knows ccxt, or any exchange by its name.

| room | knows |
|---|---|
| `venue`, `opened` | the whole: an exchange as `Venue` |
| `client`, `closing`, `tap` | ccxt's object: made, paced, guarded, closed |
| `calls`, `errors` | one call, and what its errors mean |
| `pace`, `keys` | the rate limit; secrets |
| `markets`, `numbers` | symbols and steps; exact decimals |
| `orders`, `reports` | our order to ccxt; ccxt's orders and fills to ours |
| `trading`, `account` | order calls; fills, holdings, permissions |
| `market_data`, `streams`, `listening` | events; streams of them; the account's news |
| `quirks`, `catalogue` | what is true of one exchange only; which exchanges there are |

ccxt itself is loaded when an exchange is opened, never by importing this.
"""

from tradectl.exchange.ccxt_venue.client import exchange_ids
from tradectl.exchange.ccxt_venue.credentials import Credentials, read_keys
from tradectl.exchange.ccxt_venue.venue import CcxtVenue

__all__ = ["CcxtVenue", "Credentials", "exchange_ids", "read_keys"]
