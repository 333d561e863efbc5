-- What went through the way out of environments.

ALTER TABLE usage ADD COLUMN sent_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN received_bytes INTEGER NOT NULL DEFAULT 0;
