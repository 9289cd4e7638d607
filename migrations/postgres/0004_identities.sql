-- Who somebody is for another issuer. `claims_at`: when the newest token was issued of which groups were taken.
CREATE TABLE identities (
    issuer    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,
    user_id   UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    linked_at BIGINT NOT NULL,
    claims_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_user ON identities (user_id, issuer, subject);

-- The sign-in at another issuer that a session came of.
CREATE TABLE foreign_sessions (
    session_id   UUID   PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    issuer       TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    session_key  TEXT COLLATE "C" NOT NULL,
    signed_in_at BIGINT NOT NULL
);
CREATE INDEX foreign_sessions_by_identity ON foreign_sessions (issuer, subject);
CREATE INDEX foreign_sessions_by_key ON foreign_sessions (issuer, session_key);

-- What ended here and goes on there: tokens of such a session, or with an empty key of the whole identity,
-- are good only of a later sign-in. Outlives users and sessions.
CREATE TABLE foreign_ends (
    issuer      TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    session_key TEXT COLLATE "C" NOT NULL,
    ended_at    BIGINT NOT NULL,
    reason      TEXT   NOT NULL,
    PRIMARY KEY (issuer, subject, session_key)
);
CREATE INDEX foreign_ends_by_age ON foreign_ends (ended_at);
