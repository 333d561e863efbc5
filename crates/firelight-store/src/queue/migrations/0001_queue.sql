-- A queue: lanes, the items in them, and their bodies.

-- One row: counters, and the time of the newest commit, which keeps the clock from running backwards.
CREATE TABLE meta (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    now_ms INTEGER NOT NULL
) STRICT;
INSERT INTO meta (only_row, epoch, last_id, turn, now_ms) VALUES (1, 0, 0, 0, 0);

-- A lane lives while it has items. `turn` is when it was last served; the smallest is served next.
CREATE TABLE lane (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    shard INTEGER NOT NULL,
    items INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    next_due_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX lane_by_due ON lane (next_due_ms);

-- `due_ms` of a held item is when its hold runs out.
CREATE TABLE item (
    id INTEGER NOT NULL PRIMARY KEY,
    lane INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    attempt INTEGER NOT NULL,
    first_at_ms INTEGER NOT NULL,
    notes BLOB NOT NULL
) STRICT;
CREATE INDEX item_by_due ON item (lane, due_ms);
CREATE INDEX item_by_age ON item (lane, id);
CREATE INDEX item_held ON item (lane, due_ms) WHERE held = 1;

-- Apart from the items, so that a retry does not rewrite it.
CREATE TABLE body (
    item INTEGER NOT NULL PRIMARY KEY,
    content BLOB NOT NULL
) STRICT;
