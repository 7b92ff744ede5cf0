-- Version 3 of the search index: of a session it holds a hash, which takes a third of the room and of the time. The fields
-- have new numbers, so what is found by session is moved once more; entries of the old ones go with their day.
DELETE FROM source WHERE name IN ('cdr', 'delivery', 'closing');
