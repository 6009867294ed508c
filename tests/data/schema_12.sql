CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, account_kind TEXT NOT NULL,
    mode TEXT NOT NULL, source TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
    end_reason TEXT, events INTEGER NOT NULL DEFAULT 0,
    pnl TEXT NOT NULL DEFAULT '0', run_orders INTEGER NOT NULL DEFAULT 0,
    run_fills INTEGER NOT NULL DEFAULT 0, run_pnl TEXT NOT NULL DEFAULT '0',
    run_funding TEXT NOT NULL DEFAULT '0', run_insurance TEXT NOT NULL DEFAULT '0',
    max_drawdown_pct TEXT NOT NULL DEFAULT '0',
    untraded TEXT, journal TEXT NOT NULL, last_seq INTEGER NOT NULL DEFAULT 0,
    state_hash TEXT NOT NULL DEFAULT '', status TEXT,
    pruned INTEGER NOT NULL DEFAULT 0, pruned_until TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, client_order_id TEXT NOT NULL, venue_order_id TEXT NOT NULL,
    account_id TEXT NOT NULL, run_id TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
    type TEXT NOT NULL, quantity TEXT NOT NULL, filled TEXT NOT NULL, price TEXT, stop_price TEXT,
    average_price TEXT, status TEXT NOT NULL, strategy TEXT NOT NULL, reason TEXT NOT NULL,
    fees TEXT NOT NULL, reduce_only INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    parent_id TEXT NOT NULL, algorithm TEXT NOT NULL, tag TEXT NOT NULL,
    leg TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_account ON orders (account_id);
CREATE TABLE fills (
    trade_id TEXT NOT NULL, order_id TEXT NOT NULL, client_order_id TEXT NOT NULL,
    account_id TEXT NOT NULL, run_id TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
    quantity TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL,
    fee_value TEXT NOT NULL, liquidity TEXT NOT NULL, strategy TEXT NOT NULL, time TEXT NOT NULL,
    kept TEXT NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) STRICT;
CREATE INDEX fills_by_account ON fills (account_id);
CREATE TABLE pruned_fills (
    account_id TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
    PRIMARY KEY (account_id, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, type TEXT NOT NULL, severity TEXT NOT NULL,
    message TEXT NOT NULL, component TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, channels TEXT NOT NULL, due INTEGER NOT NULL,
    step INTEGER NOT NULL, notice TEXT NOT NULL
) STRICT;
CREATE TABLE snapshots (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, taken_at INTEGER NOT NULL, hash TEXT NOT NULL,
    body TEXT NOT NULL, sealed TEXT, PRIMARY KEY (run_id, seq)
) STRICT;
CREATE INDEX snapshots_by_time ON snapshots (taken_at);
