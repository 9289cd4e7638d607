-- How far each sink has come. `failing_since` and `disabled_at` are of those that fail at present.
CREATE TABLE sinks (
    name          TEXT COLLATE "C" PRIMARY KEY,
    seq           BIGINT NOT NULL,
    failing_since BIGINT,
    disabled_at   BIGINT
);
