-- Records, the feed of their changes, and which transactions have been done already.

-- One row: the number of the newest commit, the commit up to which the feed was trimmed, and the
-- time of the newest commit, which keeps the store's clock from running backwards.
CREATE TABLE meta (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    head INTEGER NOT NULL,
    feed_floor INTEGER NOT NULL,
    now_ms INTEGER NOT NULL
) STRICT;
INSERT INTO meta (only_row, head, feed_floor, now_ms) VALUES (1, 0, 0, 0);

CREATE TABLE record (
    key TEXT NOT NULL PRIMARY KEY,
    rev INTEGER NOT NULL,
    expires_ms INTEGER,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE feed (
    rev INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (rev, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE done (
    idempotency_key TEXT NOT NULL PRIMARY KEY,
    rev INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX done_by_time ON done (at_ms);
