-- The nodes that share this database. A node's `beat` grows while it lives.
CREATE TABLE nodes (
    id      UUID   PRIMARY KEY,
    name    TEXT   NOT NULL,
    beat    BIGINT NOT NULL,
    applied BIGINT NOT NULL
);
-- Which of them does what is to be done once.
CREATE TABLE duty (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    holder UUID
);
INSERT INTO duty (id, holder) VALUES (1, NULL);
