-- Written by version 0.1.0: one group with retention, one stream, two events.
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'logs','2026-11-23 16:05:19',1,X'9A2D115BD9589067348A48D29F9AF85134972D9B639821EE9ABC288AFFFE603077F06A5E407F5AF544B47F903F910014',1212465);
CREATE TABLE gone_stream (
    stream_id INTEGER NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE log_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    ingested_ms INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;
INSERT INTO "log_event" VALUES(1,1,1,1790000000001,1790000000000,'first');
INSERT INTO "log_event" VALUES(2,1,1,1790000000002,1790000000000,'second');
CREATE TABLE log_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    retention_days INTEGER,
    stored_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, name)
) STRICT;
INSERT INTO "log_group" VALUES(1,'000000000000','/aws/lambda/resize',1790000000000,14,63);
CREATE TABLE log_stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES log_group (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    first_event_ms INTEGER NOT NULL DEFAULT 0,
    last_event_ms INTEGER NOT NULL DEFAULT 0,
    last_ingestion_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (group_id, name)
) STRICT;
INSERT INTO "log_stream" VALUES(1,1,'2026/09/21/[$LATEST]0123456789abcdef0123456789abcdef',1790000000000,1790000000001,1790000000002,1790000000000);
CREATE INDEX log_stream_by_last_event ON log_stream (group_id, last_event_ms, name);
CREATE INDEX log_event_by_stream ON log_event (stream_id, at_ms, seq);
CREATE INDEX log_event_by_group ON log_event (group_id, at_ms, seq);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('log_group',1);
INSERT INTO "sqlite_sequence" VALUES('log_stream',1);
INSERT INTO "sqlite_sequence" VALUES('log_event',2);
COMMIT;
