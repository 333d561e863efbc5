-- Events lie in pages: what one write adds to one stream is one row, and not three entries for each event.

-- Events of a page are numbered one after the other; last_seq is the number of the last. The text of a page is
-- described in page.rs. A number is never used again (AUTOINCREMENT).
CREATE TABLE log_page (
    last_seq INTEGER PRIMARY KEY AUTOINCREMENT,
    events INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    ingested_ms INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

INSERT INTO log_page
SELECT seq, 1, group_id, stream_id, at_ms, at_ms, ingested_ms, octet_length(message) + 26,
    CAST(at_ms || ' ' || octet_length(message) || char(10) || message AS BLOB)
FROM log_event;

-- Numbers of events that were removed are not used again either.
DELETE FROM sqlite_sequence WHERE name = 'log_page';
INSERT INTO sqlite_sequence (name, seq) SELECT 'log_page', seq FROM sqlite_sequence WHERE name = 'log_event';
DROP TABLE log_event;

CREATE INDEX log_page_by_stream ON log_page (stream_id, first_ms);
CREATE INDEX log_page_by_group ON log_page (group_id, first_ms);
