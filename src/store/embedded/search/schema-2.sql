-- Version 2 of the search index: deliveries are found by their app too, so they are moved once more.
DELETE FROM source WHERE name = 'delivery';
