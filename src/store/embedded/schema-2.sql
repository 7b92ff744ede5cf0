-- Version 2: what start-up must know of a pending delivery stands in its own small row. Before, a million of
-- them were looked up among their bodies, which meant reading all the bodies.

CREATE TABLE pending (
    id            INTEGER PRIMARY KEY,
    app           INTEGER NOT NULL,          -- this and the next two as in delivery
    kind          TEXT NOT NULL,
    call          INTEGER,
    pushes        INTEGER NOT NULL,
    first_push_at INTEGER,
    due           INTEGER NOT NULL
) STRICT;

INSERT INTO pending (id, app, kind, call, pushes, first_push_at, due)
SELECT p.id, d.app, d.kind, d.call, p.pushes, p.first_push_at, p.due
FROM delivery_pending p CROSS JOIN delivery d ON d.id = p.id ORDER BY p.id;

DROP TABLE delivery_pending;
ALTER TABLE pending RENAME TO delivery_pending;
