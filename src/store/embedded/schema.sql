-- Version 1 of the embedded store. A change of the schema is a further file with the next number, never an
-- edit of this one once it has been released.
--
-- Reading it in the sqlite3 shell, also while the gateway runs:
--   * telephone numbers are integers without the "+"; a caller of 0 was withheld, -1 was no global number;
--   * instants are milliseconds since 1970 UTC:  datetime(since / 1000, 'unixepoch');
--   * keys rise with time and tell when they were drawn:  datetime((id >> 21) / 1000, 'unixepoch').
--
-- Tables that are written before a request is answered have a key that rises with time and no other index:
-- an index on a random value would make every commit touch as many pages as it has rows.

-- Facts about the installation itself.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE app (
    no                    INTEGER PRIMARY KEY,
    key                   TEXT NOT NULL,
    name                  TEXT NOT NULL,
    mode                  TEXT NOT NULL,     -- AX, AXB
    secret                TEXT NOT NULL,
    previous_secret       TEXT,
    previous_secret_until INTEGER,
    suspended             INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    settings              TEXT NOT NULL      -- JSON
) STRICT;

CREATE TABLE number (
    x            INTEGER PRIMARY KEY,
    app          INTEGER NOT NULL,
    area         TEXT,
    sms          INTEGER NOT NULL,
    status       TEXT NOT NULL,              -- 5 normal, 9 suspended, 10 unavailable, 11 binding frozen
    cause        INTEGER,
    added_at     INTEGER NOT NULL,
    last_call_at INTEGER
) STRICT;

-- Bindings that stand.
CREATE TABLE binding (
    id                    INTEGER PRIMARY KEY,
    app                   INTEGER NOT NULL,
    mode                  TEXT NOT NULL,
    x                     INTEGER NOT NULL,
    a                     INTEGER NOT NULL,
    b                     INTEGER,           -- AXB only
    duration_secs         INTEGER,           -- AXB only, as asked for
    next_callee           INTEGER,           -- AX only: the temporary callee
    next_callee_until     INTEGER,
    next_callee_user_data TEXT,
    direction_given       INTEGER NOT NULL,
    turned_on             INTEGER NOT NULL,
    direction             INTEGER NOT NULL,  -- 0 both, 1 A calls, 2 B calls
    max_duration_minutes  INTEGER NOT NULL,  -- 0 unlimited
    record                INTEGER NOT NULL,
    sms                   INTEGER NOT NULL,
    extras                TEXT,              -- JSON: tones and user data
    expires_at            INTEGER,           -- NULL never
    since                 INTEGER NOT NULL
) STRICT;

-- Bindings that ended, as they stood last. The key is not below that of the instant it ended.
CREATE TABLE binding_ended (
    key                   INTEGER PRIMARY KEY,
    cause                 TEXT NOT NULL,     -- customer, operator, expired, numberWithdrawn
    at                    INTEGER NOT NULL,
    id                    INTEGER NOT NULL,
    app                   INTEGER NOT NULL,
    mode                  TEXT NOT NULL,
    x                     INTEGER NOT NULL,
    a                     INTEGER NOT NULL,
    b                     INTEGER,
    duration_secs         INTEGER,
    next_callee           INTEGER,
    next_callee_until     INTEGER,
    next_callee_user_data TEXT,
    direction_given       INTEGER NOT NULL,
    turned_on             INTEGER NOT NULL,
    direction             INTEGER NOT NULL,
    max_duration_minutes  INTEGER NOT NULL,
    record                INTEGER NOT NULL,
    sms                   INTEGER NOT NULL,
    extras                TEXT,
    expires_at            INTEGER,
    since                 INTEGER NOT NULL
) STRICT;

CREATE TABLE call (
    key          INTEGER PRIMARY KEY,
    switch_id    TEXT NOT NULL,
    session      TEXT NOT NULL,
    decided_at   INTEGER,                    -- NULL: only events arrived, nobody asked for a route
    caller       INTEGER,
    called       INTEGER,
    app          INTEGER,                    -- NULL: the number dialled is not one of ours
    mode         TEXT,
    basis        TEXT,                       -- asked, presumed
    subscription INTEGER,                    -- the id of the binding
    a_calls      INTEGER,
    user_data    TEXT,
    route        TEXT,                       -- JSON: connect or reject, and how
    recording    TEXT                        -- JSON
) STRICT;

-- The calls that are open, so that start-up finds them without reading all.
CREATE TABLE live_call (
    call INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE call_event (
    call        INTEGER NOT NULL,
    n           INTEGER NOT NULL,            -- in the order of arrival
    event_id    TEXT NOT NULL,
    stage       TEXT NOT NULL,               -- callin, callout, alerting, answer, disconnect
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    caller      INTEGER,
    called      INTEGER,
    sip         INTEGER,
    q850        INTEGER,
    released_by TEXT,
    PRIMARY KEY (call, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_closed (
    call  INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    swept INTEGER NOT NULL                   -- 1: no end was reported
) STRICT;

-- The same closings in the order of their time, so that start-up finds the recent ones without reading all.
CREATE TABLE closing (
    key  INTEGER PRIMARY KEY,
    call INTEGER NOT NULL
) STRICT;

CREATE TABLE cdr (
    id            INTEGER PRIMARY KEY,
    call          INTEGER NOT NULL,
    app           INTEGER NOT NULL,
    mode          TEXT NOT NULL,
    session       TEXT NOT NULL,
    x             INTEGER NOT NULL,
    caller        INTEGER NOT NULL,
    destination   INTEGER,
    direction     INTEGER NOT NULL,          -- 0 B or others called, 1 A called, 2 no binding
    subscription  INTEGER,
    user_data     TEXT,
    call_in       INTEGER,
    forward_start INTEGER,
    alerting      INTEGER,
    answer        INTEGER,
    ended_at      INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    fail_reason   INTEGER NOT NULL,
    q850          INTEGER NOT NULL,
    sip           INTEGER NOT NULL,
    recording     TEXT,
    swept         INTEGER NOT NULL,
    delivery      INTEGER                    -- the push it went out with, when the app has a CDR address
) STRICT;

-- Notices to deliver. A row never changes; where a delivery stands is in one of the next two tables.
CREATE TABLE delivery (
    id      INTEGER PRIMARY KEY,
    app     INTEGER NOT NULL,
    kind    TEXT NOT NULL,                   -- event, cdr, numStatus
    call    INTEGER,
    session TEXT,
    body    BLOB NOT NULL                    -- last: reading a row without it does not touch its pages
) STRICT;

CREATE TABLE delivery_pending (
    id            INTEGER PRIMARY KEY,
    pushes        INTEGER NOT NULL,
    first_push_at INTEGER,
    due           INTEGER NOT NULL
) STRICT;

CREATE TABLE delivery_ended (
    id            INTEGER PRIMARY KEY,
    pushes        INTEGER NOT NULL,
    first_push_at INTEGER,
    due           INTEGER NOT NULL,
    state         TEXT NOT NULL,             -- delivered, exhausted
    ended_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    n        INTEGER NOT NULL,               -- in the order of time, from 1
    at       INTEGER NOT NULL,
    url      TEXT NOT NULL,
    address  TEXT,
    status   INTEGER,
    took_ms  INTEGER NOT NULL,
    timings  TEXT,                           -- JSON: [[name, milliseconds], ...]
    answer   BLOB NOT NULL,                  -- the beginning of it
    failure  TEXT,
    PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
