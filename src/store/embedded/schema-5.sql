-- Version 5: recordings that lie with the gateway, beside the database or in a bucket. A row is written after its
-- file, and removed after it.

CREATE TABLE recording (
    key        INTEGER PRIMARY KEY,          -- recordObjectName is made from it
    call       INTEGER NOT NULL,
    app        INTEGER NOT NULL,
    bucket     TEXT NOT NULL,                -- recordBucketName: the folder of the file
    bytes      INTEGER NOT NULL,
    seconds    INTEGER NOT NULL,
    stored_at  INTEGER NOT NULL,
    expires_at INTEGER                       -- NULL: the CDR of the call is not made yet
) STRICT;

-- The same recordings in the order in which they expire, so that the due ones are found without reading all.
CREATE TABLE recording_expiry (
    at        INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    PRIMARY KEY (at, recording)
) STRICT, WITHOUT ROWID;
