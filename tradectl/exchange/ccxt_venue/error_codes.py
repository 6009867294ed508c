"""Each exchange's own codes of errors: a table, and how a code is found in what it says.

ccxt sorts errors by its classes, and where the class says too little, or the wrong thing, a code stands
here: what the request came to (`outcomes`), what a refused order comes to (`refusals`), what it means in
plain words (`causes`), and that there is no such order any more (`not_found`). What is not here is judged
by ccxt's class (`errors.TABLE`). Three things go wrong without a row: a refusal that ccxt has no class
for leaves an order of unknown fate; a request that came too late is blamed on the keys, and a lost access
halts; a symbol that is not to be had here, or a position that is being liquidated, does the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes


class Outcome(StrEnum):
    REFUSED = "refused"
    NOT_EXECUTED = "not executed"
    UNKNOWN = "unknown"
    ACCESS_LOST = "access lost"


R, N, U, A = Outcome.REFUSED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.ACCESS_LOST
_R = RefusalCause

BY_NUMBER = r'"code"\s*:\s*"?(-?[0-9]{1,9})"?'


class ErrorCodes(Struct, frozen=True, kw_only=True):
    patterns: tuple[str, ...] = (BY_NUMBER,)
    """find a code in an error's text; the first that does counts"""
    outcomes: Mapping[str, Outcome] = {}
    refusals: Mapping[str, RefusalCause] = {}
    causes: Mapping[str, str] = {}
    not_found: frozenset[str] = frozenset()
    """for an order, or a listen key, that it does not know or that is over"""
    refuses_by_4xx: bool = False
    """a JSON answer with a code and a status of 4xx is a refusal, whatever the code"""
    refusing: str = ""
    """the form of codes that refuse an order, whatever else they say: those that are new, too"""
    reset_header: str = ""
    """of an answer that turns away, when it takes requests again: a time in ms, or ms from now"""

    def code_of(self, text: str) -> str | None:
        for pattern in self.patterns:
            if found := re.search(pattern, text):
                return found.group(1)
        return None

    def refuses(self, code: str) -> bool:
        return bool(self.refusing and re.fullmatch(self.refusing, code))


def _each(what: RefusalCause, *codes: str) -> dict[str, RefusalCause]:
    return dict.fromkeys(codes, what)


_SIGNATURE = "the signature is wrong: is the API secret the one that belongs to the key?"
_NO_KEY = "the API key is not one of this exchange, or of its other network"
_PASSPHRASE = "the passphrase is not the one that belongs to the key"
_REDUCE_ONLY_ACCOUNT = "the account may only reduce its positions"
_ACCOUNT_MODE = "the account's mode does not allow it: set it to one for futures there"
_MARGIN_MODE = "the account's margin mode for this symbol is another one: set it there"
_NOT_HERE = "the exchange does not offer this symbol where the account is"

_BINANCE = ErrorCodes(
    outcomes={
        "-1000": U,  # unknown error while processing
        "-1001": U,  # disconnected: unable to process, or to tell
        "-1003": N,  # too many requests; "unknown error" under this code is told apart
        "-1006": U,  # unexpected response from the message bus: execution status unknown
        "-1007": U,  # timeout waiting for the backend: send and execution status unknown
        "-1008": N,  # overloaded: turned away by system-level protection
        "-1015": N,  # too many orders
        "-1016": N,  # the service is shutting down
        "-1021": N,  # the request's time is outside of its window
        "-5028": N,  # the same, found out by the matching engine: not placed
        "-1125": N,  # a listen key that ran out: a lost stream, and ccxt blames the credentials
        "-1022": A,
        "-1002": A,
        "-2008": A,
        "-2014": A,
        "-2015": A,  # ccxt takes it for a ban once a key has worked; a halt is the safe reading
    },
    causes={
        "-1021": causes.CLOCK,
        "-5028": causes.CLOCK,
        "-1125": "the key of the account's stream ran out",
        "-1002": causes.KEY,
        "-1022": _SIGNATURE,
        "-2014": "the API key is not one of this exchange",
        "-2015": causes.KEY,
        "-2017": "the API keys of this account are locked",
        "-3022": "trading is forbidden for this account",
        "-4061": causes.HEDGE_MODE,
        "-4087": _REDUCE_ONLY_ACCOUNT,
        "-4088": "the account may place no orders at present",
        "-4108": causes.CLOSED,
        "-4140": causes.CLOSED,
        "-1121": "the exchange lists no such symbol any more",
    },
    refusals={
        **_each(
            _R.RULES,
            "-1013", "-1111", "-4003", "-4004", "-4005", "-4013", "-4014", "-4016", "-4023", "-4024",
            "-4029", "-4030", "-4131", "-4164",
        ),
        **_each(_R.FUNDS, "-2018", "-2019"),
        **_each(_R.REDUCE_ONLY, "-2022", "-4118"),
        **_each(_R.POSITION_SIDE, "-4061", "-4062"),
        **_each(_R.CLOSED, "-4108", "-4140", "-4141", "-1121"),
    },
    not_found=frozenset({"-2011", "-2013", "-1125"}),
    refuses_by_4xx=True,
)  # fmt: skip

