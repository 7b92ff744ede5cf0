-- Version 10: short messages.

CREATE TABLE message (
    key           INTEGER PRIMARY KEY,
    switch_id     TEXT NOT NULL,             -- messageId
    identifier    TEXT NOT NULL,             -- smsIdentifier
    at            INTEGER NOT NULL,          -- by the switch's clock
    sender        INTEGER NOT NULL,
    x             INTEGER,                   -- NULL: was sent to no number
    app           INTEGER,                   -- NULL: x is not one of ours
    mode          TEXT,
    segments      INTEGER NOT NULL,          -- as it came in
    subscription  INTEGER,                   -- the id of the binding
    user_data     TEXT,
    direction     INTEGER NOT NULL,          -- 0 to A, 1 from A, 2 no binding
    decision      TEXT NOT NULL,             -- forward, or why it was dropped
    receiver      INTEGER,                   -- forward only, like the next
    rewrite       TEXT,
    result        INTEGER,                   -- sendResult; NULL: is awaited, like the next three
    sent_segments INTEGER,
    ended_at      INTEGER,
    swept         INTEGER,                   -- 1: no result was reported
    question      TEXT                       -- JSON: what came of asking the customer, as in call
) STRICT;

-- The messages whose result is awaited, with the text that the switch may still have to be told. The row goes with
-- the result, and with it the text.
CREATE TABLE open_message (
    message INTEGER PRIMARY KEY,
    text    TEXT NOT NULL
) STRICT;
