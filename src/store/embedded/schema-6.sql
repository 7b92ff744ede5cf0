-- Version 6: tone files, what was done to bindings, daily CDR files.

-- Tone files. They change rarely, and nothing waits for them, so a key of words does no harm here.
CREATE TABLE tone (
    app         INTEGER NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL,               -- pending, approved, rejected
    bytes       INTEGER NOT NULL,
    sha256      BLOB NOT NULL,
    uploaded_at INTEGER NOT NULL,
    decided_at  INTEGER,
    content     BLOB NOT NULL,               -- last: reading a row without it does not touch its pages
    PRIMARY KEY (app, name)
) STRICT;

-- What was done to bindings: a line for each bind, modify and end. Written with the change itself, so it has a
-- key that rises with time and no other index.
CREATE TABLE binding_operation (
    key        INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,                -- bind, modify, unbind, expire, withdraw
    actor      TEXT NOT NULL,                -- customer, operator, system
    app        INTEGER NOT NULL,
    mode       TEXT NOT NULL,
    binding    INTEGER NOT NULL,             -- the id of the binding
    x          INTEGER NOT NULL,
    a          INTEGER NOT NULL,
    b          INTEGER,
    extension  TEXT,                         -- AXE only
    callee     INTEGER,                      -- the temporary callee, where one is set
    expires_at INTEGER
) STRICT;

-- The days, as days since 1970 UTC, whose CDRs stand in a daily file or were passed over. The last one counts:
-- days are done in order.
CREATE TABLE cdr_file (
    day INTEGER PRIMARY KEY
) STRICT;
