-- What functions used, one row for each function version, size and hour.

CREATE TABLE usage (
    account TEXT NOT NULL,
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    architecture TEXT NOT NULL,
    memory_mb INTEGER NOT NULL,
    hour INTEGER NOT NULL, -- hours since 1970
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    throttles INTEGER NOT NULL,
    cold_starts INTEGER NOT NULL,
    billed_ms INTEGER NOT NULL,
    billed_mb_ms INTEGER NOT NULL,
    init_ms INTEGER NOT NULL,
    PRIMARY KEY (account, hour, function, version, architecture, memory_mb)
) STRICT, WITHOUT ROWID;
