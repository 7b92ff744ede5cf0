-- Version 7: X mode. The question to the customer is kept with the call that it decided.

ALTER TABLE call ADD COLUMN question TEXT;        -- JSON: when, where to, how long it took, what was answered

-- What the callee saw. NULL in a forwarded call of an earlier version: the number that was dialled.
ALTER TABLE cdr ADD COLUMN display INTEGER;

-- Who ended the call, as the switch reported: caller, callee, switch, gateway, timeout, maxDuration.
ALTER TABLE cdr ADD COLUMN released_by TEXT;
