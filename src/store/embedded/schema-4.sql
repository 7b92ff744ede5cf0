-- Version 4: replays, and what they select.

CREATE TABLE replay (
    id         INTEGER PRIMARY KEY,
    app        INTEGER,                      -- these six are what was asked for; NULL: any
    kind       TEXT,
    state      TEXT,
    session    TEXT,
    from_at    INTEGER,
    to_at      INTEGER,
    per_second INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    taken      INTEGER NOT NULL,             -- so many of what is selected, in the order of keys
    gone       INTEGER NOT NULL,             -- of those taken: were not there any more
    under_way  TEXT NOT NULL,                -- JSON: those taken whose push is not on record yet, and the tracks
    phase      TEXT NOT NULL,                -- running, paused, finished
    ended_at   INTEGER
) STRICT;

-- What unfinished replays select, in portions of 1,000 keys of 8 bytes each.
CREATE TABLE selected (
    replay     INTEGER NOT NULL,
    portion    INTEGER NOT NULL,             -- from 0
    deliveries BLOB NOT NULL,
    PRIMARY KEY (replay, portion)
) STRICT, WITHOUT ROWID;
