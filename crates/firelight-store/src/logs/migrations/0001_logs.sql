-- Log groups, their streams, and the events in them.

-- Ids are never used again (AUTOINCREMENT): what is removed in the background is found by id.
CREATE TABLE log_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    retention_days INTEGER,
    stored_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, name)
) STRICT;

-- A time of 0 says that there is none: the stream has no event yet.
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
CREATE INDEX log_stream_by_last_event ON log_stream (group_id, last_event_ms, name);

-- An event whose stream is gone is invisible and is removed in the background.
CREATE TABLE log_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    ingested_ms INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX log_event_by_stream ON log_event (stream_id, at_ms, seq);
CREATE INDEX log_event_by_group ON log_event (group_id, at_ms, seq);

-- Streams that are gone and whose events are still to be removed.
CREATE TABLE gone_stream (
    stream_id INTEGER NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
