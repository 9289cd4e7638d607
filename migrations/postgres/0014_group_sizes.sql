-- How many members each group has, as the sum of its rows: to count a million of them takes longer than all else that
-- is said of a group. Kept by the database, so that it is right whichever version of the server writes. Each change is
-- a row of its own, so that nobody waits for anybody; they are folded from time to time.
CREATE TABLE group_sizes (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id UUID   NOT NULL,
    members  BIGINT NOT NULL
);
CREATE INDEX group_sizes_by_group ON group_sizes (group_id);

CREATE FUNCTION memberships_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_sizes (group_id, members) SELECT group_id, COUNT(*) FROM came GROUP BY group_id;
    RETURN NULL;
END;
$$;
CREATE FUNCTION memberships_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_sizes (group_id, members) SELECT group_id, -COUNT(*) FROM went GROUP BY group_id;
    RETURN NULL;
END;
$$;
-- From here on nobody else writes until this is done.
CREATE TRIGGER memberships_came AFTER INSERT ON memberships
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION memberships_came();
CREATE TRIGGER memberships_went AFTER DELETE ON memberships
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION memberships_went();
INSERT INTO group_sizes (group_id, members) SELECT group_id, COUNT(*) FROM memberships GROUP BY group_id;
