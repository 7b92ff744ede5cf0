-- Version 9: fewer rows for a notice. Most are delivered by their first push, and now leave two rows: what was
-- queued, and how it ended. delivery_pending has a row only of what has been pushed in vain, or waits for long.

-- The last push of a delivery that has ended, as in attempt, where only those before it stand. NULL in rows of
-- earlier versions: all their pushes stand in attempt.
ALTER TABLE delivery_ended ADD COLUMN at       INTEGER;
ALTER TABLE delivery_ended ADD COLUMN url      TEXT;
ALTER TABLE delivery_ended ADD COLUMN address  TEXT;
ALTER TABLE delivery_ended ADD COLUMN status   INTEGER;
ALTER TABLE delivery_ended ADD COLUMN took_ms  INTEGER;
ALTER TABLE delivery_ended ADD COLUMN timings  TEXT;
ALTER TABLE delivery_ended ADD COLUMN answer   BLOB;
ALTER TABLE delivery_ended ADD COLUMN failure  TEXT;

-- One row: every delivery up to this key has a row in delivery_pending or in delivery_ended.
CREATE TABLE delivery_frontier (
    up_to INTEGER NOT NULL
) STRICT;

INSERT INTO delivery_frontier (up_to) SELECT coalesce(max(id), 0) FROM delivery;

-- The deliveries beyond it that have neither: they are pending too, and have not been pushed yet. They fell due
-- in the instant that their key tells.
CREATE VIEW delivery_fresh AS
SELECT d.id, d.app, d.kind, d.call FROM delivery d
WHERE d.id > (SELECT up_to FROM delivery_frontier)
    AND NOT EXISTS (SELECT 1 FROM delivery_ended e WHERE e.id = d.id)
    AND NOT EXISTS (SELECT 1 FROM delivery_pending p WHERE p.id = d.id);
