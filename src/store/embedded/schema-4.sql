-- A further version of the embedded store; see schema.sql for how to read it.

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
