-- Logout tokens that were taken: each is good once.
CREATE TABLE logout_tokens (
    issuer     TEXT COLLATE "C" NOT NULL,
    jti        TEXT COLLATE "C" NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX logout_tokens_by_age ON logout_tokens (keep_until);