_OKX = ErrorCodes(
    # an order's own code stands inside of an answer whose code says no more than "failed"
    patterns=(r'"sCode"\s*:\s*"([1-9][0-9]{0,8})"', BY_NUMBER),
    outcomes={
        "50004": U,  # timed out: says nothing about the order
        "50009": N,  # blocked while a position is being liquidated: it passes
        **dict.fromkeys(("50017", "50018", "50019", "50020", "50021", "50022", "50023"), N),
        "50061": N,  # orders come too fast
        "50102": N,
        "50112": N,  # its time cannot be right: ccxt blames the keys
        "50100": A,  # the key is frozen
        **dict.fromkeys(
            (
                "50010", "50012", "50015", "50016", "50025", "50028", "50062", "51155",
            ),
            R,
        ),
    },
    causes={
        "50009": "the account is blocked while a position of it is being liquidated",
        **dict.fromkeys(
            ("50017", "50018", "50019"), "frozen while positions are deleveraged (ADL)"
        ),
        **dict.fromkeys(("50020", "50021", "50022"), "frozen while a position is liquidated"),
        "50023": "frozen while funding is settled",
        "50027": _REDUCE_ONLY_ACCOUNT,
        "50061": causes.TOO_OFTEN,
        "50100": "the API key is frozen: ask the exchange",
        "50101": _NO_KEY,
        "50102": causes.CLOCK,
        "50112": causes.CLOCK,
        "50105": _PASSPHRASE,
        "50110": "this machine's IP address is not one that the API key allows",
        "50111": _NO_KEY,
        "50113": _SIGNATURE,
        "51010": _ACCOUNT_MODE,
        "51155": _NOT_HERE,
    },
    refusals={
        **_each(
            _R.FUNDS, "51008", "51119", "51127", "51131", "51502", "51736", "51764", "51004"
        ),
        **_each(
            _R.REDUCE_ONLY, "51023", "51112", "51134", "51169", "51170", "51205", "51115", "51126"
        ),
        **_each(_R.CLOSED, "51155", "54072", "51110", "51124"),
        **_each(
            _R.OTHER,
            "51010", "51016", "51025", "51102", "51117", "51174", "51261", "51277", "51278",
            "51279", "51280", "54008",
        ),
    },
    refusing="5[1-9][0-9]{3}",
    not_found=frozenset({"51400", "51401", "51402", "51405", "51503", "51509", "51510", "51603"}),
    refuses_by_4xx=True,
)  # fmt: skip

_BYBIT = ErrorCodes(
    patterns=(r'"ret_?[cC]ode"\s*:\s*"?(-?[0-9]{1,9})"?',),
    outcomes={
        "-1021": N,
        "10002": N,
        "10009": N,  # a ban of the address, which ends: ccxt blames the keys
        "10018": N,
        "170005": N,  # orders come too fast
        "10029": R,  # the symbol, not the key
        "5004": U,
        "10000": U,
        "10016": U,
        "170001": U,
        "170007": U,
        "170032": U,
        "170146": U,  # created too late, or not
    },
    causes={
        "-1021": causes.CLOCK,
        "10002": causes.CLOCK,
        "10003": _NO_KEY,
        "10004": _SIGNATURE,
        "10005": "the API key may not do this",
        "10006": causes.TOO_OFTEN,
        "10009": "this machine's IP address is banned by the exchange for a while",
        "10010": "this machine's IP address is not one that the API key allows",
        "10018": causes.TOO_OFTEN,
        "10024": "the exchange's rules for where the account is do not allow it",
        "10027": "trading is forbidden for this account",
        "10029": _NOT_HERE,
        "110023": "the symbol may only be reduced",
        "110042": "the symbol may only be reduced",
        "110063": "the symbol is being settled",
    },
    refusals={
        **_each(_R.REDUCE_ONLY, "110017", "110034", "110022"),
        **_each(
            _R.CLOSED,
            "10029", "110023", "110042", "110063", "110066", "110070", "110074", "170121",
            "170151", "170157", "170031",
        ),
        **_each(_R.FUNDS, "110011", "110039", "110040"),
        **_each(_R.POSITION_SIDE, "110025", "110029"),
        **_each(
            _R.OTHER,
            "110005", "110009", "110020", "110021", "110030", "110035", "110072", "110092",
            "110093", "170141", "170149",
        ),
    },
    refusing="1[17]0[0-9]{3}",
    not_found=frozenset({
        "110001", "110008", "110010", "170139", "170142", "170143", "170190", "170213",
    }),
    reset_header="x-bapi-limit-reset-timestamp",
)  # fmt: skip

