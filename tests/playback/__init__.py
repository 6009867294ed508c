"""Other exchanges, each in its own words: they answer the real ccxt, on this machine, from a few facts.

An exchange here trades nothing. It tells of an account (`facts`) in the shapes in which that exchange
tells it, and refuses orders in its words. The same facts in every dialect are what a contract test holds
all of them to.
"""

from tests.playback.facts import Facts, Refused, Row, Traded
from tests.playback.server import DIALECTS, Playback, playback

__all__ = ["DIALECTS", "Facts", "Playback", "Refused", "Row", "Traded", "playback"]
