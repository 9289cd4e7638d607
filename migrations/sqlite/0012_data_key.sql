-- What every other secret is derived from, encrypted under a master key that is kept elsewhere. No row: it is in
-- the key file.
CREATE TABLE data_key (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    sealed BLOB   NOT NULL
);
