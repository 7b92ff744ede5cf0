-- Version 1 of the search index. Everything in it was made from the main file: deleting it while the gateway
-- is down only costs the time to make it again.

-- How far each table of the main file has been moved into the index, by its key.
CREATE TABLE source (
    name     TEXT PRIMARY KEY,
    moved_to INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The days there is a table entry_YYYYMMDD for, as days since 1970 UTC. Such a table holds rows
-- (field, value, id): the row `id` of a list has this value in this field.
CREATE TABLE day (
    day     INTEGER PRIMARY KEY,
    entries TEXT NOT NULL
) STRICT;
