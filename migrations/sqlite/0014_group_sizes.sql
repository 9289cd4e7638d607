-- How many members each group has: to count a million of them takes longer than all else that is said of a group.
-- Kept by the database, so that it is right whichever version of the server writes.
CREATE TABLE group_sizes (
    id       INTEGER PRIMARY KEY,
    group_id BLOB    NOT NULL,
    members  BIGINT  NOT NULL
);
CREATE INDEX group_sizes_by_group ON group_sizes (group_id);
INSERT INTO group_sizes (group_id, members) SELECT group_id, COUNT(*) FROM memberships GROUP BY group_id;

CREATE TRIGGER memberships_came AFTER INSERT ON memberships BEGIN
    UPDATE group_sizes SET members = members + 1 WHERE group_id = NEW.group_id;
    INSERT INTO group_sizes (group_id, members) SELECT NEW.group_id, 1 WHERE changes() = 0;
END;
CREATE TRIGGER memberships_went AFTER DELETE ON memberships BEGIN
    UPDATE group_sizes SET members = members - 1 WHERE group_id = OLD.group_id;
END;
