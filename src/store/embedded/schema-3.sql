-- Version 3: AXE.

-- What callers key after X, with its leading zeros.
ALTER TABLE binding       ADD COLUMN extension TEXT;
ALTER TABLE binding_ended ADD COLUMN extension TEXT;
-- JSON: times as the customer wrote them, and what A's own calls meet.
ALTER TABLE binding       ADD COLUMN axe TEXT;
ALTER TABLE binding_ended ADD COLUMN axe TEXT;
-- The extension of the binding that the call goes through.
ALTER TABLE call          ADD COLUMN extension TEXT;
-- What the caller keyed, in collectInfo; empty: nothing.
ALTER TABLE call_event    ADD COLUMN digits TEXT;
-- The extension that the CDR names: of the binding, else what the caller keyed.
ALTER TABLE cdr           ADD COLUMN extension TEXT;

-- Who called A last through a binding that stands: whom A's call to X reaches. One row per binding at most.
CREATE TABLE last_caller (
    binding INTEGER PRIMARY KEY,
    caller  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