_KUCOIN = ErrorCodes(
    outcomes={
        "408000": U,  # timed out: ccxt takes it for a refusal
        "200002": N,
        "400002": N,
        "429000": N,
        "100003": R,
        "100005": R,
    },
    causes={
        "200002": causes.TOO_OFTEN,
        "429000": causes.TOO_OFTEN,
        "400002": causes.CLOCK,
        "400003": _NO_KEY,
        "400004": _PASSPHRASE,
        "400005": _SIGNATURE,
        "400006": "this machine's IP address is not one that the API key allows",
        "400007": "the API key may not do this",
        "411100": "the account is frozen",
        "330005": _MARGIN_MODE,
    },
    refusals={
        **_each(_R.FUNDS, "300003", "330008", "300006", "300014", "200004", "126013"),
        **_each(_R.REDUCE_ONLY, "300009"),
        **_each(_R.POSITION_SIDE, "330012", "330011"),
        **_each(
            _R.CLOSED, "300002", "300015", "400200", "400600", "126004", "126006", "126007",
            "126009", "126015",
        ),
        **_each(_R.RULES, "300005", "300010", "300011", "300012", "126003"),
        **_each(
            _R.OTHER, "330005", "300001", "300004", "300007", "300008", "300018", "126011", "126033",
            "126044", "126042",
        ),
    },
    refusing="(3[03]0|126)[0-9]{3}",
    not_found=frozenset({"100001", "100004", "126043"}),
    reset_header="gw-ratelimit-reset",
)  # fmt: skip

_GATE = ErrorCodes(
    patterns=(r'"label"\s*:\s*"([A-Za-z_]{1,60})"',),
    outcomes={
        "REQUEST_EXPIRED": N,  # ccxt blames the keys
        "POSITION_IN_LIQUIDATION": N,
        "POSITION_IN_CLOSE": N,
        "INTERNAL": U,
        "SERVER_ERROR": U,
        "TOO_BUSY": U,
    },
    causes={
        "REQUEST_EXPIRED": causes.CLOCK,
        "INVALID_KEY": _NO_KEY,
        "INVALID_CREDENTIALS": _NO_KEY,
        "INVALID_SIGNATURE": _SIGNATURE,
        "IP_FORBIDDEN": "this machine's IP address is not one that the API key allows",
        "READ_ONLY": "the API key may only read",
        "FORBIDDEN": "the API key may not do this",
        "ACCOUNT_LOCKED": "the account is locked",
        "USER_NOT_FOUND": "there is no futures account yet: move money to it there",
        "TRADE_RESTRICTED": "trading of this symbol is restricted for the account",
        "TOO_FAST": causes.TOO_OFTEN,
        "TOO_MANY_REQUESTS": causes.TOO_OFTEN,
        "POSITION_IN_LIQUIDATION": "the position is being liquidated",
        "POSITION_IN_CLOSE": "the position is being closed by the exchange",
    },
    refusals={
        **_each(
            _R.REDUCE_ONLY, "POSITION_EMPTY", "INCREASE_POSITION", "REDUCE_EXCEEDED",
            "REDUCE_ONLY_FAIL",
        ),
        **_each(
            _R.CLOSED, "TRADE_RESTRICTED", "CONTRACT_IN_DELISTING", "CONTRACT_NOT_FOUND",
            "INVALID_CURRENCY_PAIR",
        ),
        **_each(_R.FUNDS, "LIQUIDATE_IMMEDIATELY", "QUANTITY_NOT_ENOUGH"),
        **_each(_R.POSITION_SIDE, "POSITION_DUAL_MODE"),
        **_each(_R.NOT_FILLED, "CONTRACT_NO_COUNTER"),
        **_each(
            _R.OTHER, "RISK_LIMIT_EXCEEDED", "TOO_MANY_ORDERS", "LEVERAGE_TOO_HIGH",
            "LEVERAGE_TOO_LOW", "REPEATED_CREATION", "AUTO_TRIGGER_PRICE_LESS_LAST",
            "AUTO_TRIGGER_PRICE_GREATE_LAST",
        ),
    },
    not_found=frozenset({
        "ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_FINISHED", "ORDER_CLOSED",
        "ORDER_CANCELLED", "AUTO_ORDER_NOT_FOUND",
    }),
    refuses_by_4xx=True,
)  # fmt: skip

TABLE: dict[str, ErrorCodes] = {
    **dict.fromkeys(("binance", "binanceus", "binanceusdm"), _BINANCE),
    **dict.fromkeys(("okx", "myokx", "okxus"), _OKX),
    **dict.fromkeys(("bybit", "bybiteu", "bybitid"), _BYBIT),
    **dict.fromkeys(("kucoin", "kucoinfutures"), _KUCOIN),
    **dict.fromkeys(("gate", "gateeu"), _GATE),
}
NONE = ErrorCodes()


def codes_of(exchange_id: str) -> ErrorCodes:
    return TABLE.get(exchange_id, NONE)


__all__ = ["ErrorCodes", "Outcome", "codes_of"]
