-- Groups belong to an account in a region, and not to an account alone. What was written before was written by daemons
-- that had one region, which was this one unless somebody had set another.
ALTER TABLE log_group RENAME COLUMN account TO place;
UPDATE log_group SET place = place || '/us-east-1';
