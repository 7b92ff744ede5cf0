-- Version 8: AXYB. The binding of an X has `axyb`; each of its B has a row of its own, with `ax` and `y`.

-- JSON: where X was wanted, and how long each Y stands.
ALTER TABLE binding           ADD COLUMN axyb TEXT;
ALTER TABLE binding_ended     ADD COLUMN axyb TEXT;
-- The id of the binding of the X on which the B stands.
ALTER TABLE binding           ADD COLUMN ax INTEGER;
ALTER TABLE binding_ended     ADD COLUMN ax INTEGER;
-- What stands for the B towards A.
ALTER TABLE binding           ADD COLUMN y INTEGER;
ALTER TABLE binding_ended     ADD COLUMN y INTEGER;
ALTER TABLE binding_operation ADD COLUMN y INTEGER;
-- The X of the binding, when a Y was dialled.
ALTER TABLE call              ADD COLUMN bound_x INTEGER;
ALTER TABLE cdr               ADD COLUMN bound_x INTEGER;
