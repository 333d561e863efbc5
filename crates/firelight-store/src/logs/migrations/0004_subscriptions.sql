-- Who is told of the events of a group, and up to which event it was. What the body says is the business of the owner.
CREATE TABLE log_subscription (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES log_group (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    upto INTEGER NOT NULL,
    UNIQUE (group_id, name)
) STRICT;
