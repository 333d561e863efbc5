-- Written by version 0.1.0: one row.
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'usage','2026-11-23 16:05:19',1,X'85D1044FB9A5F1A00A5AB91EBEB2FBCB531A587612CC3B076EA5C183038311E1F4C5C301622FC4A627FBB9B5DF1C5D0C',1008723);
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
INSERT INTO "usage" VALUES('000000000000','resize','7','arm64',512,497222,3,1,2,1,40,20480,120);
COMMIT;
